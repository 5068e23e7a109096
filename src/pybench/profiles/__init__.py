"""What a run's times do not tell: where they go, and what memory is taken.

Each profile is a run of its own, beside the one whose times count. Nothing is imported
here: some modules run inside the interpreters under test, which have little installed,
and every worker of a scenario would pay for it.
"""
