"""The step that installs: in the comparison's folder, and uv only where needed."""

import sys
from pathlib import Path

import prepare
import pytest
from github_runner import StepError
from plan import Plan, write_plan

pytestmark = pytest.mark.once


def test_environment_is_in_the_folder(tmp_path: Path) -> None:
    made, installed, fetched = prepare.commands(
        tmp_path, ["compare", "charts"], ["3.14", "3.14t"]
    )

    assert made == [sys.executable, "-m", "venv", str(tmp_path / "environment")]
    assert installed[0] == str(tmp_path / "environment" / "bin" / "python")
    assert installed[-2:] == [f"{prepare.ROOT}[compare,charts]", "uv"]
    assert fetched[1:] == ["python", "install", "3.14", "3.14t"]
    assert (prepare.ROOT / "action.yml").is_file()


def test_uv_is_not_installed_for_paths() -> None:
    assert len(prepare.commands(Path("x"), ["compare"], [])) == 2
    assert "uv" not in prepare.commands(Path("x"), ["compare"], [])[1]


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ([sys.executable, "-c", "raise SystemExit(3)"], "exit status 3 of"),
        (["/nowhere/pip"], "/nowhere/pip: No such file"),
    ],
)
def test_command_that_fails_is_named(
    command: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(command=(), extras=(), versions=(), base="a", head="b", number=None)
    write_plan(plan, tmp_path)
    monkeypatch.setattr(prepare, "commands", lambda *_: [command])

    with pytest.raises(StepError, match=named) as error:
        prepare.prepare(tmp_path)
    assert error.value.status == 4
