"""What a lazy import saves, and what it costs when its module is touched (PEP 810).

`lazy import` is a statement of CPython 3.15. It binds a name to an object that stands
for the module; the first use of the name imports it and binds the name anew.
"""

from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


def has_lazy_imports() -> bool:
    """Tell whether this Python knows the statement."""
    try:
        compile("lazy import os", "<probe>", "exec")
    except SyntaxError:
        return False
    return True


pytestmark = [
    pytest.mark.benchmark(group="lazy"),
    pytest.mark.skipif(
        not has_lazy_imports(), reason="n/a: `lazy import` came with CPython 3.15"
    ),
]

TimeChild = Callable[..., None]

NAMES = 1000  # bound to one module that is there already


def test_benchmark_startup_lazy_untouched(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, import asyncio lazily, and never use it.

    One operation is a child's whole life. Expect `bare`, against the 20 to 50 ms more
    of `import[module=asyncio]`.
    """
    time_child(
        "import sys; lazy import asyncio; assert 'asyncio' not in sys.modules",
        "-S",
        floor="bare",
    )


def test_benchmark_startup_lazy_touched(time_child: TimeChild) -> None:
    """Start an interpreter without `site`, import asyncio lazily, and use it.

    One operation is a child's whole life. Expect `import[module=asyncio]`: put off is
    not saved. Less means that asyncio has lazy imports of its own.
    """
    time_child(
        "import sys; lazy import asyncio; asyncio.run; assert 'asyncio' in sys.modules",
        "-S",
        floor="import[module=asyncio]",
    )


def test_benchmark_startup_lazy_everything(time_child: TimeChild) -> None:
    """Start an interpreter without `site` and with all imports lazy, and use asyncio.

    One operation is a child's whole life with `-X lazy_imports=all`, which makes lazy
    every import at the top of a module, those in asyncio too. Expect less than
    `lazy_touched` by the modules that one use of asyncio does not need.
    """
    time_child(
        "import asyncio; asyncio.run",
        "-S",
        "-X",
        "lazy_imports=all",
        floor="import[module=asyncio]",
    )


def test_benchmark_startup_lazy_statement(benchmark: BenchmarkFixture) -> None:
    """Execute a lazy import.

    One operation is `lazy import os as name` at the top of a module, of which there are
    a thousand: an object made and a name bound. Expect 50 to 200 ns, about as much as
    `import os` where the module is there already.
    """
    code = naming("lazy import os as {name}")
    benchmark.extra_info["operations"] = NAMES
    benchmark(lambda: exec(code, {"__name__": "lazy_module"}))


def test_benchmark_startup_lazy_first_use(benchmark: BenchmarkFixture) -> None:
    """Use a name for the first time that stands for a module which is there already.

    One operation is the first of the two parts of a first use, the second of which is
    the import: to find out what the name stands for, and to bind it anew. Expect 80 to
    300 ns, once; afterwards it is a name like any other.
    """
    bind, use = naming("lazy import os as {name}"), naming("{name}")
    scope: dict[str, Any] = {}

    def prepare() -> None:
        scope.clear()
        scope["__name__"] = "lazy_module"
        exec(bind, scope)

    benchmark.extra_info["operations"] = NAMES
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        lambda: exec(use, scope), setup=prepare, rounds=50
    )
    assert isinstance(scope["name_0"], ModuleType)


def naming(statement: str) -> CodeType:
    """Compile a statement for each of a thousand names."""
    lines = [statement.format(name=f"name_{number}") for number in range(NAMES)]
    return compile("\n".join(lines), f"<statement: {statement}>", "exec")
