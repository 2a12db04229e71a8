r"""The standoff format of BRAT: a text in a `.txt` file, its mentions in the `.ann` file of the same name.

    T1<TAB>ACTOR 0 6<TAB>Rebels
    T2<TAB>LOCATION 12 14;20 26<TAB>El Fasher

A mention of several parts (T2) is an error, or read as one on request. Parts with only white space between them are
one mention: so BRAT itself writes mentions across lines. Other lines (relations, events, attributes, notes ...) are
counted and left out. BRAT stores labels of ASCII letters, digits, `_` and `-` only; `visual.conf` says what they stand
for.

The format: https://brat.nlplab.org/standoff.html

>>> _mention_of("T2\tLOCATION 12 14;20 26\tEl Fasher", "a.ann:2")
_Mention(id='T2', label='LOCATION', parts=((12, 14), (20, 26)), surface='El Fasher', place='a.ann:2')
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.entity_html import COLORS, color_number, tint
from conflict_ner.data.formats.annotation_tools.document_files import FileNames, report_id, require_encodable
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.offsets import OffsetMender, RawMention, Span
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable, search_folder
from conflict_ner.data.text_files.reading import read_head, read_text
from conflict_ner.errors import DataError, Problem, excerpt, format_count

_TEXT, _ANNOTATIONS = ".txt", ".ann"
_COMPRESSIONS = ("", ".gz", ".bz2", ".xz", ".zst")
_MENTION = re.compile(r"(T\S*)\s+(\S+)\s+(\d+\s+\d+(?:;\d+\s+\d+)*)(?:\t(.*)|\s*)", re.DOTALL)
_DETECTED = re.compile(r"T\d+\t\S+ \d+ \d+[;\t ]")
_OTHERS = {  # by the first character of their lines
    "R": "relation",
    "E": "event",
    "A": "attribute",
    "M": "attribute",
    "N": "normalization",
    "#": "note",
    "*": "equivalence",
}
_OTHER = re.compile(r"[REAMN#*]\S*\t")
_BOM = b"\xef\xbb\xbf"
_VISUAL = "visual.conf"
_OF_PROJECTS = (".conf", "")  # endings of files that are no reports


@dataclass(frozen=True, slots=True)
class _Mention:
    """A line of a mention: its parts are start and end offsets."""

    id: str
    label: str
    parts: tuple[Span, ...]
    surface: str | None
    place: str


@dataclass(slots=True)
class _Pair:
    """The files of a report; one may be missing."""

    name: str
    text: Path | None = None
    annotations: Path | None = None


def read(path: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the report of a pair of files, named by either, or those of all pairs in a folder and below it."""
    reader = _Reader(path, options)
    if path.is_dir():
        yield from reader.read_folder(path)
    else:
        yield from reader.read_pair(_find_pair(path))
    yield from reader.notes()


def _find_pair(path: Path) -> _Pair:
    base = Path(strip_compression_suffix(path.name))
    pair = _Pair(base.stem)
    for suffix in (_TEXT, _ANNOTATIONS):
        names = (f"{base.stem}{cased}{end}" for cased in (suffix, suffix.upper()) for end in _COMPRESSIONS)
        found = path if base.suffix.lower() == suffix else next(filter(Path.is_file, map(path.with_name, names)), None)
        pair = _Pair(pair.name, found, None) if suffix == _TEXT else _Pair(pair.name, pair.text, found)
    return pair


