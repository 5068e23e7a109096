"""The shared records survive a trip through JSON and refuse what is not theirs."""

import json
from dataclasses import replace

import pytest

from pybench.records.documents import DocumentError
from pybench.records.identity import (
    ExtensionBuild,
    Identity,
    differences,
    identity_document,
    parse_identity,
)
from pybench.records.journal import (
    STATISTICS,
    JournalHeader,
    JournalRow,
    header_document,
    parse_header,
    parse_row,
    row_document,
)

BUILD = ExtensionBuild(
    compiler="gcc 12", flags="-O3", flavour="release", free_threaded=True, mutant=False
)
IDENTITY = Identity(
    implementation="CPython",
    version="3.13.15",
    soabi="cpython-313t-x86_64-linux-gnu",
    build_flags=("lto", "pgo"),
    free_threaded=True,
    gil_enabled=False,
    jit="unknown",
    extension=BUILD,
    cpu_model="A CPU",
    machine="x86_64",
    system="Linux",
    affinity=4,
    quota=None,
)
STATS = dict.fromkeys(STATISTICS, 1.0) | {"data": [1.0]}


def through_json(document: object) -> object:
    """Return what a reader of the file would get."""
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("identity", [IDENTITY, replace(IDENTITY, extension=None)])
def test_identity_survives_json(identity: Identity) -> None:
    document = through_json(identity_document(identity))

    assert parse_identity(document, "a file") == identity


def test_folder_is_readable_and_bears_a_fingerprint() -> None:
    assert IDENTITY.folder.startswith("cpython-3.13.15-cp313t-gil_off-")
    assert IDENTITY.folder.endswith(IDENTITY.fingerprint)


def test_every_field_changes_the_folder() -> None:
    others = [
        replace(IDENTITY, version="3.13.16"),
        replace(IDENTITY, gil_enabled=True),
        replace(IDENTITY, jit="on"),
        replace(IDENTITY, extension=None),
        replace(IDENTITY, extension=replace(BUILD, flags="-O2")),
        replace(IDENTITY, affinity=2),
        replace(IDENTITY, quota=1.5),
    ]

    folders = {identity.folder for identity in [IDENTITY, *others]}

    assert len(folders) == len(others) + 1


@pytest.mark.parametrize(
    ("quota", "usable"), [(None, 4), (0.5, 1), (1.0, 1), (2.9, 2), (16.0, 4)]
)
def test_usable_cpus_are_cut_by_the_quota(quota: float | None, usable: int) -> None:
    assert replace(IDENTITY, quota=quota).usable_cpus == usable


def test_names_every_field_that_differs() -> None:
    other = replace(
        IDENTITY, gil_enabled=True, extension=replace(BUILD, flags="-O2 -g")
    )

    said = differences(IDENTITY, other)

    assert said == [
        "gil_enabled: False here, True there",
        "extension flags: '-O3' here, '-O2 -g' there",
    ]
    assert differences(IDENTITY, IDENTITY) == []


def test_a_missing_extension_is_a_difference() -> None:
    said = differences(IDENTITY, replace(IDENTITY, extension=None))

    assert "extension compiler: 'gcc 12' here, 'not built' there" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2"),
        ({"version": 3}, "'version' is int, not str"),
        ({"affinity": True}, "'affinity' is bool, not int"),
        ({"affinity": None}, "'affinity' is missing, not int"),
        ({"build_flags": [1]}, "'build_flags' must be a list of texts"),
        ({"extension": {}}, "'compiler' is missing, not str"),
        ({"extension": []}, "expected an object, found list"),
    ],
)
def test_rejects_an_identity_that_is_none(
    change: dict[str, object], message: str
) -> None:
    document = identity_document(IDENTITY) | change

    with pytest.raises(DocumentError, match=rf"a file: .*{message}"):
        parse_identity(document, "a file")


def test_header_survives_json() -> None:
    header = JournalHeader(identity=IDENTITY, arguments=("-q",), started="now")

    assert parse_header(through_json(header_document(header)), "a file") == header


def test_rejects_a_first_line_that_is_no_header() -> None:
    with pytest.raises(DocumentError, match="not a journal's header"):
        parse_header({"finished": True}, "a file")


@pytest.mark.parametrize(
    "row",
    [
        JournalRow(fullname="t.py::a", outcome="n/a", reason="too old"),
        JournalRow(fullname="t.py::a", outcome="measured", name="a", stats=STATS),
    ],
)
def test_row_survives_json(row: JournalRow) -> None:
    assert parse_row(through_json(row_document(row)), "a file") == row


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "fine"}, "unknown outcome 'fine'"),
        ({"stats": {"min": 1}}, "no number for 'max'"),
        ({"stats": STATS | {"min": True}}, "no number for 'min'"),
        ({"fullname": None}, "'fullname' is missing"),
        ({"colour": "red"}, "unknown fields colour"),
    ],
)
def test_rejects_a_row_that_is_none(change: dict[str, object], message: str) -> None:
    row = JournalRow(fullname="t.py::a", outcome="measured", name="a", stats=STATS)

    with pytest.raises(DocumentError, match=message):
        parse_row(row_document(row) | change, "a file")
