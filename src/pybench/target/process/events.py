"""What the kernel and the CPU count of this process, where they let us read it."""

import errno

from pybench.target.process.identity import extension, extension_missing

SOFTWARE = ("page_faults", "context_switches", "migrations")
HARDWARE = ("instructions", "cycles", "branch_misses", "cache_misses")

_WHY = {
    errno.ENOENT: "this CPU has no such counter, or shows it to no guest",
    errno.EOPNOTSUPP: "this CPU has no such counter, or shows it to no guest",
    errno.ENOSYS: "this system has no perf_event_open",
    errno.EACCES: "not permitted: /proc/sys/kernel/perf_event_paranoid is too high",
    errno.EPERM: "not permitted: a container or a filter forbids perf_event_open",
}


class Events:
    """The counters of this process, opened once.

    `names` are those that there are; `lacks` says of each other why there is none.
    """

    def __init__(self) -> None:
        native = extension()
        self._native = native
        self.lacks: dict[str, str] = {}
        opened: dict[str, int] = {}
        for name in (*SOFTWARE, *HARDWARE):
            if native is None or not hasattr(native, "event_open"):
                self.lacks[name] = extension_missing() if native is None else "too old"
                continue
            try:
                opened[name] = native.event_open(name)
            except OSError as error:
                self.lacks[name] = _WHY.get(error.errno or 0, str(error))
        self.names = (*opened,)
        self._descriptors = (*opened.values(),)

    def document(self) -> dict[str, str]:
        """Return "" for each event that is counted, why not for each other."""
        return dict.fromkeys(self.names, "") | self.lacks

    def read(self) -> tuple[int, ...]:
        """Return the counts until now, in the order of `names`."""
        if not self._descriptors or self._native is None:
            return ()
        counts: tuple[int, ...] = self._native.event_counts(self._descriptors)
        return counts

    def since(self, before: tuple[int, ...]) -> dict[str, int]:
        """Return the counts since then, by name."""
        counts = zip(self.names, before, self.read(), strict=True)
        return {name: now - then for name, then, now in counts}
