"""Which file a ``--benchmark-compare`` means, and whether it can be compared.

Stock pytest-benchmark knows numbers, paths and globs; here a NAME given to
``--benchmark-save`` is found again, and a file that is no baseline is refused by name
before the first row runs instead of by a traceback after the last.
"""

import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pybench.records.documents import DocumentError, parse_json
from pybench.records.identity import Identity, differences, parse_identity
from pybench.records.instructions import (
    RowInstructions,
    count_differences,
    read_instructions,
)
from pybench.records.journal import check_statistics

# Folders of a storage that a message names.
_FOLDERS_NAMED = 3

_SAVE = re.compile(r"(\d{4})_(.+)\.json")

# Fields of an identity that are the machine's; the others are the build's.
_OF_MACHINE = ("cpu_model", "machine", "system", "usable_cpus")

# What the stock JSON says of a machine beside the identity, and what of it is stable;
# the first is of the machine, as another kernel makes other times.
_MACHINE_FIELDS = ("release", "node", "python_compiler")


def storage_folder(option: str) -> Path | None:
    """Return the folder of ``--benchmark-storage``; None if it is not a folder."""
    if option.startswith("file://"):
        option = option[len("file://") :]
    return None if "://" in option else Path(option).resolve()


def list_saves(folder: Path) -> dict[str, list[Path]]:
    """Return the saves of a folder by name, oldest first."""
    saves: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.json")):
        if match := _SAVE.fullmatch(path.name):
            saves.setdefault(match[2], []).append(path)
    return saves


def find_baseline(
    wanted: str, storage: Path, identity: Identity, stock_name: str = ""
) -> list[Path]:
    """Find what the argument of ``--benchmark-compare`` means.

    It is a path, a number of four digits, a name, or a glob as in stock
    pytest-benchmark, tried in this order; only a glob means several files. The saves
    of the identity come first, those of the stock's own folder `stock_name` next.
    Raises `DocumentError` if nothing matches; names the folder and what is in it.
    """
    as_path = Path(wanted)
    if as_path.is_file():
        return [as_path.resolve()]
    folder = storage / identity.folder
    folders = [folder, storage / stock_name] if stock_name else [folder]
    for place in folders:
        paths = _named(wanted, place) or _stock_matches(wanted, storage, place)
        if paths:
            return paths
    raise DocumentError(_nothing_found(wanted, storage, folder))


def _named(wanted: str, folder: Path) -> list[Path]:
    """Return the saves of this number, else the newest of this name."""
    is_number = len(wanted) == 4 and wanted.isdigit()
    numbered = sorted(folder.glob(f"{wanted}_*.json")) if is_number else []
    return numbered or list_saves(folder).get(wanted, [])[-1:]


def _stock_matches(wanted: str, storage: Path, folder: Path) -> list[Path]:
    """Return what stock pytest-benchmark would find for its globs."""
    parts = Path(wanted).parts
    if not parts or len(parts) > 2 or Path(wanted).is_absolute():
        return []
    pattern = parts[-1].rstrip("*") + "*.json"
    folders = storage.glob(parts[0]) if len(parts) == 2 else iter((folder, storage))
    try:
        paths = [path for place in folders for path in place.glob(pattern)]
    except ValueError:  # not a glob that pathlib takes
        return []
    return sorted(paths, key=lambda path: (path.name, path.parent))


def _nothing_found(wanted: str, storage: Path, folder: Path) -> str:
    saves = list_saves(folder)
    there = "there is none for this interpreter yet"
    if saves:
        names = ", ".join(
            f"{name} ({', '.join(path.name[:4] for path in paths)})"
            for name, paths in saves.items()
        )
        there = f"there are: {names}"
    message = (
        f"--benchmark-compare={wanted}: no file and no save of that name "
        f"in {folder}; {there}"
    )
    others = sorted(
        str(path.relative_to(storage))
        for other in storage.glob("*/")
        if other != folder
        for path in _named(wanted, other)
    )
    if others:
        message += f"; other interpreters saved {', '.join(others)}: give the path"
    elif not saves:
        places = [other for other in sorted(storage.glob("*/")) if list_saves(other)]
        named = ", ".join(other.name for other in places[:_FOLDERS_NAMED])
        if places:
            message += f"; there are saves of others in {named}: give the path of one"
    return message


