"""Exports in which several annotators labeled the same reports, read as each of them labeled them.

Label Studio, Prodigy and older doccano have the labels of everybody in one file. INCEpTION's export of a project has a
folder for each document, and in it a file for each annotator: `annotation/report.txt/anna.tsv`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.document_files import report_id
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import print_notes, read_file
from conflict_ner.data.text_files.compression import READ_ERRORS, strip_compression_suffix
from conflict_ner.data.text_files.file_search import is_hidden, printable
from conflict_ner.errors import Problem

_ANNOTATIONS = "annotation"  # the folder of an INCEpTION project that has the labels of each annotator
_SUFFIXES = (".tsv", ".xmi", ".zip")
_FAULTS: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError)  # of archives; RuntimeError: encrypted
_NOBODY = "INITIAL_CAS"  # a document before anybody has labeled it

Readings = tuple[dict[str, tuple[Document, ...]], list[Problem]]  # the reports of each annotator, and problems


def read_annotators(path: Path, options: ReadOptions) -> Readings | None:
    """Return the reports of each annotator in an export, and what is wrong; None if it is no export of several.

    Args:
        path: a file of Label Studio, Prodigy or doccano, or an INCEpTION project: a folder, or a `.zip` of one.
        options: the choices that the formats leave open. Notes are printed, once for all annotators.
    """
    if path.is_dir():
        return _read_project(path, options, path)
    if path.suffix.lower() == ".zip":
        return _read_archive(path, options)
    detection = detect_format(path) if path.is_file() else None
    if detection is None or detection.format.list_annotators is None:
        return None
    names = detection.format.list_annotators(path)
    if not names:
        return None
    readings = {name: read_file(path, replace(options, annotator=name), detection.format) for name in names}
    problems = [problem for _, found in readings.values() for problem in found]
    # Reports that others labeled are no loss here.
    of_others = {f"not labeled by {name}" for name in names}
    return _collect(
        {name: documents for name, (documents, _) in readings.items()},
        (each for each in problems if not each.note or not any(each.what.endswith(end) for end in of_others)),
    )


def _collect(documents: Mapping[str, Iterable[Document]], problems: Iterable[Problem]) -> Readings:
    """Return readings; problems and notes that several annotators have are said once."""
    others = print_notes(list(dict.fromkeys(problems)))
    return {name: tuple(found) for name, found in documents.items()}, others


def _read_archive(path: Path, options: ReadOptions) -> Readings | None:
    try:
        with zipfile.ZipFile(path) as archive, TemporaryDirectory() as folder:
            names = [name for name in archive.namelist() if _ANNOTATIONS in PurePosixPath(name).parts[:2]]
            if not names:
                return None
            archive.extractall(folder, names)
            above = PurePosixPath(names[0]).parts[: PurePosixPath(names[0]).parts.index(_ANNOTATIONS)]
            return _read_project(Path(folder, *above), options, path)
    except _FAULTS:
        return None  # reported when it is read as any other file


def _read_project(folder: Path, options: ReadOptions, shown: Path) -> Readings | None:
    """Return the readings of a folder with a folder for each document; None if no document has two annotators.

    Args:
        folder: that of the project, or its folder `annotation`.
        shown: the name of the export, for messages.
    """
    root = folder / _ANNOTATIONS if (folder / _ANNOTATIONS).is_dir() else folder
    files = [(document, list(_annotator_files(document))) for document in sorted(root.iterdir()) if document.is_dir()]
    if not any(len(found) > 1 for _, found in files):
        return None
    documents: dict[str, list[Document]] = {}
    problems: list[Problem] = []
    for document, annotator, file in ((document, *each) for document, found in files for each in found):
        read, found_problems = read_file(file, options)
        documents.setdefault(annotator, []).extend(
            replace(
                each,
                id=report_id(document.name),
                origin=_shown(each.origin, folder, shown),
                places=tuple(_shown(place, folder, shown) for place in each.places),
            )
            for each in read
        )
        problems += (replace(each, where=_shown(each.where, folder, shown)) for each in found_problems)
    return _collect(documents, problems)


def _annotator_files(document: Path) -> Iterator[tuple[str, Path]]:
    """Yield the annotators of a document, and their files."""
    for file in sorted(document.iterdir()):
        name = Path(strip_compression_suffix(file.name))
        if name.suffix.lower() in _SUFFIXES and name.stem != _NOBODY and not is_hidden(file.name):
            yield name.stem, file


def _shown(place: str, folder: Path, export: Path) -> str:
    return place.replace(printable(folder), printable(export))
