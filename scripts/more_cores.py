"""Say what `pybench compare --jobs` brings on more cores, from a recorded run.

    python scripts/more_cores.py RUN [--cores 2 8 32 128] [--wider 1.0 1.25 1.5]
        [--apart 'benchmarks/memory/*'] [--start-s SECONDS]

A simulation, nothing is measured. Each row needs the pairs that it had in RUN, times
the square of how much wider a pair spreads with neighbours; each pair takes what it
took there, and the processes of a batch the mean of the run. Rows of --apart, such as
those limited by the bandwidth of the memory, have no neighbours, nor have rows that run
threads or wait. Judging, and what comes before the first pair, are left out.
"""

import argparse
import itertools
import math
import random
import statistics
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pybench.comparison.schedule import ROWS_PER_PROCESS, chunks
from pybench.comparison.side_by_side import CORES_SPARE
from pybench.records.run import Run
from pybench.records.run_file import read_run
from pybench.records.spent import ALL, COLLECTION, END, START

ARMS = 2


def shared_s(run: Run) -> float:
    """Return what the processes of a batch took to start and to end, in the mean."""
    seconds = sum(
        phases.get(phase, 0.0)
        for kind, phases in run.spent.seconds.items()
        for phase in (START, COLLECTION, END)
        if kind != ALL
    )
    if not run.batches or not seconds:
        raise SystemExit(
            "the run does not say what its processes took to start: --start-s SECONDS"
        )
    return seconds / run.batches


def alone_s(rows: Mapping[str, tuple[int, float]], batch_s: float) -> float:
    """Return what rows take, each of so many pairs of so many seconds."""
    return sum(n * s for n, s in rows.values()) + batch_s * sum(
        len(chunks([row for row in rows if rows[row][0] > pair]))
        for pair in range(max((n for n, _ in rows.values()), default=0))
    )


def beside_s(
    rows: Mapping[str, tuple[int, float]], batch_s: float, cores: int
) -> float:
    """Return the same where batches are side by side, as many as `cores` allow."""
    jobs = cores - (cores >= CORES_SPARE)
    if jobs < 2:
        return alone_s(rows, batch_s)
    batches = [
        sum(rows[row][1] for row in batch)
        for pair in range(max((n for n, _ in rows.values()), default=0))
        for batch in chunks([row for row in rows if rows[row][0] > pair])
    ]
    random.Random(1).shuffle(batches)
    waves = [batches[n : n + jobs] for n in range(0, len(batches), jobs)]
    # The processes of one batch began on two CPUs; those of a wave share all.
    starts = (math.ceil(ARMS * len(wave) / cores) for wave in waves)
    return sum(map(max, waves)) + batch_s * sum(starts)


def main() -> None:
    """Read the run and print a table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 8, 32, 128])
    parser.add_argument("--wider", type=float, nargs="+", default=[1.0, 1.25, 1.5])
    parser.add_argument("--apart", default="benchmarks/memory/*")
    parser.add_argument("--start-s", type=float, help="of the processes of a batch")
    options = parser.parse_args()
    if min(options.cores) < 1 or min(options.wider) < 1:
        parser.error("--cores and --wider are numbers from 1")
    run = read_run(options.run)
    batch_s = options.start_s or shared_s(run)
    rows: dict[bool, dict[str, tuple[int, float]]] = {False: {}, True: {}}
    for name, pairs in run.pairs.items():
        took_s = statistics.fmean(pair.took_s for pair in pairs.values())
        if not took_s:
            raise SystemExit("the run does not say what its pairs took: too old")
        is_beside = run.rows[name].pinned and not fnmatchcase(name, options.apart)
        rows[is_beside][name] = len(pairs), took_s
    whole_s = alone_s({**rows[False], **rows[True]}, batch_s)
    rest_s = alone_s(rows[False], batch_s)
    print(
        f"{len(rows[True])} rows side by side, {len(rows[False])} alone; a batch of up "
        f"to {ROWS_PER_PROCESS} rows takes {batch_s:.2f} s to start and end"
    )
    print(
        "| cores | pairs spread | minutes | times as fast | rows side by side alone |"
    )
    print("|---|---|---|---|---|")
    print(f"| 1 job | | {whole_s / 60:.1f} | 1 | 1 |")
    for cores, wider in itertools.product(options.cores, options.wider):
        more = {
            row: (math.ceil(pairs * wider**2), took_s)
            for row, (pairs, took_s) in rows[True].items()
        }
        beside = beside_s(more, batch_s, cores)
        print(
            f"| {cores} | {wider:g} times | {(rest_s + beside) / 60:.1f} | "
            f"{whole_s / (rest_s + beside):.2f} | "
            f"{(alone_s(rows[True], batch_s) / beside):.2f} |"
        )


if __name__ == "__main__":
    main()
