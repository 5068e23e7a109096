"""Which options the user gave himself.

A default of ours may replace a default of pytest-benchmark, never a choice of the
user, and argparse does not keep the two apart.
"""

import os
import shlex
from collections.abc import Sequence

import pytest


def said_words(config: pytest.Config) -> list[str]:
    """Return all words of the command line, the environment and the ini file."""
    words = [str(word) for word in config.getini("addopts")]
    words += shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    words += [str(word) for word in config.invocation_params.args]
    return words


def said_value(words: Sequence[str], option: str) -> str | None:
    """Return the last value of an option, "" without one; None if it is not given."""
    value = None
    for index, word in enumerate(words):
        name, equals, text = word.partition("=")
        if name != option:
            continue
        following = words[index + 1] if index + 1 < len(words) else ""
        value = text if equals or following.startswith("-") else following
    return value
