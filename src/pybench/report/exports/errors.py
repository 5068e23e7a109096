"""What all formats refuse with."""


class ExportError(ValueError):
    """What was given cannot be written in a format; says why and what can."""
