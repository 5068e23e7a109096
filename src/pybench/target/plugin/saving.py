"""Saving that fails with a sentence instead of a traceback, and leaves no torn file.

Stock pytest-benchmark saves first and prints the tables afterwards, so a full disk
would cost the tables too.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pybench.records.documents import parse_json


class _Nothing(list[Any]):
    """No benchmarks, which to the stock session do not look like none."""

    def __bool__(self) -> bool:
        return True


def guard_saving(
    benchmarks: Any,
    folder: Path | None,
    *,
    is_collected: Callable[[], bool],
    has_rows: Callable[[], bool],
    say: Callable[[str], None],
) -> None:
    """Make the saving of a `BenchmarkSession` complete, and `say` what fails.

    Its saves go to `folder`, if they go to one. If the collection did not come to its
    end, an error of usage is on its way to the user, and a remark that nothing is saved
    would stand before it. If no row was measured, stock writes no JSON; but that each
    of them is n/a, and why, is a result too.
    """
    save = benchmarks.handle_saving

    def guarded() -> None:
        if not is_collected():
            return
        is_saved_by_stock = benchmarks.benchmarks or benchmarks.disabled
        if is_saved_by_stock or not has_rows() or not benchmarks.json:
            _save_guarded(benchmarks, save, folder, say)
            return
        measured, saves = benchmarks.benchmarks, (benchmarks.save, benchmarks.autosave)
        benchmarks.benchmarks = _Nothing()
        # As a baseline it would be of no use.
        benchmarks.save = benchmarks.autosave = None
        _save_guarded(benchmarks, save, folder, say)
        benchmarks.benchmarks = measured
        benchmarks.save, benchmarks.autosave = saves

    benchmarks.handle_saving = guarded


def _save_guarded(
    benchmarks: Any,
    save: Callable[[], None],
    folder: Path | None,
    say: Callable[[str], None],
) -> None:
    before = _files(folder)
    for _ in range(2):
        try:
            save()
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            say(
                f"the results cannot be saved{where} ({error.strerror or error}); if "
                "the journal could be written, --pybench-resume saves them without "
                "measuring again"
            )
            fresh = _files(folder) - before
            for path in fresh | ({benchmarks.json} if benchmarks.json else set()):
                _remove_if_torn(path)
            # The file of --benchmark-json comes first; without it the save still has
            # its chance.
            if fresh or not benchmarks.json:
                return
            benchmarks.json = None
        except Warning as warning:
            # Under -W error, after the last test, nobody is left to report it.
            say(str(warning))
            return
        except Exception as error:
            # Else the table would be lost with the file.
            say(f"the results cannot be saved: {type(error).__name__}: {error}")
            if benchmarks.json:
                _remove_if_torn(benchmarks.json)
            return
        else:
            return


def _files(folder: Path | None) -> set[Path]:
    return set(folder.glob("*.json")) if folder else set()


def _remove_if_torn(path: Path) -> None:
    try:
        parse_json(path.read_text(encoding="utf-8"))
    except ValueError:
        path.unlink(missing_ok=True)
    except OSError:
        pass
