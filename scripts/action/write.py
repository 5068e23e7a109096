"""Write the job's summary, the text of a comment and the page of a comparison.

    python write.py FOLDER STATUS

STATUS is the exit status of the comparison. Without a run in FOLDER they hold its last
words.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from compare import LAST_WORDS, pybench
from github_runner import OK, StepError, annotate, run_step, variable
from plan import Plan, read_plan

RUN = "run.jsonl"
SUMMARY_BYTES = 1024 << 10  # GitHub drops a longer one whole
# At most three bytes each, but for signs that the tables do not have.
SUMMARY_CHARACTERS = 300_000
COMMENT_CHARACTERS = 60_000  # with room for the lines around it
CUT = "\n\nThe rest does not fit here: it is in the run's artifact.\n"
# The statuses of `pybench compare`.
MEANING = {
    0: "nothing confirmed that `fail-on` names",
    1: "confirmed: a row changed by the margin or more as `fail-on` names it",
    2: "no comparison: an input is wrong",
    3: "no verdict possible, or undecided rows under `strict`",
    4: "something failed; the rest was compared",
    130: "interrupted; what is whole was compared",
}


def said(folder: Path, *words: str) -> str | None:
    """Return what pybench prints of a run; None, after a warning, if it fails."""
    try:
        done = subprocess.run(
            [pybench(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        annotate("warning", f"pybench: {error.strerror}")
        return None
    # 1, 3 and 4 are of the verdicts, and the text is there.
    is_broken = done.returncode == 1 and not done.stdout.strip()
    if is_broken or done.returncode not in (0, 1, 3, 4):
        annotate("warning", f"{' '.join(words[:2])}: {done.stderr.strip()[-500:]}")
        return None
    return done.stdout


def last_words(folder: Path) -> str:
    """Return the end of what a comparison without a run said, as a block."""
    try:
        text = (folder / LAST_WORDS).read_text(encoding="utf-8")
    except OSError:
        text = "The comparison did not begin: see the job's log."
    # A longer fence than any within.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text[-20_000:].strip()}\n{fence}\n"


def runs_of(folder: Path) -> list[str]:
    """Return the folders of the runs: one, or one for each interpreter."""
    run = folder / "run"
    found = [run, *sorted(run.glob("*"))]
    return [str(place) for place in found if (place / RUN).is_file()]


def text_of(folder: Path, most_characters: int) -> str:
    """Return the comparison as Markdown, of one interpreter after the other."""
    runs = runs_of(folder)
    each = f"--max-chars={most_characters // max(1, len(runs))}"
    texts = []
    for run in runs:
        text = said(folder, "compare", run, "--format=md", each)
        if text is not None:
            heading = f"#### {Path(run).name}\n\n" if len(runs) > 1 else ""
            texts.append(heading + text)
    return "\n".join(texts) or last_words(folder)


def title(plan: Plan, status: int | None) -> str:
    """Return the lines above a comparison: what was compared, and how it ended."""
    how = "The comparison did not begin"
    if status is not None:
        how = f"Exit status {status}: {MEANING.get(status, 'the command broke off')}"
    return f"### pybench: `{plan.head}` against `{plan.base}`\n\n{how}.\n\n"


def fitted(text: str, most_bytes: int) -> str:
    """Cut a text by whole lines to a number of bytes."""
    content = text.encode()
    if len(content) <= most_bytes:
        return text
    kept = content[: most_bytes - len(CUT.encode())].decode(errors="ignore")
    return kept.rpartition("\n")[0] + CUT


def write(folder: Path, status: int | None) -> int:
    """Write all that can be written."""
    plan = read_plan(folder)
    head = title(plan, status)
    summary = fitted(head + text_of(folder, SUMMARY_CHARACTERS), SUMMARY_BYTES)
    with Path(variable("GITHUB_STEP_SUMMARY")).open("a", encoding="utf-8") as file:
        file.write(summary)
    (folder / "summary.md").write_text(summary, encoding="utf-8")
    if plan.number is not None:
        comment = folder / "comment"
        comment.mkdir(exist_ok=True)
        text = head + text_of(folder, COMMENT_CHARACTERS)
        (comment / "comment.md").write_text(text, encoding="utf-8")
        number = json.dumps({"number": plan.number})
        (comment / "pull-request.json").write_text(f"{number}\n", encoding="utf-8")
    runs = runs_of(folder)
    for run in runs:
        page = f"report-{Path(run).name}.html" if len(runs) > 1 else "report.html"
        said(folder, "report", run, "-o", str(folder / page))
    return OK


def main() -> int:
    """Take the folder and the status from the command line."""
    if len(sys.argv) != 3:
        raise StepError("write.py takes the folder of a plan and the exit status")
    return write(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] else None)


if __name__ == "__main__":
    sys.exit(run_step(main))
