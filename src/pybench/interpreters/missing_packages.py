"""What to install on a side whose pytest asks for something that is not there."""

import re
from collections.abc import Iterator

# What pytest says, with the name of a module, a distribution or an option.
_MODULES = (
    re.compile(r"No module named '([\w.]+)'"),
    re.compile(r'Error importing plugin "([\w.]+)"'),
)
_REQUIRED = re.compile(r"Missing required plugins: ([^\n]+)")
_OPTIONS = re.compile(r"unrecognized arguments: ([^\n]+)")

# Distributions that are not called as their module, and whose options are known.
_DISTRIBUTIONS = {"xdist": "pytest-xdist", "yaml": "PyYAML", "PIL": "Pillow"}
_OPTION_OF = {
    "--asyncio": "pytest-asyncio",
    "--cov": "pytest-cov",
    "--hypothesis": "hypothesis",
    "--randomly": "pytest-randomly",
    "--timeout": "pytest-timeout",
}


def advice(said: str) -> str:
    """Return how to add what a session lacked, by what it said; empty for nothing.

    Parameters
    ----------
    said : str
        The output of a pytest that did not begin.
    """
    packages = [*dict.fromkeys(_missing(said))]
    if not packages:
        return ""
    return (
        "; the suite needs what is not installed on this side, so add it to all of "
        f"them: --with '{' '.join(packages)}'"
    )


def _missing(said: str) -> Iterator[str]:
    for pattern in _MODULES:
        for module in pattern.findall(said):
            top = module.partition(".")[0]
            yield _DISTRIBUTIONS.get(top, top.replace("_", "-"))
    for names in _REQUIRED.findall(said):
        yield from (name.strip() for name in names.split(","))
    for words in _OPTIONS.findall(said):
        for word in words.split():
            for start, package in _OPTION_OF.items():
                if word.startswith(start):
                    yield package
