"""The faces of a comparison: terminal, Markdown, JSON. None of them computes anything.

All are made from one `Summary`, so that no two can say different things; those of saved
files from one `SavedComparison`.
"""

from pybench.report.markdown import markdown
from pybench.report.saved_files import saved_markdown, show_saved
from pybench.report.terminal import show

__all__ = ["markdown", "saved_markdown", "show", "show_saved"]
