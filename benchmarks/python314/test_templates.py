"""What template strings cost, next to f-strings (PEP 750).

Templates are compiled here from text, because older Pythons could not read a file
with one in it; so the same text makes the f-string that each is compared with.
"""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="templates", max_time=0.15)

Statement = Callable[..., object]

BODY = "'{name!r}: {share:.1f} of {count} rows'"
VALUES: dict[str, object] = {"name": "suite", "share": 99.5, "count": 1234}
RENDERED = "'suite': 99.5 of 1234 rows"


def has_templates() -> bool:
    """Tell whether this Python can compile a template string."""
    try:
        compile("t''", "<feature>", "eval")
    except SyntaxError:
        return False
    return True


needs_templates = pytest.mark.skipif(
    not has_templates(), reason="n/a: needs Python 3.14 (PEP 750)"
)


@pytest.fixture
def template() -> Any:
    """Make a template of four strings and three interpolations."""
    return eval(f"t{BODY}", dict(VALUES))


@pytest.mark.parametrize(
    "kind",
    ["f", pytest.param("t", marks=needs_templates)],
    ids=lambda kind: f"kind={kind}",
)
def test_benchmark_python314_compile(benchmark: BenchmarkFixture, kind: str) -> None:
    """Compile an expression that is an f-string or a template string.

    One operation is the whole `compile` of a string with three fields. Expect 6 to
    40 us for either, a template a little more: the text of each field becomes a
    constant of its own.
    """
    benchmark(compile, f"{kind}{BODY}", "<row>", "eval")


def test_benchmark_python314_fstring(statement: Statement) -> None:
    """Format a text, a float and an integer with an f-string.

    One operation is three fields formatted and joined. Expect 150 to 500 ns: the
    reference of the rows below.
    """
    statement(f"_ = f{BODY}", **VALUES)


@needs_templates
def test_benchmark_python314_template(statement: Statement) -> None:
    """Make a template with the same fields.

    One operation is the template, its three interpolations and two tuples; nothing
    is formatted. Expect 60 to 300 ns, less than `fstring`.
    """
    statement(f"_ = t{BODY}", **VALUES)


@needs_templates
def test_benchmark_python314_template_iterate(
    statement: Statement, template: Any
) -> None:
    """Loop over the parts of a template.

    One operation is one loop over six parts, which are there already: no part is
    made, and empty strings are left out. Expect 60 to 250 ns.
    """
    assert len([*template]) == 6
    statement("for _ in template: pass", template=template)


@needs_templates
def test_benchmark_python314_template_values(
    statement: Statement, template: Any
) -> None:
    """Take the values out of a template.

    One operation is `template.values`, a tuple made at each reading. Expect 15 to
    80 ns.
    """
    assert template.values == (*VALUES.values(),)
    statement("_ = template.values", template=template)


@needs_templates
def test_benchmark_python314_template_join(statement: Statement, template: Any) -> None:
    """Join two templates with `+`.

    One operation is a template of six interpolations: tuples are copied and the
    strings at the seam become one. Expect 40 to 300 ns.
    """
    assert len((template + template).interpolations) == 6
    statement("_ = template + template", template=template)


@needs_templates
def test_benchmark_python314_template_render(
    benchmark: BenchmarkFixture, template: Any
) -> None:
    """Format an existing template as an f-string would be.

    One operation is a function in Python that goes through the parts, converts,
    formats and joins them. Expect 0.6 to 2.5 us, three to six times `fstring`: this
    is what a library that takes templates pays before it does its own work.
    """
    templatelib = importlib.import_module("string.templatelib")

    interpolation, convert = templatelib.Interpolation, templatelib.convert

    def render() -> str:
        parts = []
        for part in template:
            if isinstance(part, interpolation):
                value = convert(part.value, part.conversion)
                parts.append(format(value, part.format_spec))
            else:
                parts.append(part)
        return "".join(parts)

    assert benchmark(render) == RENDERED
