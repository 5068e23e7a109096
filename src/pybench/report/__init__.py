"""The formats of a comparison: terminal, Markdown, page. None of them computes.

All are made from one `Summary` or `SavedComparison`, so that no two can say different
things. Nothing is imported here: a notebook draws charts without the host's libraries.
"""
