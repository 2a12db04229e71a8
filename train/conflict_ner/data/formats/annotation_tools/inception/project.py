"""Exports of whole INCEpTION projects: the annotations of every annotator, and those that a curator has settled.

    exportedproject.json
    annotation/report.txt/anna.tsv       or .xmi, or a .zip of a .xmi and its types
    annotation/report.txt/ben.tsv
    curation/report.txt/CURATION_USER.tsv

A project is the `.zip` that INCEpTION exports, or that file unpacked. Where a document is curated, its curation counts;
elsewhere the annotators have to agree, or one is chosen.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.document_files import file_id
from conflict_ner.data.formats.annotation_tools.exports import Export, Labeling
from conflict_ner.data.formats.annotation_tools.inception import uima_cas, webanno_tsv
from conflict_ner.data.formats.format import Format, ReadOptions, Sample
from conflict_ner.data.formats.offsets import RawMention
from conflict_ner.data.text_files.compression import READ_ERRORS
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_bytes
from conflict_ner.errors import Problem, format_count

_ANNOTATION, _CURATION, _INITIAL, _PROJECT = "annotation", "curation", "INITIAL_CAS", "exportedproject"
_FILE = re.compile(r"(?:.*/)?(annotation|curation)/([^/]+)/([^/]+)\.(zip|xmi|tsv)")
_FORMS = ("zip", "xmi", "tsv")  # the first one is read where an annotator has several
_LEFT_OUT = ("IGNORE", "LOCKED")  # states of an annotator's document that was closed without annotations
_SKIPPED = "left out: the annotator skipped it"
_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError, KeyError)


class _Project:
    """The files of a project by their names in it, of a folder or an archive.

    Args:
        path: the folder, or its folder `annotation` or `curation` alone, or the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read: Callable[[str], bytes]
        if path.is_dir():
            self.path = base = path.parent if path.name in (_ANNOTATION, _CURATION) else path
            files = (file for file in path.rglob("*") if file.is_file())
            self.names = sorted(file.relative_to(base).as_posix() for file in files)
            self.read = lambda name: (base / name).read_bytes()
        else:
            raw, problems = read_bytes(path)
            if raw is None:
                raise ValueError(problems[0].what)
            archive = zipfile.ZipFile(io.BytesIO(raw))
            self.names, self.read = sorted(archive.namelist()), archive.read

    def documents(self) -> dict[str, dict[tuple[str, str], str]]:
        """Return the file of each annotator, by document and by `annotation` or `curation` and the annotator."""
        found: dict[str, dict[tuple[str, str], str]] = {}
        for form in _FORMS:
            for name in self.names:
                match = _FILE.fullmatch(name)
                if match and match[4] == form and match[3] != _INITIAL:
                    found.setdefault(match[2], {}).setdefault((match[1], match[3]), name)
        return dict(sorted(found.items()))

    def labeled_documents(self, options: ReadOptions) -> tuple[dict[str, dict[tuple[str, str], str]], int]:
        """Return `documents` without the files of those who skipped a document, and the number of these files."""
        documents, states = self.documents(), {} if options.skipped else self.states()
        labeled = {
            name: {key: file for key, file in files.items() if states.get((name, key[1])) not in _LEFT_OUT}
            for name, files in documents.items()
        }
        return labeled, sum(len(files) - len(labeled[name]) for name, files in documents.items())

    def parse(self, file: str, report: str, layer: str | None) -> tuple[Document | None, list[Problem]]:
        """Return the report in a file, None if it cannot be read, and problems and notes."""
        raw, where = self.read(file), f"{printable(self.path)}/{printable(file)}"
        if file.endswith(".tsv"):
            try:
                return webanno_tsv.parse(raw.decode("utf-8-sig"), where, report, layer)
            except UnicodeDecodeError as error:
                what = f"not UTF-8: {error.reason} at byte {error.start}"
                return None, [Problem(where, what, "export it again", unreadable=True)]
        uima_cas.require_cassis()
        parse = uima_cas.parse_archive(raw, where, report, layer) if file.endswith(".zip") else None
        items = list(parse if parse is not None else uima_cas.parse(raw, None, where, report, layer))
        documents = [item for item in items if isinstance(item, Document)]
        return (documents[0] if documents else None), [item for item in items if isinstance(item, Problem)]

    def states(self) -> dict[tuple[str, str], str]:
        """Return the state of each annotator's documents, such as FINISHED, by document and annotator."""
        name = next((name for name in self.names if name.rpartition("/")[2].startswith(_PROJECT)), None)
        try:
            project = json.loads(self.read(name)) if name else {}
            return {(each["name"], each["user"]): each["state"] for each in project.get("annotation_documents") or ()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}


