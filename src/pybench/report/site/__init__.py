"""A folder of runs as a static site: the latest, the history, the machines.

`site_files` makes the texts of the files, `write_site` writes them.
"""

from pybench.report.site.pages import site_files
from pybench.report.site.writing import SiteError, write_site

__all__ = ["SiteError", "site_files", "write_site"]
