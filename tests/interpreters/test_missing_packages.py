"""What a side lacks, by what its pytest says."""

import pytest

from pybench.interpreters.missing_packages import advice

SAID = [
    (
        'ImportError: Error importing plugin "pytest_cov": No module named '
        "'pytest_cov'",
        "--with 'pytest-cov'",
    ),
    ("E   ModuleNotFoundError: No module named 'yaml.nodes'", "--with 'PyYAML'"),
    (
        "Missing required plugins: pytest-asyncio>=1, pytest-mock",
        "--with 'pytest-asyncio>=1 pytest-mock'",
    ),
    ("error: unrecognized arguments: --timeout=3 --asyncio-mode=auto", "pytest-time"),
    ("error: unrecognized arguments: --own-option", ""),
    ("ended with exit 3", ""),
]


@pytest.mark.once
@pytest.mark.parametrize(("said", "expected"), SAID)
def test_advice_names_what_is_missing(said: str, expected: str) -> None:
    found = advice(said)
    assert expected in found
    assert bool(found) == bool(expected)