def read(path: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a project, and problems and notes."""
    try:
        project = _Project(path)
        export = Export(path, options, "document")
        documents, skipped = project.labeled_documents(options)
        for number, (name, files) in enumerate(documents.items(), start=1):
            yield from _read_document(project, export, name, number, files, options.layer)
        if skipped:
            export.note(_SKIPPED, count=skipped)
        yield from export.end()
    except _ERRORS as error:
        yield _unreadable(path, error)


def _read_document(
    project: _Project, export: Export, name: str, number: int, files: dict[tuple[str, str], str], layer: str | None
) -> Iterator[Document | Problem]:
    where, labelings, texts = f"{export.name}/{printable(name)}", list[Labeling](), set[str]()
    for (kind, annotator), file in files.items():
        document, problems = project.parse(file, file_id(name), layer)
        notes = [problem for problem in problems if problem.note]
        yield from notes
        faults = tuple(problem for problem in problems if not problem.note)
        if document is None:
            yield from map(export.refuse, faults)
            return
        texts.add(document.text)
        mentions = (RawMention(each.start, each.end, each.label, document.slice(each)) for each in document.mentions)
        labelings.append(Labeling((annotator,), tuple(mentions), is_reference=kind == _CURATION, problems=faults))
    if len(texts) > 1:
        what = "its text is not the same for all annotators"
        yield export.refuse(Problem(where, what, "export the project again", kind=what))
    elif labelings and (chosen := export.choose(labelings, where)) is not None:
        yield from export.report(file_id(name), texts.pop(), chosen, {}, where, number)


def read_annotators(path: Path, options: ReadOptions) -> Iterator[tuple[str, Document] | Problem]:
    """Yield the reports of a project as each annotator labeled them, with her name, and problems and notes."""
    try:
        project = _Project(path)
        documents, skipped = project.labeled_documents(options)
        for name, files in documents.items():
            for annotator, file in ((user, file) for (kind, user), file in files.items() if kind == _ANNOTATION):
                document, problems = project.parse(file, file_id(name), options.layer)
                if document is not None:
                    yield annotator, document
                yield from problems
        if skipped:
            yield Problem(printable(path), f"{format_count(skipped, 'document')} {_SKIPPED}", note=True)
    except _ERRORS as error:
        yield _unreadable(path, error)


def _unreadable(path: Path, error: Exception) -> Problem:
    return Problem(printable(path), f"not a project that can be read: {error}", "export it again", unreadable=True)


def _detect(sample: Sample) -> str | None:
    names = os.fsencode(" ".join(f"{entry}/" for entry in sample.entries)) or sample.raw  # cut off
    is_project = _PROJECT.encode() in names and (b"annotation/" in names or b"curation/" in names)
    is_project = is_project or any(map(_FILE.fullmatch, sample.entries))  # curated documents alone have no description
    return "a project of INCEpTION" if is_project and (sample.entries or sample.raw.startswith(b"PK")) else None


FORMAT = Format(
    name="inception-project",
    title="INCEpTION project",
    suffixes=(".zip",),
    detect=_detect,
    read=read,
    options=frozenset({"layer", "annotator", "skipped"}),
    read_annotators=read_annotators,
    is_folder=True,
)
