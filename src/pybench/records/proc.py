"""What Linux says of a process in the texts of ``/proc``."""


def own_and_share(smaps_rollup: str) -> tuple[int, int] | None:
    """Return USS and PSS in bytes; None for a process that has ended.

    Parameters
    ----------
    smaps_rollup : str
        Sums over the mappings, in KiB, after a line with the range of addresses.
    """
    kib = {
        words[0]: int(words[1])
        for words in map(str.split, smaps_rollup.splitlines()[1:])
        if len(words) == 3
    }
    private = [size for name, size in kib.items() if name.startswith("Private_")]
    if not private or "Pss:" not in kib:
        return None
    return 1024 * sum(private), 1024 * kib["Pss:"]


def status_bytes(status: str, name: str) -> int | None:
    """Return one size of ``status``, such as ``VmHWM``; None where it is not told."""
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


def run_queue_ns(schedstat: str) -> int | None:
    """Return how long a thread was ready and had no CPU; None where nobody counts."""
    try:
        running, queued, *_ = map(int, schedstat.split())
    except ValueError:
        return None
    # All zero where the kernel does not count.
    return queued if running or queued else None
