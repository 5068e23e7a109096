"""Exit statuses that all commands share, and the error that means USAGE."""

from pybench.records.texts import printable
from pybench.records.usage import UsageError as UsageError

OK = 0  # done; nothing confirmed
CONFIRMED = 1  # a change that --fail-on names
USAGE = 2  # argparse's own
NO_VERDICT = 3  # verdicts withheld, or undecided rows under --strict
FAILED = 4  # a row or an interpreter; the others are saved
INTERRUPTED = 130  # as a shell says it of Ctrl-C


def for_terminal(text: object) -> str:
    """Return a message without control characters: names in it come from elsewhere."""
    return printable(str(text), keep="\n")
