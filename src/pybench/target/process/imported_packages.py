"""Which distributions this process has imported, each with its version.

Two arms that import different versions of one package differ by more than what was
asked. So a session says what it has imported, once it is collected and after each row
that imported more.
"""

import csv
import re
import sys
from collections.abc import Iterable
from importlib import metadata


class ImportedPackages:
    """The distributions of the modules imported so far.

    All distributions are read when it is made, before anything is measured; asking for
    what is new afterwards looks at the names of modules alone.
    """

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        # Per first part of a module's name, the distributions that have such modules.
        self._owners: dict[str, list[str]] = {}
        # Per distribution, the first two parts of its modules' names: a namespace
        # such as `google` has several distributions.
        self._modules: dict[str, set[str]] = {}
        self._seen: set[str] = set()
        self._told: set[str] = set()
        for distribution in metadata.distributions():
            try:
                self._add(distribution)
            except Exception:  # broken metadata of others: it cannot be named
                continue

    def _add(self, distribution: metadata.Distribution) -> None:
        # None where a file of metadata is empty, whatever its type says.
        headers = distribution.metadata  # parsed anew each time
        name: str | None = headers["Name"]
        version: str | None = headers["Version"]
        if name is None or version is None:
            return
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name in self._versions:  # an earlier entry of sys.path hides this one
            return
        modules = _modules(distribution)
        self._versions[name] = version
        self._modules[name] = modules
        for top in {module.partition(".")[0] for module in modules}:
            self._owners.setdefault(top, []).append(name)

    def new(self) -> dict[str, str]:
        """Return the version of each distribution imported since this was asked last.

        Names are normal ones: small letters, with hyphens.
        """
        imported = sys.modules.keys() - self._seen
        self._seen |= imported
        names = set()
        for top in {module.partition(".")[0] for module in imported}:
            owners = self._owners.get(top, ())
            if len(owners) == 1:
                names.add(owners[0])
            else:
                inner = imported - {top}  # which all of them have
                names |= {o for o in owners if self._modules[o] & inner}
        names -= self._told
        self._told |= names
        return {name: self._versions[name] for name in sorted(names)}


def _modules(distribution: metadata.Distribution) -> set[str]:
    """Return the names of a distribution's modules, of two parts at most."""
    modules = set()
    for path in _files(distribution):
        if not path.endswith((".py", ".so", ".pyd")):
            continue
        parts = path.split("/")
        if ".." in parts:
            continue
        words = [*parts[:-1], parts[-1].partition(".")[0]]
        if words[-1] == "__init__":
            words.pop()
        if words and all(word.isidentifier() for word in words[:2]):
            modules |= {words[0], ".".join(words[:2])}
    # Editable installations have their modules elsewhere; setuptools names the tops.
    tops = (distribution.read_text("top_level.txt") or "").split()
    return modules | {top.replace("/", ".") for top in tops}


def _files(distribution: metadata.Distribution) -> Iterable[str]:
    """Return the paths of a distribution's files, with slashes.

    `distribution.files` makes a Path of each and asks from 3.12 on whether it is there:
    with a hundred distributions that was half of what a session takes to start.
    """
    record = distribution.read_text("RECORD")
    if record is None:  # an .egg-info
        return [path.as_posix() for path in distribution.files or ()]
    return [row[0] for row in csv.reader(record.splitlines()) if row]
