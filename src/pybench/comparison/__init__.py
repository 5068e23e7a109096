"""From two interpreters, or two saved files, to verdicts."""
