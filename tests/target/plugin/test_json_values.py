"""Values that JSON cannot hold, and documents that are the suite's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from pybench.target.plugin.json_values import held
from tests.target.plugin.conftest import Run


class Refusing:
    """Has no words for itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def _cycle() -> dict[str, Any]:
    outer: dict[str, Any] = {"kept": 1}
    outer["inner"] = [outer]
    return outer


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


NONE_OF_IT = "UNSERIALIZABLE[Refusing object, whose repr raises RuntimeError]"


@pytest.mark.once
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Refusing(), NONE_OF_IT),
        ({(1, 2): [Refusing()]}, {"UNSERIALIZABLE[(1, 2)]": [NONE_OF_IT]}),
        (float("nan"), "UNSERIALIZABLE[nan]"),
        ([float("inf"), 1.5], ["UNSERIALIZABLE[inf]", 1.5]),
        ({float("nan"): 1}, {"UNSERIALIZABLE[nan]": 1}),
        (
            _cycle(),
            {"kept": 1, "inner": ["UNSERIALIZABLE[a dict that holds itself]"]},
        ),
        ("half \ud83d", "half \\ud83d"),
        ({"\udc80": b"\xff"}, {"\\udc80": "UNSERIALIZABLE[b'\\xff']"}),
        ({1}, "UNSERIALIZABLE[{1}]"),
        (10**5000, f"UNSERIALIZABLE[a whole number of {(10**5000).bit_length()} bits]"),
        (10**30, 10**30),
        ((1, True, None, {2: "two"}), [1, True, None, {2: "two"}]),
    ],
    ids=[
        *("refusing", "key", "nan", "inf", "nan-key", "cycle", "surrogate", "bytes"),
        *("set", "digits", "whole", "plain"),
    ],
)
def test_a_text_stands_for_what_json_cannot_hold(value: Any, expected: Any) -> None:
    found = held(value)
    assert found == expected
    json.loads(json.dumps(found, allow_nan=False).encode())


@pytest.mark.once
def test_what_is_very_deep_is_cut_off() -> None:
    text = json.dumps(held(_deep()))
    assert "UNSERIALIZABLE[a list 100 levels down]" in text


def _strictly(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_bytes(), parse_constant=refuse)


@pytest.mark.once
def test_odd_values_cost_no_row_and_no_file(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
import pytest

class Refusing:
    def __repr__(self):
        raise RuntimeError("no words")

CYCLE = []
CYCLE.append(CYCLE)

@pytest.mark.parametrize(
    "value", [Refusing(), CYCLE, float("nan"), 10**5000], ids=["r", "c", "n", "h"]
)
def test_parameter(benchmark, value):
    benchmark(id, value)

def test_information(benchmark):
    benchmark.extra_info.update({(1, 2): Refusing(), "nan": float("nan"), 3: {4}})
    benchmark(id, 1)

def test_replaced(benchmark):
    benchmark.extra_info = Refusing()
    benchmark(id, 1)

def test_group(benchmark):
    benchmark.group = Refusing()
    benchmark(id, 1)
"""
    )
    result = run(
        *("--benchmark-json=all.json", "--benchmark-save=kept"),
        "--benchmark-storage=file://store",
    )
    result.assert_outcomes(passed=7)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stdout.fnmatch_lines(["*pybench: 7 rows measured*"])
    document = _strictly(pytester.path / "all.json")
    assert len(document["benchmarks"]) == 7
    values = [row["params"]["value"] for row in document["benchmarks"][:4]]
    assert all(value.startswith("UNSERIALIZABLE[") for value in values[::2])
    assert len(document["pybench"]["rows"]) == 7
    (saved,) = (pytester.path / "store").rglob("*_kept.json")
    assert len(_strictly(saved)["benchmarks"]) == 7
    (journal,) = (pytester.path / "store").rglob("journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line.get("outcome") for line in lines].count("measured") == 7


@pytest.mark.once
def test_a_parameter_without_words_is_a_group_of_its_own(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        """
import pytest

class Refusing:
    def __repr__(self):
        raise RuntimeError("no words")

@pytest.mark.parametrize("value", [Refusing(), 1], ids=["r", "one"])
def test_parameter(benchmark, value):
    benchmark(id, value)
"""
    )
    result = run("--benchmark-group-by=param:value")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*value=Refusing object, whose repr raises*"])


# What a suite makes of its results, and what must be in the file then.
OWN = [
    ("return [{'name': b.name} for b in benchmarks]", [{"name": "test_row"}]),
    ("return {'benchmarks': 1, 'unit': 's'}", {"benchmarks": 1, "unit": "s"}),
    ("return 'text'", "text"),
]


@pytest.mark.once
@pytest.mark.parametrize(("body", "expected"), OWN)
def test_the_document_of_a_suites_own_hook_is_written_unchanged(
    pytester: pytest.Pytester, run: Run, body: str, expected: Any
) -> None:
    pytester.makepyfile("def test_row(benchmark): benchmark(id, 1)")
    pytester.makeconftest(f"""
def pytest_benchmark_generate_machine_info():
    return {{}}

def pytest_benchmark_generate_json(config, benchmarks):
    {body}
""")
    result = run("--benchmark-json=own.json")
    assert result.ret == 0
    assert _strictly(pytester.path / "own.json") == expected
    said = [line for line in result.stdout.lines if "shape that a hook" in line]
    assert len(said) == 1


@pytest.mark.once
def test_what_other_hooks_of_a_suite_change_is_in_the_document(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_row(benchmark): benchmark(id, 1)")
    pytester.makeconftest("""
def pytest_benchmark_generate_machine_info():
    return {}

def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["lab"] = "three"

def pytest_benchmark_update_commit_info(config, commit_info):
    commit_info["branch"] = "mine"

def pytest_benchmark_update_json(config, benchmarks, output_json):
    output_json["added"] = float("nan")

def pytest_benchmark_scale_unit(config, unit, benchmarks, best, worst, sort):
    return ("m", 1e3) if unit == "seconds" else ("", 1.0)
""")
    result = run("--benchmark-json=own.json")
    assert result.ret == 0
    document = _strictly(pytester.path / "own.json")
    assert document["machine_info"]["lab"] == "three"
    assert document["commit_info"]["branch"] == "mine"
    assert document["added"] == "UNSERIALIZABLE[nan]"
    assert [row["status"] for row in document["pybench"]["rows"]] == ["measured"]
    result.stdout.fnmatch_lines(["*time in ms*"])


@pytest.mark.once
def test_a_hook_that_raises_costs_the_file_and_not_the_table(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile("def test_row(benchmark): benchmark(id, 1)")
    pytester.makeconftest("""
def pytest_benchmark_generate_machine_info():
    return {}

def pytest_benchmark_update_json(output_json):
    raise LookupError("no such branch")
""")
    result = run("--benchmark-json=own.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["test_row *", "*results cannot be saved: LookupError: no such branch*"]
    )
