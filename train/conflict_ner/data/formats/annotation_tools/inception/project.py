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
from conflict_ner.data.formats.format import NO_OPTIONS, Format, ReadOptions, Sample
from conflict_ner.data.formats.offsets import RawMention
from conflict_ner.data.text_files.compression import READ_ERRORS
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_bytes
from conflict_ner.errors import Problem

_CURATION, _INITIAL, _PROJECT = "curation", "INITIAL_CAS", "exportedproject"
_FILE = re.compile(r"(?:.*/)?(annotation|curation)/([^/]+)/([^/]+)\.(zip|xmi|tsv)")
_FORMS = ("zip", "xmi", "tsv")  # the first one is read where an annotator has several
_LEFT_OUT = ("IGNORE", "LOCKED")  # states of an annotator's document that was closed without annotations
_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError, KeyError)


class _Project:
    """The files of a project by their names in it, of a folder or an archive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read: Callable[[str], bytes]
        if path.is_dir():
            files = (file for file in path.rglob("*") if file.is_file())
            self.names = sorted(file.relative_to(path).as_posix() for file in files)
            self.read = lambda name: (path / name).read_bytes()
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
        states = {} if options.skipped else project.states()
        for number, (name, files) in enumerate(project.documents().items(), start=1):
            used = {key: file for key, file in files.items() if states.get((name, key[1])) not in _LEFT_OUT}
            if len(used) < len(files):
                export.note("left out: the annotator skipped it", count=len(files) - len(used))
            yield from _read_document(project, export, name, number, used, options.layer)
        yield from export.end()
    except _ERRORS as error:
        what, fix = f"not a project that can be read: {error}", "export it again"
        yield Problem(printable(path), what, fix, unreadable=True)


def _read_document(
    project: _Project, export: Export, name: str, number: int, files: dict[tuple[str, str], str], layer: str | None
) -> Iterator[Document | Problem]:
    where, labelings, texts = f"{export.name}/{printable(name)}", list[Labeling](), set[str]()
    for (kind, annotator), file in files.items():
        document, problems = _parse(project.read(file), f"{export.name}/{printable(file)}", file, layer)
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


def _parse(raw: bytes, where: str, file: str, layer: str | None) -> tuple[Document | None, list[Problem]]:
    """Return the document in a file of a project, None if it cannot be read, and problems and notes."""
    if file.endswith(".tsv"):
        try:
            return webanno_tsv.parse(raw.decode("utf-8-sig"), where, "", layer)
        except UnicodeDecodeError as error:
            what = f"not UTF-8: {error.reason} at byte {error.start}"
            return None, [Problem(where, what, "export it again", unreadable=True)]
    uima_cas.require_cassis()
    parse = uima_cas.parse_archive(raw, where, "", layer) if file.endswith(".zip") else None
    items = list(parse if parse is not None else uima_cas.parse(raw, None, where, "", layer))
    documents = [item for item in items if isinstance(item, Document)]
    return (documents[0] if documents else None), [item for item in items if isinstance(item, Problem)]


def list_annotators(path: Path) -> list[str]:
    """Return the names of those who labeled documents of a project, with the most documents first."""
    export = Export(path, NO_OPTIONS, "document")
    try:
        for files in _Project(path).documents().values():
            export.choose([Labeling((annotator,), ()) for kind, annotator in files if kind != _CURATION], "")
    except _ERRORS:
        pass  # whoever reads the file reports it
    return export.annotators


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
    list_annotators=list_annotators,
    is_folder=True,
)
