"""The faces of a comparison: terminal, Markdown, JSON. None of them computes anything.

All are made from one `Summary`, so that no two can say different things.
"""

from pybench.report.markdown import markdown
from pybench.report.terminal import show

__all__ = ["markdown", "show"]
