"""A git ref that an arm's package was built from, as the record of a run has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Enough of a commit's hash to find it again in any repository.
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRef:
    """A ref, and what it meant when the run began.

    `asked` is as it was typed, `name` what the arm is called after it. `changes` is a
    digest of what was not committed, "" for a commit as it is. `committed` is when, in
    seconds since 1970.
    """

    name: str
    asked: str
    commit: str
    committed: int
    changes: str = ""

    @property
    def content(self) -> str:
        """What tells two refs of different content apart."""
        return f"{self.commit}+{self.changes}" if self.changes else self.commit

    @property
    def short(self) -> str:
        """The commit in a few letters, and whether there is more than it."""
        return self.commit[:_SHOWN] + (" with changes" if self.changes else "")


def newest(refs: Sequence[GitRef]) -> GitRef:
    """Return the newest ref by the date of its commit; the later named of two alike.

    What is not committed is newer than every commit.
    """
    ages = [(bool(ref.changes), ref.committed, n) for n, ref in enumerate(refs)]
    return refs[max(ages)[2]]
