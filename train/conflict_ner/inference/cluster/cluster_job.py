r"""Tags files on many workers so that no report is lost or doubled, whichever worker is killed and whenever.

Until the output `OUT` is complete, the folder `OUT.parts` holds the tagged parts as JSONL (`000000-000012.jsonl`), each
a file that appears when it is complete, and `job.json`, which describes the job. Workers write the parts themselves, so
results do not pass through the machine that started the job. It waits, then writes `OUT` from the parts, in the order
of the inputs, as the job of one process does: the columns are known only after the last report.

To resume, the inputs are read again, and the parts whose files are there are not tagged again.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from conflict_ner.errors import ConfigError, JobError, Problem, format_count
from conflict_ner.files import lock_output, require_writable
from conflict_ner.inference.cluster.parts import Message, ReadParts, TagSettings, group_files, part_name
from conflict_ner.inference.cluster.storage import InputFile, PartFolder, is_address, put_file
from conflict_ner.inference.files.resumable_job import Facts, JobCounts, job_differences
from conflict_ner.inference.files.screening import Ids, OtherScripts
from conflict_ner.inference.files.sinks import TableWriter, line
from conflict_ner.inference.files.sources import Source

Group = tuple[int, Sequence[InputFile]]
Run = Callable[[Sequence[Group], ReadParts, TagSettings], Iterator[Message]]
_JOB = "job.json"


@dataclass(slots=True)
class Watch:
    """Where a job reports to while it runs.

    complain: called with each problem of the inputs.
    progress: called after each part with the counts so far and the bytes of the inputs that were read.
    scripts: counts reports in other scripts.
    hidden: collects what is left out of archives because it is hidden.
    """

    complain: Callable[[Problem], None]
    progress: Callable[[JobCounts, int], None]
    scripts: OtherScripts
    hidden: set[str]


@dataclass(slots=True)
class ClusterResult:
    """What a job has done.

    before: the counts of an interrupted job, which this one has resumed.
    seconds: of this process.
    """

    counts: JobCounts = field(default_factory=JobCounts)
    before: JobCounts = field(default_factory=JobCounts)
    ids: Ids = field(default_factory=Ids)
    seconds: float = 0.0


class ClusterJob:
    """An output that many workers write."""

    def __init__(self, output: str, folder: PartFolder) -> None:
        self.output, self.folder = output, folder
        self.finished: frozenset[str] = frozenset()

    def run(
        self,
        run: Run,
        files: Sequence[InputFile],
        read: ReadParts,
        settings: TagSettings,
        watch: Watch,
        convert: TableWriter | None,
        *,
        unique_ids: bool,
    ) -> ClusterResult:
        """Tag files and write the output; return the counts.

        Args:
            run: reads and tags groups of files, for example `ray_pipeline.run`.
            read: which parts are finished is filled in.
            convert: writes the records in the output's form; None: as JSONL, one a report.

        Raises:
            JobError, ConflictNerError: as `tag` and `write` do.
        """
        start = time.monotonic()
        names = self.tag(run, files, replace(read, finished=self.finished), settings, watch)
        result = self.write(names, convert, unique_ids=unique_ids)
        result.seconds = time.monotonic() - start
        return result

    def tag(
        self, run: Run, files: Sequence[InputFile], read: ReadParts, settings: TagSettings, watch: Watch
    ) -> list[str]:
        """Tag all parts that are not finished, and return the names of all, in the order of the reports.

        Args:
            run: reads and tags groups of files, for example `ray_pipeline.run`.

        Raises:
            JobError: if a worker cannot write, the workers are lost, or their files cannot be seen from here.
            ConflictNerError: whatever else stops a worker.
        """
        groups = list(enumerate(group_files(files)))
        parts: dict[int, int] = {}
        seen, counts, position = set[str](), JobCounts(), 0
        hosts = set[str]()
        for message in run(groups, read, settings):
            message.raise_error()
            for problem in message.problems:
                watch.complain(problem)
            watch.hidden.update(message.hidden)
            if message.other_scripts and not watch.scripts.count:
                watch.scripts.first = message.first_other
                watch.scripts.on_first(message.first_other)
            watch.scripts.count += message.other_scripts
            if not message.name:
                parts[message.group] = message.parts
            seen.add(message.name)
            if message.host and message.host not in hosts:
                hosts.add(message.host)
                self._refuse_invisible(message)
            counts.reports += message.reports
            counts.words += message.words
            position += message.position
            watch.progress(counts, position)
        names = [part_name(group, number) for group, _ in groups for number in range(parts.get(group, 1))]
        if lost := set(names) - seen | set(names) - self.folder.names():
            raise JobError(f"{self.folder.place}: {format_count(len(lost), 'part')} missing, such as {min(lost)}")
        return names

    def _refuse_invisible(self, message: Message) -> None:
        try:
            self.folder.open(message.name).close()
        except OSError:
            what = f"what the machine {message.host} has written to {self.folder.place} is not there on this one"
            raise JobError(f"{what}; write to a disk that all machines share, or to an address such as s3://") from None

    def write(self, names: Sequence[str], convert: TableWriter | None, *, unique_ids: bool) -> ClusterResult:
        """Write the output from the parts, and remove them.

        Args:
            convert: writes the records in the output's form; None: as JSONL, one a report.

        Raises:
            JobError: if the disk is full or fails; the parts are kept.
        """
        records = _Records(self.folder, names, self.finished, unique_ids=unique_ids)
        draft = self._draft()
        try:
            with draft.open("wb") as stream:
                if convert:
                    convert(records, stream)
                else:
                    stream.writelines(line(record).encode() for record in records())
                stream.flush()
                os.fsync(stream.fileno())
            put_file(draft, self.output)
        except OSError as error:
            raise JobError(f"{self.output}: {error.strerror or error}") from error
        finally:
            draft.unlink(missing_ok=True)
        self.folder.remove()
        return records.result

    def _draft(self) -> Path:
        if not is_address(self.output):
            target = Path(self.output)
            return target.with_name(f"{target.name}.assembling")
        handle, name = tempfile.mkstemp(prefix="conflict-ner-")
        os.close(handle)
        return Path(name)


class _Records:
    """Reads the records of parts, in order, as often as a writer asks for them; `result` is that of the last time."""

    def __init__(self, folder: PartFolder, names: Sequence[str], finished: frozenset[str], *, unique_ids: bool) -> None:
        self.folder, self.names, self.finished, self.unique_ids = folder, names, finished, unique_ids
        self.result = ClusterResult()

    def __call__(self) -> Iterator[dict[str, Any]]:
        self.result = ClusterResult(ids=Ids(unique=self.unique_ids))
        waiting: deque[dict[str, Any]] = deque()

        def sources() -> Iterator[Source]:
            for record in self._read():
                waiting.append(record)
                yield Source(record["id"], "")

        for source in self.result.ids.watch(sources()):
            yield {**waiting.popleft(), "id": source.id}

    def _read(self) -> Iterator[dict[str, Any]]:
        for name in self.names:
            for raw in self.folder.lines(name):
                record = json.loads(raw)
                done = len(record["entities"]), len(record["text"].split()), len(raw)
                self.result.counts.add(*done)
                if name in self.finished:
                    self.result.before.add(*done)
                yield record


@contextmanager
def cluster_job(output: str, facts: Facts, *, resume: bool = False) -> Iterator[ClusterJob]:
    """Write an output in the block, with the help of many workers.

    Args:
        output: a path, or an address.
        facts: what must be the same to resume, as from `facts_of`; it must be serializable as JSON.
        resume: resume an interrupted job, if there is one.

    Raises:
        ConfigError: if there is an interrupted job and `resume` is False, it is a different job, or another process
            writes the output.
        JobError: in the block, with what is safe.
        OSError: if the output cannot be written.
    """
    if not is_address(output):
        require_writable(Path(output))
        output = str(Path(output).resolve())
    folder = PartFolder(f"{output}.parts")
    job = ClusterJob(output, folder)
    with ExitStack() as files:
        left = folder.names()
        job.finished = frozenset(left - {_JOB})
        if left and not resume:
            fix = "add --resume to go on with that job, or delete the folder"
            raise ConfigError("the output", [Problem(folder.place, "an interrupted job has left it", fix)])
        folder.create()
        _lock(folder, files)
        if _JOB in left:
            problems = job_differences(json.loads(b"".join(folder.lines(_JOB))), json.loads(json.dumps(facts)))
            if problems:
                raise ConfigError("--resume", problems)
        elif left:
            fix = f"delete {folder.place}"
            raise ConfigError("--resume", [Problem(folder.place, f"there is no {_JOB} in it to go on with", fix)])
        else:
            folder.write(_JOB, json.dumps(facts).encode())
        try:
            yield job
        except BaseException as error:
            finished = 0
            with suppress(OSError):
                finished = len(folder.names() - {_JOB})
            if not finished:
                folder.remove()
                raise
            safe = f"parts that are safe in {folder.place}: {finished}"
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"{safe}; the same command with --resume goes on") from None
            if isinstance(error, JobError):
                raise JobError(f"{error}; {safe}; mend that, and the same command with --resume goes on") from error
            raise


def _lock(folder: PartFolder, files: ExitStack) -> None:
    """Keep a second process on this machine from the folder; an object store has no locks."""
    if folder.local:
        stream: IO[bytes] = files.enter_context((folder.local / ".lock").open("ab"))
        lock_output(stream, folder.local)


def facts_of_files(files: Sequence[InputFile], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must be the same to resume a job, as `resumable_job.facts_of` does for local files."""
    return {**options, "inputs": [[file.name, file.size, file.stamp] for file in files]}
