"""The formats of a comparison: terminal, Markdown, page. None of them computes.

All are made from one `Summary` or `SavedComparison`, so that no two can say different
things.
"""

from pybench.report.markdown import markdown
from pybench.report.terminal import show

__all__ = ["markdown", "show"]
