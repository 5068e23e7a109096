"""The one data model: what is written under test and read on the host.

The plugin writes these records and the host plane reads them; neither imports the
other, so whatever both must agree on is here and imports only the standard library.

Schema history
--------------
1. Identity, kernel record, journal (header, rows, finished mark), session counts,
   the status of every collected row.

Two results may be compared when every field of their identities is equal; a
comparison of unlike ones names the fields that differ (`differences`).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

SCHEMA = 1

MEASURED = "measured"
NOT_AVAILABLE = "n/a"
VOID = "void"
ERROR = "error"
OUTCOMES = (MEASURED, NOT_AVAILABLE, VOID, ERROR)

# What else a collected row may be: measured with a reservation, or not begun.
DISTURBED = "disturbed"
SKIPPED = "skipped"
NOT_RUN = "not run"

# The verdict on a row that could not be judged.
NO_VERDICT = "none"
# Of a row that one side of a comparison has and another has not.
MISSING = "missing"

# What the stock table, comparison and JSON read of a row. "ops" is younger than the
# others: pytest-benchmark fills it in where a file has none.
STATISTICS = ("min", "max", "mean", "stddev", "median", "iqr", "rounds", "iterations")

# Of anything that is counted or timed, whatever its unit.
_MOST = 10**30

_T = TypeVar("_T")


class ResultsError(ValueError):
    """A record that cannot be read; the message names the file and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionBuild:
    """What `_pybench.BUILD` says; unequal builds are not comparable."""

    compiler: str
    flags: str
    flavour: str
    free_threaded: bool
    mutant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Everything that must be equal before two numbers may be compared.

    Only stable facts: a clock reading in here would give every run its own folder.
    """

    implementation: str
    version: str
    soabi: str
    build_flags: tuple[str, ...]
    free_threaded: bool
    gil_enabled: bool
    jit: str
    extension: ExtensionBuild | None
    cpu_model: str
    machine: str
    system: str
    affinity: int
    quota: float | None

    @property
    def usable_cpus(self) -> int:
        """CPUs that can run at once: the affinity, cut by the cgroup's quota."""
        if self.quota is None:
            return self.affinity
        return min(self.affinity, max(1, int(self.quota)))

    @property
    def interpreter(self) -> str:
        """The interpreter in words, such as "CPython 3.14.0 free-threaded"."""
        words = [self.implementation, self.version]
        if self.free_threaded:
            words.append("free-threaded")
        if "debug" in self.build_flags:
            words.append("debug build")
        return " ".join(words)

    @property
    def gil_state(self) -> str:
        """The state of the GIL in this process, "GIL on" or "GIL off"."""
        return "GIL on" if self.gil_enabled else "GIL off"

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that differ when any field differs."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Readable name of the folder that holds the baselines of this identity."""
        parts = self.soabi.split("-")
        tag = f"cp{parts[1]}" if len(parts) > 1 else parts[0]
        gil = "gil_on" if self.gil_enabled else "gil_off"
        name = f"{self.implementation.lower()}-{self.version}-{tag}-{gil}"
        return f"{name}-{self.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRecord:
    """What a kernel row says beside its values (`extra_info["pybench"]`)."""

    kernel: str
    arguments: Mapping[str, object]
    threads: int
    iterations: int
    rounds_kept: int
    rounds_dropped: int
    disturbed: bool
    disturbances: tuple[str, ...]
    clock: str
    floor_ns: float | None
    floor_above_tenth: bool
    cpu_ns_per_operation: float
    overlap: float
    fairness: float
    attach_wait_ns: float
    attached: bool
    serialised: bool
    oversubscribed: bool
    gil_enabled: bool
    gc_enabled: bool
    gc_enabled_outside: bool
    clock_cost_ns: float
    detail: Mapping[str, object] | None
    detail_left_out: tuple[str, ...] = ()
    loop: str = ""  # the C function


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSample:
    """What one sample of a row took, in whole nanoseconds.

    `waited_ns` is time in which the thread could have run and did not (Linux tells);
    zero where it is not known. `blocked` counts how often the process gave the CPU up
    of itself, as one does that waits for a socket, a child or a lock, and never one
    that lost it to others; None where the system does not say.
    """

    wall_ns: int
    cpu_ns: int
    waited_ns: int
    blocked: int | None = None

    def __add__(self, other: "TurnSample") -> "TurnSample":
        """Return the sample that both are together."""
        known = self.blocked is not None and other.blocked is not None
        return TurnSample(
            wall_ns=self.wall_ns + other.wall_ns,
            cpu_ns=self.cpu_ns + other.cpu_ns,
            waited_ns=self.waited_ns + other.waited_ns,
            blocked=(self.blocked or 0) + (other.blocked or 0) if known else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecord:
    """One pair of one row: a fresh process of each side, and what its turns took.

    Parameters
    ----------
    row : str
        Node id of the row.
    pair : int
        Counted from 1, per row.
    order : tuple of str
        The sides in the order in which they took their first turn.
    apart : bool
        The processes ran one after the other instead of taking turns.
    cpu : int or None
        Where they took turns, None where they were left to the system.
    hash_seed : int
        PYTHONHASHSEED of all of them.
    numbers : mapping of str to int
        What a sample was: "count" of calls, and of a kernel its "iterations".
    samples : mapping of str to tuple of tuple of TurnSample
        Per side its processes (two where they ran apart), each with its samples in
        order, warm-ups first.
    warmups : int
        How many of each process are that: one, or none in a row that a process can
        run once only.
    """

    row: str
    pair: int
    order: tuple[str, ...]
    apart: bool
    cpu: int | None
    hash_seed: int
    numbers: Mapping[str, int]
    samples: Mapping[str, tuple[tuple[TurnSample, ...], ...]]
    warmups: int = 1

    def timed(self, side: str) -> tuple[tuple[TurnSample, ...], ...]:
        """Return the samples of a side that count, process by process."""
        return tuple(one[self.warmups :] for one in self.samples.get(side, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRecord:
    """A pair that came to nothing, and why."""

    row: str
    pair: int
    side: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRecord:
    """What is known of a row before its first pair.

    `apart` rows are never alive twice at once; `pinned` ones take turns on one CPU.
    `outcomes` has per side one of `OUTCOMES`, "error" or "skipped"; `reasons` has
    those that are not "measured". A row is compared where both sides measured it.
    `per_sample_ns` is what a sample times on the baseline, `per_turn_ns` what it takes
    on the slowest side with all that is prepared for it; 0 in records of versions that
    did not look. `waits` says whether it gives the CPU up of itself on any side, None
    where that is not known. `rounds` is the most that a process may do of it, as the
    row says itself, None for as many as are wanted. `file` is where it was found, ""
    if that is not known. Rows with different numbers of `session` have files that no
    process can import together, such as two of one name.
    """

    row: str
    group: str | None
    apart: bool
    pinned: bool
    margin: float | None
    metric: str | None
    operations: int
    threads: int
    numbers: Mapping[str, int]
    per_sample_ns: float
    outcomes: Mapping[str, str]
    reasons: Mapping[str, str]
    per_turn_ns: float = 0.0
    waits: bool | None = None
    rounds: int | None = None
    file: str = ""
    session: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRecord:
    """One side of a comparison: an interpreter under a name.

    `packages` has the version of each distribution that its sessions have imported, by
    normal name; empty where that was not recorded. `asked` are those of them by which
    this side was asked to differ. The last record of a side is the one that holds.
    """

    name: str
    python: str
    identity: Identity
    twin_of: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalHeader:
    """First line of a journal."""

    identity: Identity
    arguments: tuple[str, ...]
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One finished row: its outcome, and if it was measured all that is saved."""

    fullname: str
    outcome: str
    reason: str = ""
    name: str = ""
    group: str | None = None
    param: str | None = None
    params: Mapping[str, object] | None = None
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    stats: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatus:
    """What became of one collected row; a reason for all but measured ones.

    `process_medians_s` has the median of each process in seconds, this session's own
    first, if there were several; a process that did not measure the row is left out.
    """

    fullname: str
    status: str
    reason: str = ""
    process_medians_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """What one session did, for the terminal and for ``--pybench-counts``."""

    interpreter: str
    free_threaded: bool
    gil_enabled: bool
    rows_measured: int
    rows_unmeasured: int  # ran once, as ``--benchmark-disable`` asks
    rows_na: Mapping[str, int]
    rows_void: int
    rows_error: int
    rows_skipped: int
    rows_not_run: int
    void_modules: tuple[str, ...]
    rows_disturbed: int
    rounds_dropped: int
    rows_oversubscribed: int
    rows_near_floor: int
    rows_resumed: int
    tests_passed: int
    tests_failed: int
    tests_skipped: int


def differences(ours: Identity, theirs: Identity) -> list[str]:
    """Say field by field in what two identities differ.

    Returns
    -------
    list of str
        One ``field: ours -> theirs`` per difference; empty for equal identities.
    """
    return [
        f"{name}: {one!r} here, {other!r} there"
        for (name, one), (_, other) in zip(_flat(ours), _flat(theirs), strict=True)
        if one != other
    ]


def _flat(identity: Identity) -> Iterator[tuple[str, object]]:
    for item in fields(Identity):
        value = getattr(identity, item.name)
        if item.name != "extension":
            yield item.name, value
            continue
        for part in fields(ExtensionBuild):
            missing = "not built" if part.name == "compiler" else None
            yield f"extension {part.name}", getattr(value, part.name, missing)


def identity_document(identity: Identity) -> dict[str, Any]:
    """Return the identity as what goes into ``machine_info["pybench"]``."""
    return {
        "schema": SCHEMA,
        **asdict(identity),
        "build_flags": [*identity.build_flags],
    }


def parse_json(data: bytes | str) -> Any:
    """Read JSON, and what pytest-benchmark writes beyond it: NaN and Infinity.

    Raises
    ------
    ValueError
        If it is none, is nested deeper than can be read, or is no text.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply to be read") from None


def parse_identity(document: object, source: str) -> Identity:
    """Read an identity back.

    Parameters
    ----------
    document : object
        What `identity_document` gave, after a trip through JSON.
    source : str
        Where it was found, for the message of an error.

    Raises
    ------
    ResultsError
        If it is not an identity, or of a newer schema.
    """
    known = _mapping(document, source)
    _check_schema(known, source)
    extension = known.get("extension")
    quota = known.get("quota")
    return Identity(
        implementation=_get(known, "implementation", str, source),
        version=_get(known, "version", str, source),
        soabi=_get(known, "soabi", str, source),
        build_flags=_texts(known, "build_flags", source),
        free_threaded=_get(known, "free_threaded", bool, source),
        gil_enabled=_get(known, "gil_enabled", bool, source),
        jit=_get(known, "jit", str, source),
        extension=None if extension is None else parse_build(extension, source),
        cpu_model=_get(known, "cpu_model", str, source),
        machine=_get(known, "machine", str, source),
        system=_get(known, "system", str, source),
        affinity=_get(known, "affinity", int, source),
        quota=None if quota is None else float(_get(known, "quota", float, source)),
    )


def parse_build(document: object, source: str) -> ExtensionBuild:
    """Read what `_pybench.BUILD` said, straight from it or out of a file."""
    known = _mapping(document, source)
    return ExtensionBuild(
        compiler=_get(known, "compiler", str, source),
        flags=_get(known, "flags", str, source),
        flavour=_get(known, "flavour", str, source),
        free_threaded=_get(known, "free_threaded", bool, source),
        mutant=_get(known, "mutant", bool, source),
    )


def header_document(header: JournalHeader) -> dict[str, Any]:
    """Return a journal's first line as JSON-able values."""
    return {
        "pybench": "journal",
        "schema": SCHEMA,
        "identity": identity_document(header.identity),
        "arguments": [*header.arguments],
        "started": header.started,
    }


def parse_header(document: object, source: str) -> JournalHeader:
    """Read a journal's first line; `ResultsError` if it is none."""
    known = _mapping(document, source)
    if known.get("pybench") != "journal":
        raise ResultsError(f"{source}: the first line is not a journal's header")
    _check_schema(known, source)
    return JournalHeader(
        identity=parse_identity(known.get("identity"), source),
        arguments=_texts(known, "arguments", source),
        started=_get(known, "started", str, source),
    )


def row_document(row: JournalRow) -> dict[str, Any]:
    """Return a journal's row as JSON-able values, without what is empty."""
    # Not asdict: it would copy parameters, and a lock or a socket cannot be copied.
    values = {item.name: getattr(row, item.name) for item in fields(JournalRow)}
    return {name: value for name, value in values.items() if value}


def parse_row(document: object, source: str) -> JournalRow:
    """Read a journal's row; `ResultsError` if a value is missing or odd."""
    known = _mapping(document, source)
    outcome = _get(known, "outcome", str, source)
    if outcome not in OUTCOMES:
        raise ResultsError(f"{source}: unknown outcome {outcome!r}")
    stats = _mapping(known.get("stats", {}), source)
    if outcome == MEASURED:
        check_statistics(stats, source)
    unknown = set(known) - {item.name for item in fields(JournalRow)}
    if unknown:
        raise ResultsError(f"{source}: unknown fields {', '.join(sorted(unknown))}")
    return JournalRow(
        fullname=_get(known, "fullname", str, source),
        outcome=outcome,
        reason=_get(known, "reason", str, source, ""),
        name=_get(known, "name", str, source, ""),
        group=known.get("group"),
        param=known.get("param"),
        params=known.get("params"),
        extra_info=_mapping(known.get("extra_info", {}), source),
        options=_mapping(known.get("options", {}), source),
        stats=stats,
    )


def statuses_document(statuses: Iterable[RowStatus]) -> dict[str, Any]:
    """Return what a saved file has at its top level as ``pybench``."""
    return {"schema": SCHEMA, "rows": [asdict(status) for status in statuses]}


def check_statistics(stats: Mapping[str, Any], source: str) -> None:
    """Raise `ResultsError` unless `stats` has what the stock table reads."""
    for name in STATISTICS:
        value = stats.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ResultsError(f"{source}: no number for {name!r} in stats")
        if isinstance(value, int) and abs(value) > _MOST:
            raise ResultsError(f"{source}: {name!r} in stats is too large")


def _check_schema(known: Mapping[str, Any], source: str) -> None:
    schema = known.get("schema")
    if schema != SCHEMA:
        raise ResultsError(
            f"{source}: schema {schema!r}, this pybench reads schema {SCHEMA}"
        )


def _mapping(value: object, source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ResultsError(f"{source}: expected an object, found {_kind(value)}")
    return value


def _texts(known: Mapping[str, Any], name: str, source: str) -> tuple[str, ...]:
    values = _get(known, name, list, source)
    if not all(isinstance(value, str) for value in values):
        raise ResultsError(f"{source}: {name!r} must be a list of texts")
    return tuple(values)


def _get(
    known: Mapping[str, Any],
    name: str,
    kind: type[_T],
    source: str,
    default: _T | None = None,
) -> _T:
    value: Any = known.get(name, default)
    is_number = kind is float and isinstance(value, int)
    is_odd_bool = isinstance(value, bool) and kind is not bool
    if is_odd_bool or not (is_number or isinstance(value, kind)):
        raise ResultsError(f"{source}: {name!r} is {_kind(value)}, not {kind.__name__}")
    checked: _T = value
    return checked


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
