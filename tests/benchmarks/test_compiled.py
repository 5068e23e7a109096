"""The extension that rows compile: what is in it, and where there is no compiler."""

import importlib.util
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.conftest import load_rows

# What the stable ABI calls where the headers of one version read an object.
CALLED = (b"PyTuple_GetItem", b"PyUnicode_ReadChar", b"PyType_GetFlags")


@pytest.fixture(scope="module")
def suite() -> Any:
    return load_rows("conftest.py")


@pytest.fixture(scope="module")
def compiled(
    suite: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Compile as the fixture of the suite does, without its cache."""
    folder = tmp_path_factory.mktemp("compiled")

    def compile_with(*defines: str) -> Path:
        module = folder / f"{len([*folder.iterdir()])}.so"
        suite.compile_extension(module, *defines)
        return module

    return compile_with


def functions(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("extension", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stable_abi_differs_by_its_calls_alone(compiled: Callable[..., Path]) -> None:
    """As many operations in both, and each of them a call in one."""
    rows = load_rows("interpreter/test_stable_abi.py")
    plain = compiled()
    files = {plain: False}
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        files[compiled(*rows.DEFINES["abi3"])] = True
    for file, is_called in files.items():
        content, module = file.read_bytes(), functions(file)
        assert [name in content for name in CALLED] == [is_called] * len(CALLED)
        for name, argument in (
            ("reference", []), ("check", (1,)), ("item", (1,)), ("character", "a"),
        ):  # fmt: skip
            assert getattr(module, name)(argument) == rows.OPERATIONS
        assert module.check([]) == 0


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="n/a: the GIL is always on"
)
@pytest.mark.parametrize(("defines", "is_on"), [((), False), (("-DNEEDS_GIL",), True)])
def test_child_alone_has_its_gil_turned_on(
    compiled: Callable[..., Path], defines: tuple[str, ...], is_on: bool
) -> None:
    before = sys._is_gil_enabled()  # type: ignore[attr-defined]
    file = compiled(*defines)
    file.rename(file.parent / "extension.so")
    code = "import extension, sys; sys.exit(7 if sys._is_gil_enabled() else 0)"
    environ = {"PYTHONPATH": str(file.parent), "PYTHON_GIL": ""}
    done = subprocess.run([sys.executable, "-S", "-c", code], env=environ, check=False)

    assert done.returncode == (7 if is_on else 0)
    assert sys._is_gil_enabled() == before  # type: ignore[attr-defined]


@pytest.mark.once
def test_without_compiler_or_headers_rows_are_not_available(
    suite: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(
        pytest.skip.Exception, match=r"without headers \(no Python\.h in"
    ):
        suite.headers_folder()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "nothing-of-this-name")
    with pytest.raises(pytest.skip.Exception, match="no C compiler; install one, or"):
        suite.compiler()