class _Reader:
    """Reader of pairs of files that counts what is said of all of them together."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._name, self._hull = printable(path), options.hull
        self._mender = OffsetMender(self._name)
        self._others: Counter[str] = Counter()
        self._of_parts = 0
        self._labels: dict[Path, dict[str, str]] = {}  # what they stand for, by folder

    def read_folder(self, folder: Path) -> Iterator[Document | Problem]:
        found = search_folder(folder, lambda name: _suffix(name) not in _OF_PROJECTS)
        yield from found.problems
        files = [file for file in found.files if _suffix(file.name) in (_TEXT, _ANNOTATIONS)]
        pairs: dict[str, _Pair] = {}
        for file in files:
            name = file.relative_to(folder).as_posix()
            stem = strip_compression_suffix(name)[: -len(_TEXT)]
            pair = pairs.setdefault(stem, _Pair(stem))
            if _suffix(name) == _TEXT:
                pair.text = file
            else:
                pair.annotations = file
        alone = [pair.text for pair in pairs.values() if pair.text and not pair.annotations]
        annotated = [pair for pair in pairs.values() if pair.annotations]
        if not annotated:
            what = f"a folder without {_ANNOTATIONS} files"
            yield Problem(self._name, what, f"name a folder with pairs of {_TEXT} and {_ANNOTATIONS} files")
        elif alone:
            what = f"{format_count(len(alone), f'{_TEXT} file')} without an {_ANNOTATIONS} file left out"
            fix = "BRAT makes an empty one for a report without mentions"
            yield Problem(self._name, f"{what}, such as {printable(alone[0])}", fix, note=True)
        others = sorted(set(found.files) - set(files))
        if others and annotated:
            what = f"{format_count(len(others), 'other file')} left out, such as {printable(others[0])}"
            yield Problem(self._name, what, "a file that you name is read", note=True)
        for pair in annotated:
            yield from self.read_pair(pair)

    def read_pair(self, pair: _Pair) -> Iterator[Document | Problem]:
        if pair.text is None or pair.annotations is None:
            there, missing = (pair.annotations, _TEXT) if pair.text is None else (pair.text, _ANNOTATIONS)
            what, fix = f"there is no {missing} file of the same name", "put it into the same folder"
            yield Problem(printable(there) if there else self._name, what, fix, unreadable=True, kind=what)
            return
        text, problems = read_text(pair.text)
        lines, line_problems = read_text(pair.annotations)
        if text is None or lines is None:
            yield from [*problems, *line_problems]
            return
        parsed, problems = self._parse(lines, printable(pair.annotations))
        has_mark = read_head(pair.text)[: len(_BOM)] == _BOM
        found, mention_problems = self._locate(text, _without_mark(text, parsed) if has_mark else parsed)
        problems += mention_problems
        folder = pair.annotations.parent
        if folder not in self._labels:
            self._labels[folder] = _read_labels(folder)
        labels = self._labels[folder]
        mentions = sorted((Mention(*span, labels.get(each.label, each.label)), each.place) for each, span in found)
        yield Document(
            id="/".join(map(report_id, pair.name.split("/"))),
            text=text,
            mentions=tuple(mention for mention, _ in mentions),
            origin=printable(pair.annotations),
            places=tuple(place for _, place in mentions),
            is_valid=not problems,
        )
        yield from problems

    def _parse(self, source: str, file: str) -> tuple[list[_Mention], list[Problem]]:
        """Return the mentions of an annotation file, and a problem for each line that cannot be read."""
        mentions: dict[str, _Mention] = {}
        problems = []
        for number, line in enumerate(source.split("\n"), start=1):
            place = f"{file}:{number}"
            mention = _mention_of(line.removesuffix("\r"), place) if line.startswith("T") else None
            if mention is not None and mention.id in mentions:
                what = f"the id {mention.id} is already that of line {mentions[mention.id].place.rpartition(':')[2]}"
                problems.append(Problem(place, what, "give each mention its own", kind="an id that is used twice"))
            elif mention is not None:
                mentions[mention.id] = mention
            elif _OTHER.match(line):
                self._others[_OTHERS[line[0]]] += 1
            elif line.strip():
                what, fix = f"not a line of BRAT: {excerpt(line)}", "write T1, tab, LABEL START END, tab and the text"
                problems.append(Problem(place, what, fix, kind="not a line of BRAT"))
        return list(mentions.values()), problems

    def _locate(self, text: str, mentions: Sequence[_Mention]) -> tuple[list[tuple[_Mention, Span]], list[Problem]]:
        """Return mentions with their spans, and a problem for each that is not in the text or has several parts."""
        raw = [
            RawMention(*part, each.label, piece)
            for each in mentions
            for part, piece in zip(each.parts, _pieces(each), strict=True)
        ]
        spans, faults = self._mender.spans(text, raw, [each.place for each in mentions for _ in each.parts])
        found, problems, rest, rest_faults = [], list[Problem](), iter(spans), iter(faults)
        for mention in mentions:
            read = [next(rest) for _ in mention.parts]
            parts = sorted(span for span in read if span is not None)
            missing = [next(rest_faults) for span in read if span is None]
            problem = _fault_of_parts(text, mention, parts) if len(read) > 1 else next(iter(missing), None)
            is_split = any(text[end:start].strip() for (_, end), (start, _) in pairwise(parts))
            if problem is None and is_split and not self._hull:
                joined = excerpt(" ".join(text[start:end] for start, end in parts))
                what = f"the mention {mention.id} ({mention.label}) has {len(parts)} parts: {joined}"
                fix = f"--hull reads it as {excerpt(text[parts[0][0] : parts[-1][1]])}, from the first part to the last"
                problem = Problem(mention.place, what, fix, kind="a mention of several parts")
            if problem is not None:
                problems.append(problem)
            else:
                self._of_parts += is_split
                found.append((mention, (parts[0][0], parts[-1][1])))
        return found, problems

    def notes(self) -> Iterator[Problem]:
        yield from self._mender.notes()
        if self._of_parts:
            what = f"{format_count(self._of_parts, 'mention')} of several parts read from the first part to the last"
            yield Problem(self._name, what, note=True)
        if self._others:
            counts = ", ".join(format_count(count, name) for name, count in sorted(self._others.items()))
            yield Problem(self._name, f"left out, as only mentions are read: {counts}", note=True)


def _suffix(name: str) -> str:
    return Path(strip_compression_suffix(name)).suffix.lower()


def _mention_of(line: str, place: str) -> _Mention | None:
    match = _MENTION.fullmatch(line)
    if match is None:
        return None
    parts = [part.split() for part in match[3].split(";")]
    return _Mention(match[1], match[2], tuple((int(start), int(end)) for start, end in parts), match[4], place)


def _fault_of_parts(text: str, mention: _Mention, parts: Sequence[Span]) -> Problem | None:
    """Return a problem if not all parts of a mention are in the text, or together they are not its own text."""
    read = " ".join(text[start:end] for start, end in parts)
    surface = read if mention.surface is None else mention.surface
    if len(parts) == len(mention.parts) and "".join(read.split()) == "".join(surface.split()):
        return None
    at_offsets = excerpt(" ".join(text[start:end] for start, end in mention.parts))
    what = f"the mention {mention.id} should be {excerpt(surface)}, but {at_offsets} is at its offsets"
    fix = "correct it, or export the reports again"
    return Problem(mention.place, what, fix, kind="offsets that do not give the text")


def _pieces(mention: _Mention) -> Sequence[str | None]:
    """Return the text of each part of a mention, None where it is not known. Spaces join them, in old files nothing."""
    if mention.surface is None or len(mention.parts) == 1:
        return [mention.surface] * len(mention.parts)
    lengths = [end - start for start, end in mention.parts]
    for joint in (1, 0):
        if sum(lengths) + joint * (len(lengths) - 1) == len(mention.surface):
            starts = [sum(lengths[:number]) + joint * number for number in range(len(lengths))]
            return [mention.surface[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    return [None] * len(lengths)


def _without_mark(text: str, mentions: list[_Mention]) -> list[_Mention]:
    """Return mentions with offsets that do not count the byte-order mark before the text, where they did."""
    simple = [(*each.parts[0], each.surface) for each in mentions if len(each.parts) == 1 and each.surface]
    if not simple or any(text[start - 1 : end - 1] != surface for start, end, surface in simple):
        return mentions
    return [
        _Mention(
            each.id, each.label, tuple((start - 1, end - 1) for start, end in each.parts), each.surface, each.place
        )
        for each in mentions
    ]


def _read_labels(folder: Path) -> dict[str, str]:
    """Return what labels stand for that BRAT could not store, by the `visual.conf` of a folder."""
    file = folder / _VISUAL
    text = read_text(file)[0] if file.is_file() else None
    lines = re.split(r"^\[(.*)\]$", text or "", flags=re.MULTILINE)
    section = next((after for name, after in zip(lines[1::2], lines[2::2], strict=True) if name == "labels"), "")
    shown = (line.split(" | ") for line in section.splitlines() if " | " in line and not line.startswith("#"))
    return {names[0].strip(): names[1].strip() for names in shown if _stored(names[1].strip()) == names[0].strip()}


def _stored(label: str) -> str:
    """Return the form in which BRAT stores a label.

    >>> _stored("NUMBER.killed")
    'NUMBER_killed'
    """
    return re.sub("[^A-Za-z0-9_-]", "_", label)


def project_files(labels: Sequence[str]) -> dict[str, str]:
    """Return the configuration of a project: its labels, and their colors."""
    forms = {label: _stored(label) for label in labels}
    colors = {label: COLORS[color_number(label, labels)] for label in labels}
    entities = [*forms.values(), "", "[relations]", "", "[events]", "", "[attributes]", ""]
    shown = [f"{form} | {label}" for label, form in forms.items()]
    drawing = [f"{forms[label]}\tbgColor:{tint(color)}, borderColor:{color}" for label, color in colors.items()]
    return {
        "annotation.conf": "\n".join(["[entities]", *entities]),
        _VISUAL: "\n".join(["[labels]", *shown, "", "[drawing]", *drawing, ""]),
    }


@dataclass(slots=True)
class _Writer:
    """Writer of a folder: reports, then the configuration for their labels."""

    folder: Path
    names: FileNames = field(default_factory=FileNames)
    labels: dict[str, str] = field(default_factory=dict)  # by the form in which they are stored
    problems: list[Problem] = field(default_factory=list)

    def add(
        self, report: str, text: str, mentions: Sequence[Mention], notes: Sequence[str], places: Sequence[str]
    ) -> None:
        lines = []
        for number, (mention, place) in enumerate(zip(mentions, places, strict=True), start=1):
            stored = _stored(mention.label)
            if (known := self.labels.setdefault(stored, mention.label)) != mention.label:
                what = f"BRAT would store the labels {known} and {mention.label} as {stored}"
                self.problems.append(Problem(place, what, "rename one", kind=what))
            parts = _lines_of(text, mention)
            if (parts[0][0], parts[-1][1]) != (mention.start, mention.end):
                what = f"the mention {mention.start}:{mention.end} ({mention.label}) begins or ends with a line end"
                self.problems.append(Problem(place, what, "correct its edges", kind="a line end at the edge"))
            offsets = ";".join(f"{start} {end}" for start, end in parts)
            surface = " ".join(text[start:end] for start, end in parts)
            lines.append(f"T{number}\t{stored} {offsets}\t{surface}\n")
        lines += [f"#{number}\tAnnotatorNotes T{number}\t{note}\n" for number, note in enumerate(notes, start=1)]
        if not self.problems:
            name = self.names.name(report)
            for suffix, content in ((_TEXT, text), (_ANNOTATIONS, "".join(lines))):
                (self.folder / f"{name}{suffix}").write_text(content, encoding="utf-8", newline="")

    def finish(self) -> None:
        if self.problems:
            raise DataError(self.problems)
        for name, content in project_files(list(self.labels.values())).items():
            (self.folder / name).write_text(content, encoding="utf-8", newline="\n")


def _lines_of(text: str, mention: Mention) -> list[Span]:
    """Return the parts of a mention without its line ends, which the lines of the format could not hold."""
    parts = [match.span() for match in re.finditer(r"[^\r\n]+", text[mention.start : mention.end])]
    return [(mention.start + start, mention.start + end) for start, end in parts] or [(mention.end, mention.end)]


def write(documents: Iterable[Document], folder: Path) -> None:
    """Write reports to a new folder, with the configuration of a project for their labels.

    Raises:
        DataError: if two labels cannot be told apart in BRAT, a mention has a line end at an edge, or a text is not
            valid Unicode.
    """
    folder.mkdir()
    writer = _Writer(folder)
    for document in require_encodable(documents):
        places = [document.place(number) for number in range(len(document.mentions))]
        writer.add(document.id, document.text, document.mentions, (), places)
    writer.finish()


def write_predictions(documents: Iterable[PredictedDocument], folder: Path, model: str) -> None:
    """Write predictions as mentions, each with a note of its score and the model's name; raises as `write`."""
    folder.mkdir()
    writer = _Writer(folder)
    for document in documents:
        mentions = [Mention(each.start, each.end, each.label) for each in document.entities]
        notes = [f"score {each.score:.3f}, {model}" for each in document.entities]
        writer.add(document.id, document.text, mentions, notes, [document.id] * len(mentions))
    writer.finish()


def _detect(sample: Sample) -> str | None:
    if sample.entries:
        kinds = Counter(_suffix(name) for name in sample.entries)
        is_brat = kinds[_ANNOTATIONS] > 0 and set(kinds) <= {_TEXT, _ANNOTATIONS, *_OF_PROJECTS}
        return f"a folder of pairs of {_TEXT} and {_ANNOTATIONS} files" if is_brat else None
    if sample.suffix == _TEXT:
        return f"an {_ANNOTATIONS} file beside it" if _ANNOTATIONS in sample.beside else None
    is_brat = any(_DETECTED.match(line) for line in sample.lines)
    return "lines of a label, offsets and a text" if is_brat else None


FORMAT = Format(
    name="brat",
    title="BRAT",
    suffixes=(_ANNOTATIONS, _TEXT),
    default_for=(_ANNOTATIONS,),
    detect=_detect,
    read=read,
    write=write,
    carries=EVERYTHING - {Feature.METADATA},
    options=frozenset({"hull"}),
    write_predictions=write_predictions,
    project_files=project_files,
    is_folder=True,
)