def newest_save(folder: Path) -> Path | None:
    """Return the newest save of a folder, None if there is none."""
    paths = [path for saves in list_saves(folder).values() for path in saves]
    return max(paths, key=lambda path: path.name, default=None)


def check_baseline(path: Path) -> None:
    """Raise `DocumentError` unless the file can be compared against.

    Everything that the stock table reads is looked at, so that what passes here does
    not end in a traceback after the last row.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DocumentError(f"baseline {path} cannot be read: {error}") from error
    if not text.strip():
        raise DocumentError(f"baseline {path} is empty")
    try:
        document = parse_json(text)
    except ValueError as error:
        raise DocumentError(
            f"baseline {path} is truncated or not JSON: {error}"
        ) from error
    rows = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not isinstance(document.get("machine_info"), dict):
        raise DocumentError(
            f"baseline {path} is not a file of pytest-benchmark: "
            "it needs 'machine_info' and 'benchmarks'"
        )
    for number, row in enumerate(rows, start=1):
        source = f"baseline {path}: row {number}"
        if not isinstance(row, dict) or not isinstance(row.get("stats"), dict):
            raise DocumentError(f"{source} is not a benchmark with 'stats'")
        if not isinstance(row.get("fullname"), str):
            raise DocumentError(f"{source} has no 'fullname'")
        check_statistics(row["stats"], source)
        if not isinstance(row["stats"].get("outliers"), str):
            raise DocumentError(f"{source} has no 'outliers' in stats")


def baseline_counts(path: Path, identity: Identity) -> dict[str, RowInstructions]:
    """Return the instructions in a baseline that is otherwise sound.

    Raises `DocumentError` if they cannot be compared with this process's, or there are
    none.
    """
    document = parse_json(path.read_text(encoding="utf-8"))
    ours = {
        "python_build": platform.python_build(),
        "python_compiler": platform.python_compiler(),
    }
    way_out = "save one here with --benchmark-metric=instructions --benchmark-save=NAME"
    unlike = count_differences(identity, ours, document["machine_info"])
    if unlike:
        raise DocumentError(
            f"baseline {path}: its instructions cannot be compared with this "
            f"process's: {'; '.join(unlike)}; {way_out}"
        )
    counts = {
        row["fullname"]: known
        for row in document["benchmarks"]
        if (known := read_instructions(row.get("extra_info"), f"baseline {path}"))
    }
    if not counts:
        raise DocumentError(f"baseline {path} has no instructions: {way_out}")
    return counts


class Unlikeness(NamedTuple):
    """How this process and the one that wrote a baseline differ.

    `fields` are sentences, empty if the two may be compared. `foreign` says why the
    baseline is not known to be of this machine, "" if it is: another build on this
    machine is what somebody may want to compare; of another machine, or of nobody
    knows which, no change of a time is the code's.
    """

    fields: list[str]
    foreign: str


def unlikeness(
    identity: Identity, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> Unlikeness:
    """Compare this process, of `identity`, with a baseline by ``machine_info``."""
    unknown = "its build, GIL state and CPUs are unknown"
    if "pybench" not in theirs:
        stock = "the baseline was written without pybench"
        return Unlikeness([f"{stock}: {unknown}"], f"{stock}: its machine is unknown")
    try:
        other = parse_identity(theirs["pybench"], "the baseline's identity")
    except DocumentError as error:
        return Unlikeness(
            [f"{error}: {unknown}"],
            "the baseline's identity cannot be read: its machine is unknown",
        )
    fields = differences(identity, other)
    fields += [
        f"{name}: {ours.get(name)!r} here, {theirs.get(name)!r} there"
        for name in _MACHINE_FIELDS
        if ours.get(name) != theirs.get(name)
    ]
    machine = [
        f"{name}: {getattr(identity, name)!r} here, {getattr(other, name)!r} there"
        for name in _OF_MACHINE
        if getattr(identity, name) != getattr(other, name)
    ]
    release = _MACHINE_FIELDS[0]
    machine += [line for line in fields if line.startswith(f"{release}: ")]
    foreign = f"the baseline is of another machine: {', '.join(machine)}"
    return Unlikeness(fields, foreign if machine else "")
