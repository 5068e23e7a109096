"""What a user can mend: the command line prints the text, and exits with status 2."""


class UsageError(Exception):
    """What was asked for cannot be done; the text says why and what can."""
