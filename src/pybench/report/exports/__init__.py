"""What a comparison is written as for other programs; nothing is computed here."""

from pybench.records.usage import UsageError


class ExportError(UsageError, ValueError):
    """What was given cannot be written in a format; says why and what can."""
