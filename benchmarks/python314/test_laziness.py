"""What an import statement costs when its module is loaded, eager and lazy (PEP 810).

What lazy imports gain at the start of a program is in `startup`; this is what they
cost afterwards. The statements are compiled from text, since older Pythons could not
read a file with one in it.
"""

import json
from types import CodeType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="laziness", max_time=0.15)

COPIES = 100  # of the statement in a module
STATEMENTS = {
    "eager": "import json\n",
    "lazy": "lazy import json\n",
    "used": "lazy import json\njson\n",
}


@pytest.mark.parametrize("kind", STATEMENTS, ids=lambda kind: f"kind={kind}")
def test_benchmark_python314_import(benchmark: BenchmarkFixture, kind: str) -> None:
    """Import a module that is loaded already, at the level of a module.

    One operation is one statement, of a hundred in a module's code. `kind=eager` is
    `import json`, the control: a look into `sys.modules`. `lazy` makes an object that
    would import; `used` also names it, whereupon it is replaced by the module. Expect
    40 to 150 ns, a little more than that for `lazy`, and two to four times for `used`.
    """
    try:
        name = f"<statement: {'; '.join(STATEMENTS[kind].splitlines())}>"
        code: CodeType = compile(STATEMENTS[kind] * COPIES, name, "exec")
    except SyntaxError:
        pytest.skip("n/a: needs Python 3.15 (PEP 810)")
    names: dict[str, object] = {"__name__": __name__}
    benchmark.extra_info["operations"] = COPIES
    benchmark(exec, code, names)
    # Looked up by `dict` itself, a name does not load what is behind it.
    assert (dict.get(names, "json") is json) == (kind != "lazy")
