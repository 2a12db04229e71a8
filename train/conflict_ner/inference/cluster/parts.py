"""What a cluster's workers do: they read files into parts, and tag each part into a file of its own.

A part is a stretch of the reports of some files: the same one, with the same name, whenever the job is run. So a part
that is tagged twice, because its worker was killed, gives one file, and a file that is there need not be made again.
Batches are dictionaries of columns, as Ray Data passes them between operators; texts and messages are JSON in them.

>>> part_name(2, 11)
'000002-000011.jsonl'
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from conflict_ner import errors
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import CheckpointError, ConflictNerError, JobError, Problem
from conflict_ner.inference.cluster.storage import InputFile, PartFolder, open_input
from conflict_ner.inference.cluster.tag_batches import Tag
from conflict_ner.inference.files.layouts import Layout
from conflict_ner.inference.files.screening import OtherScripts
from conflict_ner.inference.files.sinks import line
from conflict_ner.inference.files.sources import Source, read_open_file
from conflict_ner.inference.files.table_readers import Columns, Dialect
from conflict_ner.inference.files.tag_files import tag_sources

Batch = Mapping[str, Any]
PART_REPORTS = 1024  # two chunks of the tagger's: some seconds of a core
PART_CHARACTERS = 2_000_000
_GROUP_BYTES = 16 * 1024 * 1024  # of files that are read one after the other: small ones share a part
_GROUP_FILES = 4096
_MOST_DEATHS = 4  # of workers in a row, with one part or before their first one
_STARTS = "starts"


def part_name(group: int, number: int) -> str:
    """Return the name of a part's file; names sort as the reports do."""
    return f"{group:06}-{number:06}.jsonl"


def group_files(files: Sequence[InputFile]) -> list[list[InputFile]]:
    """Divide files, in order, into groups of a size that is worth a worker's while."""
    groups: list[list[InputFile]] = []
    size = 0
    for file in files:
        if not groups or size + file.size > _GROUP_BYTES or len(groups[-1]) == _GROUP_FILES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    return groups


def group_row(group: int, files: Sequence[InputFile]) -> dict[str, Any]:
    """Return a group as the row that `ReadParts` reads."""
    return {"group": group, "files": json.dumps([list(asdict(file).values()) for file in files])}


