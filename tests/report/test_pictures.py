"""The pictures of the README: drawn from a run, and nothing fetched by them."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")
pytest.importorskip("vl_convert", reason="n/a: vl-convert is not installed here")

SCRIPT = Path(__file__).parents[2] / "scripts" / "pictures.py"


@pytest.fixture
def draw(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str]]:
    """Return what runs the script, and gives its status or message and its errors."""

    def run(*words: object) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", [str(SCRIPT), *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return ended.value.code, capsys.readouterr().err

    return run


def test_three_pictures_say_what_was_measured_and_where(
    draw: Callable[..., Any], recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path / "run")

    status, errors = draw(tmp_path / "run", "-o", tmp_path / "pictures")

    assert status == 0, errors
    pictures = {path.stem: path.read_text() for path in tmp_path.glob("pictures/*")}
    assert {*pictures} == {"terminal", "ratios", "row"}
    for name, svg in pictures.items():
        assert svg.startswith("<svg")
        assert not re.search(r"url\(.?http|href=.http|@import", svg), name
        assert "var(--" not in svg  # nothing around it would say what they are
    assert "3.14t against 3.13 on a processor, 2 CPUs" in pictures["ratios"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["gone"], "gone"), (["run", "--row", "no_row"], "--row no_row: no such row")],
)
def test_what_cannot_be_drawn_is_named(
    draw: Callable[..., Any],
    recorded: Callable[..., Any],
    tmp_path: Path,
    words: list[str],
    reason: str,
) -> None:
    recorded(folder=tmp_path / "run")
    place, *more = words

    status, errors = draw(tmp_path / place, *more, "-o", tmp_path / "pictures")

    assert status != 0
    assert reason in f"{status} {errors}"
