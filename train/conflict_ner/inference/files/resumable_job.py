r"""Writes the output of a long job so that an interrupted job can resume without a lost or a repeated report.

Until the output `OUT` is complete, two files next to it hold the finished part:

`OUT.partial`: the tagged reports, a line of JSON each, whatever the form of `OUT`. It only grows.
`OUT.progress`: a line of JSON that describes the job (its inputs with their sizes and times, its options),
    then a line for each time that the partial file was synced to the disk: the number of reports in it
    and its length in bytes.

Both remain after a killed process, a power loss or a full disk. To resume, the partial file is truncated to the
length in the last complete line of progress, the inputs are read again from their beginning, and as many reports
as the file holds are skipped. So no form of input has to be entered in its middle, and the problems in the inputs
are found and counted again. At most a chunk of the tagger's, or `EVERY` seconds of work if that is more, is
done twice.

At the end `OUT` is written from the partial file and put in its place in one step; then both files are removed.
A lock on `OUT.progress` keeps a second process from the same output.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     with job(Path(folder) / "out.jsonl", {"inputs": []}) as output:
...         output.add('{"id": 1}\n', mentions=0, words=2)
...         output.finish()
...     [(file.name, file.read_text()) for file in Path(folder).iterdir()]
[('out.jsonl', '{"id": 1}\n')]

A job is identified by its inputs and its options; another job does not resume its output:

>>> was = {"column": "text", "inputs": [["a.csv", 10, 1], ["b.csv", 10, 1]]}
>>> for problem in job_differences(was, {"column": "body", "inputs": [["a.csv", 12, 9], ["b.csv", 10, 1]]}):
...     print(problem)
column: was 'text' and is now 'body'; give the same options, or delete what the interrupted job left
a.csv: has changed since; give the same inputs, or delete what the interrupted job left
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from conflict_ner.errors import ConfigError, DataError, JobError, Problem
from conflict_ner.files import (
    atomic_path,
    is_device,
    lock_output,
    parse_complete_lines,
    require_new_folder,
    sync_folder,
)

Facts = Mapping[str, Any]  # the options by name, and under `inputs` for each input its name, size and time
Records = Callable[[], Iterator[dict[str, Any]]]  # reads the records; may be called again
EVERY = 5.0  # seconds between two syncs, the most work (or one chunk of the tagger's) that is done again
_MAX_DIFFERENCES = 10  # in a message


def facts_of(files: Sequence[Path], **options: Any) -> dict[str, Any]:
    """Return what must be the same to resume a job: the options, and the inputs with their sizes and times."""
    inputs: list[list[str | int | None]] = []
    for file in files:
        try:
            stat = None if is_device(file) else file.stat()  # a pipe has no size before it is read
        except OSError:  # reported when it is read
            stat = None
        inputs.append([str(file), stat.st_size, stat.st_mtime_ns] if stat else [str(file), None, None])
    return {**options, "inputs": inputs}


def job_differences(then: Facts, now: Facts) -> list[Problem]:
    """Return the differences between an interrupted job and one that is to resume it, at most the first ten."""
    fix = "or delete what the interrupted job left"
    problems = [
        Problem(key, f"was {then.get(key)!r} and is now {now.get(key)!r}", f"give the same options, {fix}")
        for key in dict.fromkeys([*then, *now])
        if key != "inputs" and then.get(key) != now.get(key)
    ]
    old, new = ({name: rest for name, *rest in facts["inputs"]} for facts in (then, now))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            what = "is not named now" if name not in new else "is new" if name not in old else "has changed since"
            problems.append(Problem(name, what, f"give the same inputs, {fix}"))
    if not problems and then["inputs"] != now["inputs"]:
        problems.append(Problem("the inputs", "are in another order", f"give them in the same order, {fix}"))
    return problems[:_MAX_DIFFERENCES]


@dataclass(slots=True)
class JobCounts:
    """How much is done.

    without_mentions: reports without a mention.
    bytes: the length of the partial file.
    """

    reports: int = 0
    mentions: int = 0
    without_mentions: int = 0
    words: int = 0
    bytes: int = 0

    def add(self, mentions: int, words: int, length: int = 0) -> None:
        """Count a report."""
        self.reports += 1
        self.mentions += mentions
        self.without_mentions += not mentions
        self.words += words
        self.bytes += length


class Job:
    """An output that is being written.

    counts: what has been written.
    saved_reports: how many reports are safe on the disk, even if the process is killed.
    is_complete: whether the partial file holds all reports.
    """

    def __init__(self, target: Path, every: float, *, is_folder: bool = False) -> None:
        self.target, self.every, self.is_folder = target, every, is_folder
        self.counts = JobCounts()
        self.saved_reports = 0
        self.is_complete = False
        self._partial, self._progress = job_files(target)
        self._last_save = time.monotonic()

    def add(self, row: str, mentions: int, words: int) -> None:
        """Write a report's line.

        Raises:
            JobError: if the disk is full or fails.
        """
        raw = row.encode("utf-8")
        with self._disk():
            self.stream.write(raw)
        self.counts.add(mentions, words, len(raw))

    def save_if_due(self) -> None:
        """Sync the partial file to the disk if `every` seconds have passed; a resumed job can begin at this point.

        Raises:
            JobError: if the disk is full or fails.
        """
        if self.counts.reports > self.saved_reports and time.monotonic() - self._last_save >= self.every:
            self._save()

    def finish(self, convert: Callable[[Records, IO[bytes]], None] | None = None) -> None:
        """Put the complete output in its place.

        Args:
            convert: writes the records to a stream; None: the partial file becomes the output.

        Raises:
            JobError: if the disk is full or fails, or `convert` raises it because the form cannot hold the records;
                all reports are safe in the partial file.
        """
        self._save()
        self.stream.close()
        self.is_complete = True
        with self._disk():
            if convert:
                self._converted(convert).replace(self.target)
                self._partial.unlink()
            else:
                self._partial.replace(self.target)
            sync_folder(self.target.parent)
            self._progress.unlink()

    def finish_as(self, write: Callable[[Records, Path], None]) -> None:
        """Put the complete output in its place.

        Args:
            write: writes the records to a new file, or to a new folder if the output is one.

        Raises:
            JobError: as `finish`, or if `write` raises a `DataError` because the records cannot be written.
        """
        self._save()
        self.stream.close()
        self.is_complete = True
        with self._disk():
            try:
                with atomic_path(self.target, is_folder=self.is_folder) as draft:
                    write(self._records, draft)
            except DataError as error:
                raise JobError(f"{error}\nAll tagged reports are safe in {self._partial}, as JSONL") from error
            self._partial.unlink()
            sync_folder(self.target.parent)
            self._progress.unlink()

    def _converted(self, convert: Callable[[Records, IO[bytes]], None]) -> Path:
        draft = self.target.with_name(f"{self.target.name}.assembling")
        try:
            with draft.open("wb") as stream:
                convert(self._records, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, JobError):
                raise JobError(f"{error}. All tagged reports are safe in {self._partial}, as JSONL") from error
            raise
        return draft

    def _records(self) -> Iterator[dict[str, Any]]:
        with self._partial.open("rb") as stream:
            yield from map(json.loads, stream)

    def _save(self) -> None:
        with self._disk():
            self.stream.flush()
            os.fsync(self.stream.fileno())
            self._log_progress(asdict(self.counts))
        self.saved_reports = self.counts.reports
        self._last_save = time.monotonic()

    def _log_progress(self, entry: Mapping[str, Any]) -> None:
        self.log.write(json.dumps(entry).encode() + b"\n")
        self.log.flush()
        os.fsync(self.log.fileno())

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"{self._partial}: {error.strerror or error}"
            if self.saved_reports:
                message += f"; reports that are safe in it: {self.saved_reports}; mend that, and the same command "
                message += "with --resume goes on"
            raise JobError(message) from error

    def begin(self, facts: Facts, *, resume: bool, files: ExitStack) -> None:
        """Create the two files, or resume with those of an interrupted job.

        Args:
            files: closes them at the end of the job.

        Raises:
            ConfigError: as in `job`.
        """
        if self._partial.exists() and not self._progress.exists():
            what = f"is in the way, and there is no {self._progress.name} beside it to go on with"
            raise ConfigError("the output", [Problem(str(self._partial), what, "move or delete it")])
        self.log: IO[bytes] = files.enter_context(self._progress.open("a+b"))
        lock_output(self.log, self.target)
        if not self._partial.exists():  # killed before its first report, or when all was done
            self.log.truncate(0)
            self._log_progress(facts)
            self.stream: IO[bytes] = files.enter_context(self._partial.open("xb"))
            sync_folder(self.target.parent)
            return
        if not resume:
            what = f"an interrupted job has left it, and {self._progress.name}"
            fix = "add --resume to go on with that job, or delete both"
            raise ConfigError("the output", [Problem(str(self._partial), what, fix)])
        self._resume(facts, files)

    def _resume(self, facts: Facts, files: ExitStack) -> None:
        self.log.seek(0)
        records, length = parse_complete_lines(self.log.read())
        problems = job_differences(records[0], json.loads(json.dumps(facts))) if records else []
        if problems:  # before the counts are read: another version may have written other ones
            raise ConfigError("--resume", problems)
        done = JobCounts(**records[-1]) if len(records) > 1 else JobCounts()
        if not records or self._partial.stat().st_size < done.bytes:
            names = f"{self._partial.name} and {self._progress.name}"
            problem = Problem(str(self._partial), "does not fit what its progress says", f"delete {names}")
            raise ConfigError("--resume", [problem])
        self.log.truncate(length)
        self.stream = files.enter_context(self._partial.open("r+b"))
        self.stream.truncate(done.bytes)
        self.stream.seek(done.bytes)
        self.counts, self.saved_reports = done, done.reports

    def discard_if_empty(self) -> None:
        """Remove the two files unless they hold reports with which a job can be resumed."""
        if not self.saved_reports:
            for file in (self._partial, self._progress):
                file.unlink(missing_ok=True)


@contextmanager
def job(
    target: Path,
    facts: Facts,
    *,
    resume: bool = False,
    keep_partial: bool = True,
    every: float | None = None,
    is_folder: bool = False,
) -> Iterator[Job]:
    """Write an output in the block, which ends with `finish` or `finish_as`.

    Args:
        facts: what must be the same to resume, as from `facts_of`; it must be serializable as JSON.
        resume: resume an interrupted job, if there is one.
        keep_partial: whether a block that fails before all is tagged leaves the files needed to resume.
        every: seconds between two syncs to the disk; None: `EVERY`.
        is_folder: whether the output is a folder, which may replace only an empty one.

    Raises:
        ConfigError: if there is an interrupted job and `resume` is False, or it is a different job, or another
            process is writing the output.
        JobError: in the block, if the disk is full or fails.
        OSError: if the output cannot be opened.
    """
    target = target.resolve()
    if is_folder:
        require_new_folder(target)
    elif target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    output = Job(target, EVERY if every is None else every, is_folder=is_folder)
    with ExitStack() as files:
        try:
            output.begin(facts, resume=resume, files=files)
        except OSError as error:
            error.filename = str(target)  # the name that the user knows
            raise
        try:
            yield output
        except BaseException:
            with suppress(OSError):  # a full disk, which has been reported
                files.close()
            if not keep_partial and not output.is_complete:
                output.saved_reports = 0
            output.discard_if_empty()
            raise


def job_files(target: Path) -> tuple[Path, Path]:
    """Return the partial file and the progress file of an output that is being written."""
    return target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.progress")
