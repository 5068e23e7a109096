"""Saving that fails with a sentence instead of a traceback, and leaves no torn file.

Stock pytest-benchmark saves first and prints the tables afterwards, so a full disk
would cost the tables too.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def guard_saving(
    benchmarks: Any, folder: Path | None, say: Callable[[str], None]
) -> None:
    """Make the saving of a `BenchmarkSession` report what the disk refuses.

    Parameters
    ----------
    benchmarks : BenchmarkSession
        Its ``handle_saving`` is replaced.
    folder : Path or None
        Where its saves go, None if they do not go to a folder.
    say : callable
        Told what could not be saved.
    """
    save = benchmarks.handle_saving

    def guarded() -> None:
        before = _files(folder)
        for _ in range(2):
            try:
                save()
            except OSError as error:
                say(_sentence(error))
                fresh = _files(folder) - before
                for path in fresh | ({benchmarks.json} if benchmarks.json else set()):
                    _remove_if_torn(path)
                # The file of --benchmark-json comes first; without it the save
                # still has its chance.
                if fresh or not benchmarks.json:
                    return
                benchmarks.json = None
            except Warning as warning:
                # Under -W error, after the last test, nobody is left to report it.
                say(str(warning))
                return
            else:
                return

    benchmarks.handle_saving = guarded


def _sentence(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    return (
        f"the results cannot be saved{where} ({error.strerror or error}); if the "
        "journal could be written, --pybench-resume saves them without measuring again"
    )


def _files(folder: Path | None) -> set[Path]:
    return set(folder.glob("*.json")) if folder else set()


def _remove_if_torn(path: Path) -> None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        path.unlink(missing_ok=True)
    except OSError:
        pass
