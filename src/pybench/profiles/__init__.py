"""What a run's times do not tell: where they go, and what memory is taken.

Each profile is a run of its own, beside the one whose times count.
"""

from pybench.profiles.detailed import RowProfile, profile_document, profile_row

__all__ = ["RowProfile", "profile_document", "profile_row"]
