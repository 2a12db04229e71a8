r"""A long job's output, so that an interrupted job goes on without a lost or a doubled report.

While `OUT` is made, what is done stands in two files beside it:

`OUT.partial`: the tagged reports, a line of JSON each, whatever form `OUT` is to have. It only grows.
`OUT.progress`: a line of JSON for the job (its inputs with their sizes and times, its options), then
    one for each time that the partial file was brought safely to the disk: how many reports are in
    it, and its length in bytes.

A killed process, a power loss or a full disk leaves both. To resume, the partial file is cut to the
length that the last whole line of progress gives, the inputs are read again from their begin, and as
many reports as it holds are passed over: no form of input has to be entered in its middle, and the
problems that were met are met and counted again. What is done twice is a chunk of the tagger's, or
`EVERY` seconds' work where that is more.

At the end `OUT` is made from the partial file and takes its place in one step; then the two go.
A lock on `OUT.progress` keeps a second process from the same output.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     with job(Path(folder) / "out.jsonl", {"inputs": []}) as made:
...         made.add('{"id": 1}\n', mentions=0, words=2)
...         made.finish()
...     [(file.name, file.read_text()) for file in Path(folder).iterdir()]
[('out.jsonl', '{"id": 1}\n')]

A job is told by its inputs and its options; another one does not go on with its output:

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

from conflict_ner.errors import ConfigError, JobError, Problem
from conflict_ner.files import is_device, lock_output, parse_complete_lines, sync_folder

Facts = Mapping[str, Any]  # a key an option; under `inputs` a list an input: name, size, time
_SHOWN = 10  # differences


def facts_of(files: Sequence[Path], **options: Any) -> dict[str, Any]:
    """What must be the same to resume: the inputs with sizes and times, and options."""
    inputs: list[list[str | int | None]] = []
    for file in files:
        try:
            stat = None if is_device(file) else file.stat()  # a pipe has no size before it is read
        except OSError:  # it will be said when it is read
            stat = None
        inputs.append([str(file), stat.st_size, stat.st_mtime_ns] if stat else [str(file), None, None])
    return {**options, "inputs": inputs}


def job_differences(then: Facts, now: Facts) -> list[Problem]:
    """In what a job is another than the one that was interrupted; of many differences the first."""
    fix = "or delete what the interrupted job left"
    problems = [
        Problem(key, f"was {then.get(key)!r} and is now {now.get(key)!r}", f"give the same options, {fix}")
        for key in dict.fromkeys([*then, *now])
        if key != "inputs" and then.get(key) != now.get(key)
    ]
    was, are = ({name: rest for name, *rest in facts["inputs"]} for facts in (then, now))
    for name in dict.fromkeys([*was, *are]):
        if was.get(name) != are.get(name):
            what = "is not named now" if name not in are else "is new" if name not in was else "has changed since"
            problems.append(Problem(name, what, f"give the same inputs, {fix}"))
    if not problems and then["inputs"] != now["inputs"]:
        problems.append(Problem("the inputs", "are in another order", f"give them in the same order, {fix}"))
    return problems[:_SHOWN]


EVERY = 5.0  # seconds: at most this much work, and one chunk of the tagger's, is done again
Records = Callable[[], Iterator[dict[str, Any]]]  # may be called again, to read them again


@dataclass(slots=True)
class JobCounts:
    """How much is done. without_mentions: reports without an entity; bytes: of the partial file."""

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
    """An output being made; `counts` is what is in it, `safe` how many of its reports a kill would leave."""

    def __init__(self, target: Path, every: float) -> None:
        self.target, self.every = target, every
        self.counts = JobCounts()
        self.saved_reports = 0
        self._partial, self._progress = job_files(target)
        self._written = time.monotonic()

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
        """Bring what is written to the disk, if that is due: a resumed job will go on with what comes next.

        Raises:
            JobError: if the disk is full or fails.
        """
        if self.counts.reports > self.saved_reports and time.monotonic() - self._written >= self.every:
            self._save()

    def finish(self, convert: Callable[[Records, IO[bytes]], None] | None = None) -> None:
        """Put the output in its place.

        Args:
            convert: writes it, given the records; None: it is the partial file as it is.

        Raises:
            JobError: if the disk is full or fails; all reports are safe then.
        """
        self._save()
        self.stream.close()
        with self._disk():
            if convert:
                self._converted(convert).replace(self.target)
                self._partial.unlink()
            else:
                self._partial.replace(self.target)
            sync_folder(self.target.parent)
            self._progress.unlink()

    def _converted(self, convert: Callable[[Records, IO[bytes]], None]) -> Path:
        aside = self.target.with_name(f"{self.target.name}.assembling")
        try:
            with aside.open("wb") as stream:
                convert(self._records, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        return aside

    def _records(self) -> Iterator[dict[str, Any]]:
        with self._partial.open("rb") as stream:
            yield from map(json.loads, stream)

    def _save(self) -> None:
        with self._disk():
            self.stream.flush()
            os.fsync(self.stream.fileno())
            self._say(asdict(self.counts))
        self.saved_reports = self.counts.reports
        self._written = time.monotonic()

    def _say(self, facts: Facts) -> None:
        self.log.write(json.dumps(facts).encode() + b"\n")
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
        """Open the two files, or go on with those that are there."""
        if self._partial.exists() and not self._progress.exists():
            said = f"is in the way, and there is no {self._progress.name} beside it to go on with"
            raise ConfigError("the output", [Problem(str(self._partial), said, "move or delete it")])
        self.log: IO[bytes] = files.enter_context(self._progress.open("a+b"))
        lock_output(self.log, self.target)
        if not self._partial.exists():  # killed before its first report, or when all was done
            self.log.truncate(0)
            self._say(facts)
            self.stream: IO[bytes] = files.enter_context(self._partial.open("xb"))
            sync_folder(self.target.parent)
            return
        if not resume:
            said = f"an interrupted job has left it, and {self._progress.name}"
            fix = "add --resume to go on with that job, or delete both"
            raise ConfigError("the output", [Problem(str(self._partial), said, fix)])
        self._go_on(facts, files)

    def _go_on(self, facts: Facts, files: ExitStack) -> None:
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

    def give_up(self) -> None:
        """After an error: leave the two files if there is something to go on with, and else nothing."""
        if not self.saved_reports:
            for file in (self._partial, self._progress):
                file.unlink(missing_ok=True)


@contextmanager
def job(
    target: Path, facts: Facts, *, resume: bool = False, keep_partial: bool = True, every: float | None = None
) -> Iterator[Job]:
    """An output that is made in the block, which ends with `finish`.

    Args:
        facts: what must be the same to resume: a key an option, and under `inputs` a list an input,
            its name first. JSON can write them.
        resume: go on with an interrupted job, if there is one.
        keep_partial: whether a block that fails leaves what is needed to go on.
        every: seconds between two times of bringing everything to the disk; None: `EVERY`.

    Raises:
        ConfigError: if a job is left and not to be resumed, or is another, or another process is at it.
        JobError: in the block, if the disk is full or fails.
        OSError: if the output cannot be opened.
    """
    target = target.resolve()
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    made = Job(target, EVERY if every is None else every)
    with ExitStack() as files:
        try:
            made.begin(facts, resume=resume, files=files)
        except OSError as error:
            error.filename = str(target)  # the name that the user knows
            raise
        try:
            yield made
        except BaseException:
            with suppress(OSError):  # a full disk, which has been said
                files.close()
            if not keep_partial:
                made.saved_reports = 0
            made.give_up()
            raise


def job_files(target: Path) -> tuple[Path, Path]:
    """The two files of an output that is being made."""
    return target.with_name(f"{target.name}.partial"), target.with_name(f"{target.name}.progress")