@dataclass(frozen=True, slots=True)
class Message:
    """What the workers say of a part, or at the end of a group.

    name: of the part; "" at the end of a group, which then has so many `parts`.
    is_new: whether it was tagged now, and not before an interruption.
    position: bytes of the files that were read for it.
    problems, hidden, other_scripts: what was met while it was read; `first_other` is the id of the first report in
        another script.
    host: the machine that wrote it.
    error: the kind and the message of an error for which the job cannot go on.
    """

    group: int
    name: str = ""
    parts: int = 0
    is_new: bool = False
    reports: int = 0
    mentions: int = 0
    without_mentions: int = 0
    words: int = 0
    position: int = 0
    problems: tuple[Problem, ...] = ()
    hidden: tuple[str, ...] = ()
    other_scripts: int = 0
    first_other: Any = None
    host: str = ""
    error: tuple[str, str] | None = None

    def dump(self) -> bytes:
        """Return the message as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, raw: bytes) -> Message:
        """Return the message that `dump` wrote."""
        fields = json.loads(raw)
        fields["problems"] = tuple(Problem(**problem) for problem in fields["problems"])
        fields["hidden"] = tuple(fields["hidden"])
        fields["error"] = fields["error"] and tuple(fields["error"])
        return cls(**fields)

    def raise_error(self) -> None:
        """Raise the error that a worker has met.

        Raises:
            ConflictNerError: of the kind that the worker raised.
        """
        if self.error:
            kind = getattr(errors, self.error[0], JobError)
            raise ConflictNerError.__new__(kind, self.error[1])


@dataclass(frozen=True)
class ReadParts:
    """A function from groups of files to their parts.

    finished: names of the parts that are read, for the problems in them, but not tagged again.
    scripts: those that the model was trained on.
    skip: whether reports in other scripts are left out.
    """

    columns: Columns
    dialect: Dialect
    finished: frozenset[str] = frozenset()
    scripts: Sequence[str] = ()
    skip: bool = False

    def has_report(self, files: Sequence[InputFile], problems: list[Problem]) -> bool:
        """Return whether any report can be read; the problems up to it are added to a list."""
        return next(self._read(files, problems, set()), None) is not None

    def __call__(self, batch: Batch) -> Iterator[dict[str, list[Any]]]:
        """Yield a row for each part of each group of a batch, and one at the end of the group."""
        for group, files in zip(batch["group"], batch["files"], strict=True):
            yield from self._read_group(int(group), [InputFile(*fields) for fields in json.loads(files)])

    def _read_group(self, group: int, files: Sequence[InputFile]) -> Iterator[dict[str, list[Any]]]:
        problems: list[Problem] = []
        hidden: set[str] = set()
        scripts = OtherScripts(self.scripts, lambda first: None, skip=self.skip)
        number = position = others = 0
        for part in _cut(scripts.watch(self._read(files, problems, hidden))):
            message = Message(
                group,
                part_name(group, number),
                position=part[-1].position - position,
                problems=tuple(problems),
                other_scripts=scripts.count - others,
                first_other=scripts.first,
            )
            is_new = message.name not in self.finished
            yield _row(replace(message, is_new=is_new), part if is_new else ())
            number, position, others = number + 1, part[-1].position, scripts.count
            problems.clear()
        end = Message(group, parts=number, problems=tuple(problems), hidden=tuple(sorted(hidden)))
        size = sum(file.size for file in files)
        last = replace(end, position=size - position, other_scripts=scripts.count - others, first_other=scripts.first)
        yield _row(last, ())

    def _read(self, files: Sequence[InputFile], problems: list[Problem], hidden: set[str]) -> Iterator[Source]:
        before = 0
        for file in files:
            name = printable(file.name)
            try:
                with closing(open_input(file.path)) as stream:
                    yield from read_open_file(
                        stream, name, file.size, problems.append, self.columns, self.dialect, hidden, before
                    )
            except OSError as error:
                what = f"cannot be read on {socket.gethostname()}: {error.strerror or error}"
                problems.append(Problem(name, what, "every machine must see it under this path", unreadable=True))
            before += file.size


def _cut(sources: Iterator[Source]) -> Iterator[list[Source]]:
    """Yield reports in parts."""
    part: list[Source] = []
    characters = 0
    for source in sources:
        if part and (len(part) == PART_REPORTS or characters + len(source.text) > PART_CHARACTERS):
            yield part
            part, characters = [], 0
        part.append(source)
        characters += len(source.text)
    if part:
        yield part


def _row(message: Message, part: Sequence[Source]) -> dict[str, list[Any]]:
    texts = [[source.id, source.text, dict(source.metadata)] for source in part]
    return {"message": [message.dump()], "reports": [json.dumps(texts).encode() if texts else b""]}


def _package_version() -> str:
    # To import it would be to import the public names, which stand above this room.
    return str(vars(sys.modules[__name__.partition(".")[0]])["__version__"])


@dataclass(frozen=True)
class TagSettings:
    """What a worker needs to tag parts.

    weights: the hash of the model's weights, which must be those of the machine that started the job.
    version: of this package there.
    """

    tag: Tag
    layout: Layout
    folder: PartFolder
    weights: str
    version: str = field(default_factory=_package_version)


class TagParts:
    """A worker, which loads the model once and tags one part after the other.

    A worker that replaces a dead one writes down what it begins. So a part that kills every worker, or a model that
    fits no machine's memory, ends the job after a few of them.

    Args:
        is_replacement: whether it takes the place of a worker that died.
    """

    def __init__(self, settings: TagSettings, *, is_replacement: bool = False) -> None:
        self.settings, self.is_replacement = settings, is_replacement
        self._error: tuple[str, str] | None = None
        try:
            if is_replacement:
                self._refuse_another_death(_STARTS, "before they had tagged anything")
            self._refuse_another_model()
        except ConflictNerError as error:  # it is told with the first part: a worker that cannot start is tried again
            self._error = type(error).__name__, f"on the machine {socket.gethostname()}: {error}"

    def _refuse_another_model(self) -> None:
        settings = self.settings
        if settings.version != (version := _package_version()):
            what = f"conflict-ner {version}, and the job was started with {settings.version}"
            raise CheckpointError(f"{what}; install the same version on every machine")
        checkpoint = settings.tag.tagger.checkpoint
        if checkpoint.weights_sha256 != settings.weights:
            raise CheckpointError(
                f"{checkpoint.folder} holds another model than on the machine that started the job; copy it there"
            )

    def _refuse_another_death(self, name: str, when: str) -> None:
        if self.settings.folder.count(name) > _MOST_DEATHS:
            what = f"more than {_MOST_DEATHS} workers have died, {when}"
            raise JobError(f"{what}; perhaps a machine has too little memory: see Ray's log")

    def __call__(self, batch: Batch) -> dict[str, list[bytes]]:
        """Tag the parts of a batch; return a message for each."""
        pairs = zip(batch["message"], batch["reports"], strict=True)
        return {"message": [self._tag(Message.load(message), reports).dump() for message, reports in pairs]}

    def _tag(self, message: Message, reports: bytes) -> Message:
        if not reports:
            return message
        if self._error:
            return replace(message, error=self._error)
        layout, folder = self.settings.layout, self.settings.folder
        sources = [Source(*fields) for fields in json.loads(reports)]
        try:
            if self.is_replacement:
                folder.forget(_STARTS)  # it has loaded the model; what kills it now is the part
                ids = f"{sources[0].id} to {sources[-1].id}"
                self._refuse_another_death(message.name, f"each while it tagged the part {message.name}, reports {ids}")
        except JobError as error:
            return replace(message, error=(JobError.__name__, str(error)))
        mentions = without = words = 0
        lines = []
        for tagged in tag_sources(self.settings.tag.tagger, sources):
            lines.append(line(tagged.to_record(layout)))
            mentions += len(tagged.entities)
            without += not tagged.entities
            words += len(tagged.source.text.split())
        try:
            folder.write(message.name, "".join(lines).encode())
        except OSError as error:
            where = f"{folder.place} on the machine {socket.gethostname()}"
            return replace(message, error=(JobError.__name__, f"{where}: {error.strerror or error}"))
        if self.is_replacement:
            folder.forget(message.name)
        return replace(
            message,
            reports=len(lines),
            mentions=mentions,
            without_mentions=without,
            words=words,
            host=socket.gethostname(),
        )
