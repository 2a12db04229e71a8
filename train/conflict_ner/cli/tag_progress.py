"""The progress bar of `tag`, and the summary and the warnings at its end.

>>> counts = JobCounts(reports=1200, mentions=3400, without_mentions=7, words=96000)
>>> print(format_summary(counts, skipped=0, seconds=60.0))
tagged 1,200 reports: 3,400 mentions, 7 reports without one; 60.0 s (20 reports/s, 1,600 words/s)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from conflict_ner.errors import format_count
from conflict_ner.inference.files.resumable_job import JobCounts

if TYPE_CHECKING:
    from conflict_ner.inference.files.screening import Ids, OtherScripts

_REFRESH_SECONDS = 0.2


class OnReport(Protocol):
    """A function that is called after each report."""

    def __call__(self, counts: JobCounts, position: int) -> None:
        """Take the counts of the whole job and the bytes of the inputs up to this report."""


def format_speed(reports: int, words: int, seconds: float) -> str:
    """Return reports and words per second; an empty string if no time has passed."""
    if seconds <= 0:
        return ""
    return f"{reports / seconds:,.0f} reports/s, {words / seconds:,.0f} words/s"


def format_summary(counts: JobCounts, skipped: int, seconds: float, before: JobCounts | None = None) -> str:
    """Return the line at the end of a job.

    Args:
        counts: of the whole job.
        skipped: number of inputs and rows that could not be read.
        seconds: duration of this process.
        before: counts of an interrupted process, which are not part of the speed.
    """
    earlier = before or JobCounts()
    line = f"tagged {format_count(counts.reports, 'report')}: {format_count(counts.mentions, 'mention')}, "
    line += f"{format_count(counts.without_mentions, 'report')} without one"
    if earlier.reports:
        line += f"; {earlier.reports:,} of them before the interruption"
    if skipped:
        line += f"; {format_count(skipped, 'input or row', 'inputs or rows')} left out"
    speed = format_speed(counts.reports - earlier.reports, counts.words - earlier.words, seconds)
    return f"{line}; {seconds:.1f} s" + (f" ({speed})" if speed else "")


@contextmanager
def show_progress(total: int | None, *, visible: bool) -> Iterator[OnReport]:
    """Show a progress bar on standard error while the block runs, if it is to be visible.

    Args:
        total: bytes of all inputs; None if unknown: then the remaining time is not shown.
    """
    if not visible:
        yield lambda counts, position: None
        return
    from rich import progress
    from rich.console import Console

    columns: list[Any] = [progress.TextColumn("tagging"), progress.BarColumn(), progress.TimeElapsedColumn()]
    if total:
        columns += [progress.TaskProgressColumn(), progress.TextColumn("left"), progress.TimeRemainingColumn()]
    columns.append(progress.TextColumn("{task.fields[rate]}"))
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("tagging", total=total, rate="")
        start = last = time.monotonic()
        first: JobCounts | None = None

        def watch(counts: JobCounts, position: int) -> None:
            nonlocal last, first
            now = time.monotonic()
            if first is None:
                first = JobCounts(counts.reports, words=counts.words)
            if now - last >= _REFRESH_SECONDS:
                last = now
                speed = format_speed(counts.reports - first.reports, counts.words - first.words, now - start)
                bar.update(task, completed=position, rate=speed)

        yield watch


def warn_of_script(first: Any) -> None:
    """Say that a report is in another script, as soon as it is met."""
    print(f"warning: report {first} is in a script that the model was not trained on", file=sys.stderr)


def print_hidden(hidden: set[str]) -> None:
    """Print a line about files and folders that were left out because they are hidden."""
    from conflict_ner.data.text_files.file_search import describe_hidden

    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)


def print_warnings(ids: Ids, scripts: OtherScripts, hidden: set[str]) -> None:
    """Print a line each about hidden files, repeated ids and reports in other scripts."""
    print_hidden(hidden)
    if ids.repeated:
        remedy = "made distinct" if ids.unique else "--unique-ids makes them distinct"
        reports = format_count(ids.repeated, "report has", "reports have")
        print(f"warning: {reports} an id that an earlier one has, the first is {ids.first}; {remedy}", file=sys.stderr)
    if scripts.count:
        remedy = "left out" if scripts.skip else "what is found there is chance; --skip-other-scripts leaves such out"
        reports = format_count(scripts.count, "report is", "reports are")
        known = " or ".join(scripts.known)
        print(f"warning: {reports} not in {known} script, the first is {scripts.first}; {remedy}", file=sys.stderr)
