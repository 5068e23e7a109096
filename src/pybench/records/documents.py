"""The readers of every document: whatever a file holds, a value or a `DocumentError`.

A document is a frozen dataclass whose fields `pybench` and `schema` have its kind and
its version as their defaults. The host reads one by `read_document`, which needs
msgspec; what runs under test reads by `parse`, with the standard library alone.
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pybench.records.usage import UsageError

# Of a count, and of a time in nanoseconds: a century is 3e18.
MOST_COUNT = 10**18
# No ratio of two times is larger.
MOST_RATIO = 1e30

REMEDY = "use the version of pybench that wrote it"

_T = TypeVar("_T")


class DocumentError(UsageError, ValueError):
    """A document that cannot be read or written; names the file and what is wrong."""


def read_document(
    path: Path,
    form: type[_T],
    *,
    remedy: str = REMEDY,
    check: Callable[[_T], None] = lambda document: None,
) -> _T:
    """Read a file of ours.

    Parameters
    ----------
    path : Path
        A file of JSON.
    form : type
        The dataclass, whose defaults of `pybench` and `schema` the file must have.
    remedy : str
        What to do about a file that is damaged, or of another schema.
    check : callable
        Raises `DocumentError` for values of the right types that cannot be.

    Raises
    ------
    DocumentError
        If it cannot be read, is not JSON, is cut off, of another kind or schema, or if
        a field is missing, of another type, or no number that is measured.
    """
    kind, schema = (_default(form, name) for name in ("pybench", "schema"))
    try:
        document = decode(_bytes(path))
        if kind_of(document) != kind:
            raise DocumentError(f"not a document of pybench of the kind {kind!r}")
        if document.get("schema") != schema:
            raise DocumentError(
                f"{kind} of schema {document.get('schema')!r}, this pybench reads "
                f"{schema}"
            )
        value: _T = convert(document, form)
        check(value)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}: {remedy}") from None
    return value


def _default(form: Any, name: str) -> object:
    return next(field.default for field in fields(form) if field.name == name)


def kind_of(document: object) -> str | None:
    """Return what a document of ours calls itself; None for one of another tool."""
    kind = document.get("pybench") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) else None


def read_json(path: Path) -> Any:
    """Read a file of JSON; `DocumentError` if it cannot be read, or is none."""
    try:
        return decode(_bytes(path))
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DocumentError(error.strerror or str(error)) from None


def decode(data: bytes) -> Any:
    """Read JSON as the host does, which refuses NaN; `DocumentError` if it is none."""
    import msgspec

    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(f"not JSON, or cut off: {error}") from None
    except RecursionError:
        raise DocumentError("not JSON: nested too deeply to be read") from None


def convert(document: object, form: Any) -> Any:
    """Return a value as the type that describes it; `DocumentError` names the field."""
    import msgspec

    try:
        value = msgspec.convert(document, form)
    except msgspec.ValidationError as error:
        raise DocumentError(str(error)) from None
    except RecursionError:
        raise DocumentError("nested too deeply to be read") from None
    _check_numbers(document)
    return value


def _check_numbers(document: object) -> None:
    """Refuse a number that no measurement gives, wherever it is."""
    to_visit: list[object] = [document]
    while to_visit:
        value = to_visit.pop()
        if isinstance(value, Mapping):
            to_visit += value.values()
        elif isinstance(value, list | tuple):
            to_visit += value
        elif isinstance(value, float):
            if not abs(value) <= MOST_RATIO:
                raise DocumentError(f"{value!r} cannot be a measured number")
        elif isinstance(value, int) and abs(value) > MOST_COUNT:
            raise DocumentError(
                f"a number above {MOST_COUNT:.0e}, more than any count or time"
            )


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


def parse(form: type[_T], document: object, source: str) -> _T:
    """Return a document as a dataclass, with the standard library alone.

    Fields that the dataclass does not have are passed by.

    Raises
    ------
    DocumentError
        If a field is missing or of another type; names the source and the field.
    """
    known = as_mapping(document, source)
    hints = _hints(form)  # type: ignore[arg-type]
    values = {
        item.name: _value(hints[item.name], known.get(item.name), source, item.name)
        for item in fields(form)  # type: ignore[arg-type]
        if item.name in known or _is_needed(item)
    }
    return form(**values)


@functools.cache
def _hints(form: type) -> dict[str, Any]:
    return get_type_hints(form)


def _is_needed(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _value(hint: Any, value: Any, source: str, name: str) -> Any:
    if hint in (Any, object):
        return value
    arguments = get_args(hint)
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(kind for kind in arguments if kind is not type(None))
    if is_dataclass(hint):
        return parse(hint, value, source)  # type: ignore[arg-type]
    origin = get_origin(hint) or hint
    kind = {tuple: list, Mapping: dict}.get(origin, origin)
    is_number = kind is float and isinstance(value, int)
    is_odd_bool = isinstance(value, bool) and kind is not bool
    if is_odd_bool or not (is_number or isinstance(value, kind)):
        raise DocumentError(
            f"{source}: {name!r} is {_type_of(value)}, not {kind.__name__}"
        )
    if kind is list:
        if not all(isinstance(item, arguments[0]) for item in value):
            raise DocumentError(f"{source}: {name!r} must be a list of texts")
        return tuple(value)
    try:
        return float(value) if kind is float else value
    except OverflowError:
        raise DocumentError(f"{source}: {name!r} is larger than any time") from None


def as_mapping(value: object, source: str) -> dict[str, Any]:
    """Return an object of JSON; `DocumentError` if it is none."""
    if not isinstance(value, dict):
        raise DocumentError(f"{source}: expected an object, found {_type_of(value)}")
    return value


def check_schema(document: Mapping[str, Any], schema: int, source: str) -> None:
    """Refuse a document of another schema."""
    if document.get("schema") != schema:
        raise DocumentError(
            f"{source}: schema {document.get('schema')!r}, this pybench reads schema "
            f"{schema}"
        )


def _type_of(value: object) -> str:
    return "missing" if value is None else type(value).__name__
