r"""Conversion of labeled reports from one file format to another, with what it changes said and counted.

Reports are read and written one after the other, so memory does not grow with the files where their formats allow it.
The target appears once it is complete. All problems of the source are raised together, and then nothing is written.

>>> from tempfile import TemporaryDirectory
>>> folder = Path(TemporaryDirectory().name)
>>> folder.mkdir()
>>> _ = (folder / "a.md").write_text("=== a\n\n[Rebels](ACTOR) left.\n")
>>> done = convert(folder / "a.md", folder / "a.jsonl")
>>> done.reports, done.mentions, done.losses
(1, 1, ())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import registry, report_files
from conflict_ner.data.formats.format import (
    NO_OPTIONS,
    NOT_IN_XML,
    Feature,
    Format,
    MendedOffsets,
    ReadOptions,
    TrimmedEdges,
)
from conflict_ner.data.text_files.file_search import describe_hidden, printable
from conflict_ner.data.words import split_words
from conflict_ner.errors import ConfigError, DataError, Problem, format_count
from conflict_ner.files import atomic_path, is_same_file


@dataclass(frozen=True, slots=True)
class Loss:
    """What a format cannot carry: the feature, how often it occurs, and the first place."""

    feature: Feature
    count: int
    first: str

    def __str__(self) -> str:
        noun = "mention" if self.feature in _OF_MENTIONS else "report"
        return f"{self.feature.value} ({format_count(self.count, noun)}; the first: {self.first})"


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion has done.

    source_formats: the format in which each part of the source was read, and why it is that one.
    target_format: the format that was written.
    reports, mentions: how many were written.
    losses: what the target's format cannot carry, with counts. Mentions among them were left out.
    mended: how many mentions had offsets in another unit, or somewhat wrong, and were found by their texts.
    notes: what the reader has to say; nothing is wrong.
    trimmed: how many mentions lost white space or punctuation at their edges, on request.
    """

    source_formats: tuple[registry.Detection, ...]
    target_format: Format
    reports: int
    mentions: int
    losses: tuple[Loss, ...] = ()
    mended: int = 0
    notes: tuple[Problem, ...] = ()
    trimmed: int = 0


def convert(
    source: str | Path,
    target: str | Path,
    source_format: str | None = None,
    target_format: str | None = None,
    options: ReadOptions = NO_OPTIONS,
    *,
    strict: bool = False,
    target_scheme: str | None = None,
    before_writing: Callable[[Conversion], None] | None = None,
) -> Conversion:
    """Convert a file or folder of labeled reports to another format; return what was converted and what was lost.

    Args:
        source: a file, or a folder, all of whose reports are written to the one target.
        target: the file to write, or the folder if the format is one. It is replaced if it exists; a folder may exist
            only if it is empty.
        source_format: the name of the source's format; None: it is recognized by ending and content.
        target_format: the name of the target's format; None: its ending says so.
        options: the choices that the source's format leaves open, such as whose annotations to read.
        strict: refuse to lose anything.
        target_scheme: the scheme in which the target's tags are written, such as BIOES, if its format has tags.
        before_writing: is called once all is read, before the target is replaced.

    Raises:
        ConfigError: if a format or an option is unknown or does not fit, or source and target are one file.
        DataError: with all problems of the source, or if `strict`, with what would be lost.
        OSError: if the target cannot be written.
    """
    source, target = Path(source), Path(target)
    form = None if source_format is None else registry.find_format(source_format, "--from")
    to = registry.format_to_write(target, target_format)
    write = _writer(to, target_scheme)
    found = report_files.search(source, form)
    if any(is_same_file(file, target) for file in (source, *found.files)):
        what = "source and target are one file" if is_same_file(source, target) else "it is one of the source's files"
        raise ConfigError("the conversion", [Problem(printable(target), what, "name another")])
    unread = [problem for problem in found.problems if not problem.note]
    if unread:
        raise DataError(unread)
    notes = report_files.note_others(source, found.others) + _note_hidden(source, found.hidden)
    detections = [registry.Detection(form, "named by --from")] if form else registry.detect_all(found.files)
    _require_options(options, [detection.format for detection in detections])
    reader = _Reader(found.files, options, form)
    writer = _Filter(to, reader.documents())
    with atomic_path(target, is_folder=to.is_folder) as draft:
        problems: Sequence[Problem] = ()
        try:
            write(iter(writer), draft)
        except DataError as error:
            problems = error.problems
        if reader.problems or problems:
            raise DataError([*reader.problems, *problems])
        losses = writer.losses()
        if strict and losses:
            fix = "convert without --strict to leave it out, or choose another format"
            raise DataError([Problem(printable(source), f"{to.title} cannot carry {loss}", fix) for loss in losses])
        done = Conversion(
            tuple(detections),
            to,
            writer.reports,
            writer.mentions,
            losses,
            reader.mended,
            (*notes, *reader.notes),
            reader.trimmed,
        )
        if before_writing is not None:
            before_writing(done)
    return done


