"""Who was measured: the interpreter, its build and the machine."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from pybench.records.documents import as_mapping, check_schema, parse

# Fields that are left out where an earlier version did not know them.
_OF_COUNTS = ("libc", "cpu_features")

# Of an identity, a journal and what the plugin adds to a saved file.
SCHEMA = 1


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
    # What a count of instructions depends on beside the build; "" and () where a
    # version did not look. Times do not have them in their fingerprint.
    libc: str = ""
    cpu_features: tuple[str, ...] = ()

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
    def machine_facts(self) -> dict[str, str]:
        """What of it is the machine's, in words."""
        return {
            "CPU": self.cpu_model,
            "architecture": self.machine,
            "system": self.system,
            "usable CPUs": str(self.usable_cpus),
        }

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that differ when any field of times differs."""
        known = {k: v for k, v in asdict(self).items() if k not in _OF_COUNTS}
        text = json.dumps(known, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Readable name of the folder that holds the baselines of this identity."""
        parts = self.soabi.split("-")
        tag = f"cp{parts[1]}" if len(parts) > 1 else parts[0]
        gil = "gil_on" if self.gil_enabled else "gil_off"
        name = f"{self.implementation.lower()}-{self.version}-{tag}-{gil}"
        return f"{name}-{self.fingerprint}"


def differences(ours: Identity, theirs: Identity) -> list[str]:
    """Say field by field in what two identities differ.

    Returns
    -------
    list of str
        One ``field: ours -> theirs`` per difference; empty for equal identities.
    """
    return [
        f"{name}: {_apart(one, other)}"
        if name == "cpu_features"
        else f"{name}: {one!r} here, {other!r} there"
        for (name, one), (_, other) in zip(_flat(ours), _flat(theirs), strict=True)
        if one != other and not (name in _OF_COUNTS and not (one and other))
    ]


def _apart(ours: Any, theirs: Any) -> str:
    """Name what one of two lists has alone."""
    here, there = ({*ours} - {*theirs}), ({*theirs} - {*ours})
    parts = ((here, "here alone"), (there, "there alone"))
    return ", ".join(f"{' '.join(sorted(of))} {where}" for of, where in parts if of)


def _flat(identity: Identity) -> Iterator[tuple[str, object]]:
    for item in fields(Identity):
        value = getattr(identity, item.name)
        if item.name != "extension":
            yield item.name, value
        if item.name != "extension":
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
        "cpu_features": [*identity.cpu_features],
    }


def parse_identity(document: object, source: str) -> Identity:
    """Read back what `identity_document` gave; `source` is named in an error.

    Raises
    ------
    DocumentError
        If it is not an identity, or of another schema.
    """
    check_schema(as_mapping(document, source), SCHEMA, source)
    return parse(Identity, document, source)
