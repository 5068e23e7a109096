"""In what the sides of a run differ unasked: imported packages, compiled kernels."""

from __future__ import annotations

from pybench.records.run import Run, SideRecord

# A sentence stays readable with so many; the record has all.
_SHOWN_MOST = 8


def package_differences(run: Run) -> tuple[str, ...]:
    """Say in one line what the sides imported that differs, none if nothing does.

    Left out are packages that a side was asked to have, and sides of which no packages
    were recorded, as in records of older versions.
    """
    baseline = run.baseline
    said: list[str] = []
    for side in run.contenders:
        if baseline.packages and side.packages:
            said += _differences(baseline, side)
    if not said:
        return ()
    shown = said[:_SHOWN_MOST]
    more = [f"{len(said) - len(shown)} more"] if len(said) > len(shown) else []
    return (f"packages differ, which was not asked for: {'; '.join(shown + more)}",)


def _differences(baseline: SideRecord, side: SideRecord) -> list[str]:
    names = sorted(baseline.packages.keys() | side.packages.keys())
    asked = {*baseline.asked, *side.asked}
    found = []
    for name in names:
        mine, other = baseline.packages.get(name), side.packages.get(name)
        if name in asked or mine == other:
            continue
        if mine is None:
            found.append(f"{name} {other} in {side.name} alone")
        elif other is None:
            found.append(f"{name} {mine} in {baseline.name} alone")
        else:
            found.append(f"{name} {mine} in {baseline.name}, {other} in {side.name}")
    return found


def extension_differences(run: Run) -> tuple[str, ...]:
    """Say in one line whose native kernels were compiled differently, if any were.

    Wheels that came from elsewhere may be by another compiler than those made here.
    """
    mine = run.baseline.identity.extension
    unlike = [
        f"{theirs.compiler} {theirs.flags} in {side.name}"
        for side in run.contenders
        if mine and (theirs := side.identity.extension)
        and (mine.compiler, mine.flags) != (theirs.compiler, theirs.flags)
    ]  # fmt: skip
    if not mine or not unlike:
        return ()
    base = f"{mine.compiler} {mine.flags} in {run.baseline.name}"
    return (
        "native kernels were compiled differently, so their rows compare that too: "
        f"{'; '.join([base, *unlike])}",
    )