def read(
    source: str | Path, source_format: str | None = None, options: ReadOptions = NO_OPTIONS
) -> tuple[list[Document], list[Problem]]:
    """Read a file or folder of labeled reports; return them and what the reader has to say.

    Raises:
        ConfigError: if there is no such format, or it has not an option that was chosen.
        DataError: with all problems of the source.
    """
    form = registry.find_format(source_format, "--from") if source_format else None
    found = report_files.search(Path(source), form)
    if found.problems:
        raise DataError(found.problems)
    _require_options(options, [form] if form else [each.format for each in registry.detect_all(found.files)])
    reader = _Reader(found.files, options, form)
    documents = list(reader.documents())
    if reader.problems:
        raise DataError(reader.problems)
    return documents, [*_note_hidden(Path(source), found.hidden), *reader.notes]


def _writer(to: Format, scheme: str | None) -> Callable[[Iterable[Document], Path], None]:
    assert to.write is not None, "`format_to_write` returns only formats that can be written"
    if scheme is None:
        return to.write
    if to.write_scheme is None:
        names = ", ".join(each.name for each in registry.FORMATS if each.write_scheme)
        fix = f"leave it out, or write one of {names}"
        raise ConfigError("the conversion", [Problem("--to-scheme", f"{to.title} has no tags of words", fix)])
    return to.write_scheme(scheme)


def _note_hidden(source: Path, hidden: Sequence[str]) -> list[Problem]:
    return [Problem(printable(source), describe_hidden(hidden), note=True)] if hidden else []


def _require_options(options: ReadOptions, formats: Iterable[Format]) -> None:
    if problems := registry.unused_options(options, formats):
        raise ConfigError("the conversion", problems)


class _Reader:
    """The documents of files, one after the other, with the problems and notes met so far."""

    def __init__(self, files: Sequence[Path], options: ReadOptions, form: Format | None) -> None:
        self._files, self._options, self._form = files, options, form
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.mended = 0
        self.trimmed = 0

    def documents(self) -> Iterator[Document]:
        """Yield the documents; once there is a problem nothing will be written, and only problems are collected."""
        for file in self._files:
            for item in report_files.read_documents(file, self._options, self._form):
                if isinstance(item, Document):
                    self.problems += _outside(item) if item.is_valid else []
                    if not self.problems:
                        yield item
                elif item.note:
                    self.notes.append(item)
                    self.mended += item.count if isinstance(item, MendedOffsets) else 0
                    self.trimmed += item.count if isinstance(item, TrimmedEdges) else 0
                else:
                    self.problems.append(item)


def _outside(document: Document) -> Iterator[Problem]:
    """Yield a problem for each mention that is empty or not in its text."""
    for index, mention in enumerate(document.mentions):
        if not 0 <= mention.start < mention.end <= len(document.text):
            length = format_count(len(document.text), "character")
            what = f"the mention {mention.start}:{mention.end} ({mention.label}) is not in the text, which has {length}"
            yield Problem(document.place(index), what, "correct its offsets", kind="outside the text")


class _Filter:
    """Documents without the mentions that a format cannot carry; counts what is lost."""

    def __init__(self, form: Format, documents: Iterator[Document]) -> None:
        self._form, self._documents = form, documents
        self._lost = [feature for feature in Feature if feature not in form.carries]
        self._counts: Counter[Feature] = Counter()
        self._first: dict[Feature, str] = {}
        self.reports = 0
        self.mentions = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            kept = document
            for feature in self._lost:
                if feature in _OF_MENTIONS:
                    fitting = _OF_MENTIONS[feature](kept)
                    count = len(kept.mentions) - len(fitting)
                    kept = replace(kept, mentions=fitting, places=()) if count else kept
                else:
                    count = _OF_REPORTS[feature](kept)
                if count:
                    self._counts[feature] += count
                    self._first.setdefault(feature, document.origin or document.id)
            self.reports += 1
            self.mentions += len(kept.mentions)
            yield kept

    def losses(self) -> tuple[Loss, ...]:
        """Return what was lost so far."""
        return tuple(Loss(each, self._counts[each], self._first[each]) for each in Feature if self._counts[each])


def outermost(document: Document) -> tuple[Mention, ...]:
    """Return the mentions of a document that are in no other one; of two that cross or are equal, the first."""
    kept: list[Mention] = []
    for mention in sorted(document.mentions, key=lambda each: (each.start, -each.end)):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return tuple(kept)


def _of_whole_words(document: Document) -> tuple[Mention, ...]:
    starts, ends = (set(offsets.tolist()) for offsets in split_words(document.text))
    return tuple(each for each in document.mentions if each.start in starts and each.end in ends)


def _loses_white_space(document: Document) -> bool:
    starts, ends = split_words(document.text)
    words = (document.text[start:end] for start, end in zip(starts, ends, strict=True))
    return " ".join(words) != document.text


# The mentions that are left without a feature; whether a report has it.
_OF_MENTIONS: dict[Feature, Callable[[Document], tuple[Mention, ...]]] = {
    Feature.NESTED: outermost,
    Feature.INSIDE_TOKENS: _of_whole_words,
}
_OF_REPORTS: dict[Feature, Callable[[Document], bool]] = {
    Feature.IDS: lambda document: bool(document.id),
    Feature.METADATA: lambda document: bool(document.metadata),
    Feature.WHITESPACE: _loses_white_space,
    Feature.CARRIAGE_RETURNS: lambda document: "\r" in document.text,
    Feature.CONTROL_CHARACTERS: lambda document: bool(NOT_IN_XML.search(document.text)),
}
