"""What a person sees while an archive is tagged: how far, how fast, how long still; and one line at the end.

>>> print(summary(JobCounts(reports=1200, mentions=3400, without_mentions=7, words=96000), skipped=0, seconds=60.0))
tagged 1,200 reports: 3,400 mentions, 7 reports without one; 60.0 s (20 reports/s, 1,600 words/s)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from conflict_ner.inference.files.resumable_job import JobCounts

_SHOWN_EVERY = 0.2  # seconds


class Watch(Protocol):
    """Told of each report as it is done."""

    def __call__(self, counts: JobCounts, position: int) -> None:
        """counts: in all; position: bytes of the inputs that have been read up to this report."""


def rates(reports: int, words: int, seconds: float) -> str:
    """Speed in words; nothing where no time has passed to tell it."""
    if seconds <= 0:
        return ""
    return f"{reports / seconds:,.0f} reports/s, {words / seconds:,.0f} words/s"


def summary(counts: JobCounts, skipped: int, seconds: float, before: JobCounts | None = None) -> str:
    """The line at the end of a job.

    Args:
        counts: of the whole job.
        skipped: inputs and rows that could not be read.
        seconds: of this process.
        before: what an interrupted process had done, which does not count for the speed.
    """
    begun = before or JobCounts()
    said = f"tagged {_count(counts.reports, 'report')}: {_count(counts.mentions, 'mention')}, "
    said += f"{_count(counts.without_mentions, 'report')} without one"
    if begun.reports:
        said += f"; {begun.reports:,} of them before the interruption"
    if skipped:
        said += f"; {_count(skipped, 'input or row', 'inputs or rows')} left out"
    speed = rates(counts.reports - begun.reports, counts.words - begun.words, seconds)
    return f"{said}; {seconds:.1f} s" + (f" ({speed})" if speed else "")


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


@contextmanager
def shown(total: int | None, *, visible: bool) -> Iterator[Watch]:
    """A bar on standard error while the block runs; nothing where it is not to be visible.

    Args:
        total: bytes of all inputs; None where nobody knows: then no time left is shown.
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
        began = last = time.monotonic()
        first: JobCounts | None = None

        def watch(counts: JobCounts, position: int) -> None:
            nonlocal last, first
            now = time.monotonic()
            if first is None:
                first = JobCounts(counts.reports, words=counts.words)
            if now - last >= _SHOWN_EVERY:
                last = now
                speed = rates(counts.reports - first.reports, counts.words - first.words, now - began)
                bar.update(task, completed=position, rate=speed)

        yield watch
