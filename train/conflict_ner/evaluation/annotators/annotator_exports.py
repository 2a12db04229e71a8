"""Exports in which several annotators labeled the same reports, read as each of them labeled them.

Label Studio, Prodigy and older doccano have the labels of everybody in one file. INCEpTION's export of a project has a
folder for each document, and in it a file for each annotator: `annotation/report.txt/anna.tsv`.
"""

from __future__ import annotations

from pathlib import Path

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.inception import project
from conflict_ner.data.formats.format import Format, ReadOptions
from conflict_ner.data.formats.registry import detect_format
from conflict_ner.data.formats.report_files import print_notes, trimmed
from conflict_ner.errors import Problem

Readings = tuple[dict[str, tuple[Document, ...]], list[Problem]]  # the reports of each annotator, and problems


def read_annotators(path: Path, options: ReadOptions) -> Readings | None:
    """Return the reports of each annotator in an export, and what is wrong; None if it is no export of several.

    Args:
        path: a file of Label Studio, Prodigy or doccano, or an INCEpTION project: a folder, or a `.zip` of one.
        options: the choices that the formats leave open. Notes are printed, once for all annotators.
    """
    form = _find_format(path)
    if form is None or form.read_annotators is None:
        return None
    documents: dict[str, list[Document]] = {}
    problems: list[Problem] = []
    for item in form.read_annotators(path, options):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            documents.setdefault(item[0], []).append(item[1])
    if not documents:
        return None  # what is wrong is reported when it is read as any other file
    if options.trim:
        for name, found in documents.items():
            items = list(trimmed(found, path))
            documents[name] = [item for item in items if isinstance(item, Document)]
            problems += [item for item in items if isinstance(item, Problem)]
    # Problems and notes that several annotators have are said once.
    others = print_notes(list(dict.fromkeys(problems)))
    return {name: tuple(found) for name, found in documents.items()}, others


def _find_format(path: Path) -> Format | None:
    """Return the format of an export; None if it has none that says who labeled what."""
    try:
        detection = detect_format(path) if path.is_file() or path.is_dir() else None
    except OSError:  # a folder that cannot be listed
        return None
    if detection is not None and detection.format.read_annotators is not None:
        return detection.format
    # The folder `annotation` of an INCEpTION project alone does not say that it is one.
    return project.FORMAT if path.is_dir() or path.suffix.lower() in project.FORMAT.suffixes else None
