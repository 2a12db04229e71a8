"""UIMA CAS XMI, the documents of the UIMA framework that INCEpTION exports: annotations with offsets beside a text.

A document is a `.xmi` file with the types of its annotations in `TypeSystem.xml` beside it, or a `.zip` of both. The
library `dkpro-cassis` reads and writes it. Where the types are missing, those that occur are taken for plain
annotations with strings as features, which is all that mentions need. Offsets count UTF-16 units.

The format: https://docs.oasis-open.org/uima/v1.0/uima-v1.0.html and the chapter on XMI of the UIMA reference.
"""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.annotation_tools.document_files import (
    FileNames,
    document_of,
    file_id,
    find_files,
    require_encodable,
)
from conflict_ner.data.formats.annotation_tools.inception.layers import (
    LABEL,
    NAMED_ENTITY,
    Layer,
    LayerError,
    choose_layer,
    project_files,
)
from conflict_ner.data.formats.annotation_tools.inception.segmentation import split_sentences
from conflict_ner.data.formats.format import (
    EVERYTHING,
    NOT_IN_XML,
    Feature,
    Format,
    PredictedDocument,
    ReadOptions,
    Sample,
)
from conflict_ner.data.text_files.compression import READ_ERRORS
from conflict_ner.data.text_files.file_search import is_hidden, printable
from conflict_ner.data.text_files.reading import read_bytes
from conflict_ner.errors import Problem, format_count, require_packages

if TYPE_CHECKING:
    from cassis import Cas, TypeSystem

_XMI, _ZIP, _TYPES = ".xmi", ".zip", "typesystem.xml"
_ANNOTATION, _STRING, _STRINGS = "uima.tcas.Annotation", "uima.cas.String", "uima.cas.StringArray"
_DOCUMENT = "uima.tcas.DocumentAnnotation"  # the whole text
_XMI_ID = "{http://www.omg.org/XMI}id"
_ENTITY_TYPES = "de.tudarmstadt.ukp.dkpro.core.api.ner.type."  # NamedEntity and its kinds, such as Person
_SENTENCE = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence"
_TOKEN = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token"  # noqa: S105 - of a text
_METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
_ARCHIVE_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, RuntimeError)  # the last one: it is encrypted
_SCORE, _MODEL = "score", "model"  # features of predictions
_UNMAPPED = "Not mapping external offset"  # of cassis: an offset that is not between two characters


def require_cassis() -> None:
    """Raise `MissingExtraError` if the library is not installed."""
    require_packages("UIMA CAS XMI", {"cassis": "dkpro-cassis>=0.10"})


def read(path: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the report of a `.xmi` or `.zip` file, or those of all such files in a folder and below it."""
    require_cassis()
    files, problems = find_files(path, (_XMI, _ZIP))
    yield from problems
    for file in files:
        raw, faults = read_bytes(file)
        if raw is None:
            yield from faults
        elif zipfile.is_zipfile(io.BytesIO(raw)):
            yield from parse_archive(raw, printable(file), file_id(file, path), options.layer)
        else:
            types = _find_types(file)
            type_source, faults = read_bytes(types) if types else (None, [])
            yield from faults
            yield from parse(raw, type_source, printable(file), file_id(file, path), options.layer)


def _find_types(file: Path) -> Path | None:
    """Return the file of the types of a document: beside it, or in the folder above."""
    try:
        folders = [file.absolute().parent, file.absolute().parent.parent]
        entries = (entry for folder in folders for entry in sorted(folder.iterdir()))
        return next((entry for entry in entries if entry.name.lower() == _TYPES), None)
    except OSError:
        return None


def parse_archive(raw: bytes, file: str, report: str, layer: str | None = None) -> Iterator[Document | Problem]:
    """Yield the reports in an archive; arguments as of `parse`.

    A single one has the id of the archive: INCEpTION calls the document in it as the annotator.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [name for name in archive.namelist() if not any(map(is_hidden, PurePath(name).parts))]
            documents = [name for name in names if name.lower().endswith(_XMI)]
            types = next((name for name in names if PurePath(name).name.lower() == _TYPES), None)
            type_source = archive.read(types) if types else None
            if not documents:
                yield Problem(file, f"an archive without {_XMI} files", "name another one", unreadable=True)
            for name in documents:
                name_in_it = report if len(documents) == 1 else file_id(name, PurePath())
                yield from parse(archive.read(name), type_source, f"{file}/{printable(name)}", name_in_it, layer)
    except _ARCHIVE_ERRORS as error:
        yield Problem(file, f"damaged: {error}", "get a new copy of the file", unreadable=True)


def parse(
    source: bytes, types: bytes | None, file: str, report: str, layer: str | None = None
) -> Iterator[Document | Problem]:
    """Yield the report in a document, and all problems and notes.

    Args:
        source: the XML.
        types: the XML of its types, None if there is none.
        file: its name, for messages.
        report: the id of the report.
        layer: the layer of the mentions, as `choose_layer` takes it.
    """
    from lxml import etree

    try:
        with warnings.catch_warnings(record=True) as caught:  # cassis warns of what it leaves out
            warnings.simplefilter("always")
            cas = _load(source, types)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        fix = "export it again: it is cut off, or was changed"
        yield Problem(f"{file}:{line}:{column}", f"not XML: {error.msg}", fix, unreadable=True, kind="not XML")
        return
    except Exception as error:  # cassis raises whatever it stumbles over
        what = f"not UIMA CAS XMI that can be read: {type(error).__name__}: {error}"
        yield Problem(file, what, "export it as UIMA CAS XMI 1.0", unreadable=True, kind="not UIMA CAS XMI")
        return
    wrong = [str(each.message) for each in caught if _UNMAPPED in str(each.message)]
    if cas.sofa_string is None:
        yield Problem(file, "a document without text", "export it again", unreadable=True)
        return
    document, problems = _report(cas, file, report, layer)
    if wrong and not any(not problem.note for problem in problems):
        what = f"{format_count(len(wrong), 'offset')} inside a character or outside the text"
        problems.append(Problem(file, what, "export it again: offsets count UTF-16 units", kind="outside the text"))
        document = document and Document(report, document.text, origin=file, is_valid=False)
    if document is not None:
        yield document
    yield from problems


def _load(source: bytes, types: bytes | None) -> Cas:
    import cassis

    typesystem = cassis.load_typesystem(io.BytesIO(types)) if types else _infer_types(source)
    cas = cassis.load_cas_from_xmi(io.BytesIO(source), typesystem, lenient=True)
    view = next((sofa.sofaID for sofa in cas.sofas if sofa.sofaString is not None), None)
    return cas.get_view(view) if view else cas


def _infer_types(source: bytes) -> TypeSystem:
    """Return the types that occur in a document: each with offsets is an annotation, its attributes are strings."""
    import cassis
    from lxml import etree

    typesystem = cassis.TypeSystem()
    features: dict[str, dict[str, str]] = {}
    for _, element in etree.iterparse(io.BytesIO(source)):
        if isinstance(element.tag, str) and {"begin", "end", _XMI_ID} <= set(element.attrib):
            name = element.tag.removeprefix("{http:///").replace(".ecore}", ".").replace("/", ".")
            found = features.setdefault(name.removeprefix("uima.noNamespace."), {})
            found |= dict.fromkeys((str(each) for each in element.attrib), _STRING)
            found |= dict.fromkeys((str(child.tag) for child in element), _STRINGS)
    for name, ranges in features.items():
        if not typesystem.contains_type(name):
            kind = typesystem.create_type(name, _ANNOTATION)
            for feature in ranges.keys() - {"begin", "end", "sofa", _XMI_ID}:
                typesystem.create_feature(kind, feature, ranges[feature])
    return typesystem


def _report(cas: Cas, file: str, report: str, layer: str | None) -> tuple[Document | None, list[Problem]]:
    """Return the report of a document, and problems and notes; None if it is not clear what its mentions are."""
    by_layer: dict[str, list[Any]] = {}
    for each in cas.select(_ANNOTATION):
        if not cas.typesystem.is_instance_of(each.type.name, _DOCUMENT):
            by_layer.setdefault(_layer_of(each), []).append(each)
    layers = [Layer(name, _string_features(cas, found)) for name, found in by_layer.items()]
    try:
        chosen = choose_layer(layers, layer)
    except LayerError as error:
        return None, [error.problem(file)]
    text, problems = cas.sofa_string or "", list[Problem]()
    mentions: list[tuple[Mention, str]] = []
    if chosen is not None:
        problems += chosen.notes(file)
        for each in by_layer[chosen.layer]:
            place = f"{file}, annotation {each.xmiID}"
            label = getattr(each, chosen.feature, None) if chosen.feature else None
            if not label and each.type.name != chosen.layer:
                label = each.type.name.rpartition(".")[2]  # Person, a kind of NamedEntity
            fault = _fault(each, label, text, chosen.layer)
            if fault:
                problems.append(Problem(place, *fault))
            elif label:
                mentions.append((Mention(each.begin, each.end, label), place))
    mentions.sort()
    return document_of(report, text, mentions, file, problems), problems


def _layer_of(annotation: Any) -> str:
    """Return the layer of an annotation; kinds of named entities are in theirs."""
    name = str(annotation.type.name)
    return NAMED_ENTITY if name.startswith(_ENTITY_TYPES) else name


def _string_features(cas: Cas, annotations: Iterable[Any]) -> tuple[str, ...]:
    """Return the features that may hold a label. Those of another project that no annotation uses are left out."""
    kinds = {each.type.name: each.type for each in annotations}
    names = dict.fromkeys(
        feature.name
        for kind in kinds.values()
        for feature in kind.all_features
        if cas.typesystem.is_instance_of(feature.rangeType.name, _STRING)
    )
    used = [name for name in names if any(getattr(each, name, None) for each in annotations)]
    return tuple(used or names)


def _fault(annotation: Any, label: str | None, text: str, layer: str) -> tuple[str, str] | None:
    """Return what is wrong with an annotation, and the fix; None if nothing is."""
    begin, end = annotation.begin, annotation.end
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end <= len(text):
        size = format_count(len(text), "character")
        return f"the mention {begin}:{end} ({label}) is not in the text, which has {size}", "export it again"
    if not label:
        return f"an annotation of {layer} without a label", "give it one, or delete it"
    return (f"an empty annotation ({label})", "delete it") if begin == end else None


def _new_types(*features: str) -> TypeSystem:
    import cassis

    types = cassis.TypeSystem()
    types.create_type(_SENTENCE, _ANNOTATION)
    types.create_type(_TOKEN, _ANNOTATION)
    metadata = types.create_type(_METADATA, _DOCUMENT)
    for name in ("documentTitle", "documentId"):
        types.create_feature(metadata, name, _STRING)
    entity = types.create_type(NAMED_ENTITY, _ANNOTATION)
    for name in (LABEL, "identifier"):
        types.create_feature(entity, name, _STRING)
    for name in features:
        types.create_feature(entity, name, "uima.cas.Float" if name == _SCORE else _STRING)
    return types


def _new_cas(types: TypeSystem, report: str, text: str, mentions: Iterable[tuple[Mention, dict[str, Any]]]) -> Cas:
    """Return a document with the sentences, tokens and mentions of a report.

    Control characters that XML does not allow are spaces.
    """
    import cassis

    text, mentions = NOT_IN_XML.sub(" ", text), list(mentions)
    cas = cassis.Cas(typesystem=types)
    cas.sofa_string, cas.sofa_mime = text, "text"
    make = types.get_type
    title = NOT_IN_XML.sub(" ", report)
    cas.add(make(_METADATA)(begin=0, end=len(text), documentTitle=title, documentId=title))
    for sentence in split_sentences(text, [mention for mention, _ in mentions]):
        cas.add(make(_SENTENCE)(begin=sentence.start, end=sentence.end))
        cas.add_all([make(_TOKEN)(begin=start, end=end) for start, end in sentence.tokens])
    for mention, more in mentions:
        cas.add(make(NAMED_ENTITY)(begin=mention.start, end=mention.end, value=mention.label, **more))
    return cas


def write(documents: Iterable[Document], folder: Path) -> None:
    """Write reports to a new folder: a file for each, and the types of all.

    Raises:
        MissingExtraError: if the library is not installed.
        DataError: if a text is not valid Unicode.
    """
    require_cassis()
    types = _new_types()
    _write(
        ((each.id, each.text, [(m, {}) for m in each.mentions]) for each in require_encodable(documents)), types, folder
    )


def write_predictions(documents: Iterable[PredictedDocument], folder: Path, model: str) -> None:
    """Write predictions as named entities with the features `score` and `model`; raises as `write`."""
    require_cassis()
    types = _new_types(_SCORE, _MODEL)
    reports = (
        (
            each.id,
            each.text,
            [(Mention(e.start, e.end, e.label), {_SCORE: round(e.score, 4), _MODEL: model}) for e in each.entities],
        )
        for each in documents
    )
    _write(reports, types, folder)


def _write(
    reports: Iterable[tuple[str, str, list[tuple[Mention, dict[str, Any]]]]], types: TypeSystem, folder: Path
) -> None:
    folder.mkdir()
    names = FileNames()
    for report, text, mentions in reports:
        _new_cas(types, report, text, mentions).to_xmi(folder / f"{names.name(report)}{_XMI}")
    types.to_xml(folder / "TypeSystem.xml")


def _detect(sample: Sample) -> str | None:
    if sample.suffix == _ZIP:
        names = os.fsencode(" ".join(sample.entries).lower()) or sample.raw.lower()  # of an archive that is cut off
        is_archive = sample.raw.startswith(b"PK") and _XMI.encode() in names
        return f"an archive with {_XMI} files" if is_archive else None
    return "the namespace of XMI" if "http://www.omg.org/XMI" in sample.text else None


FORMAT = Format(
    name="uima-cas",
    title="UIMA CAS XMI",
    suffixes=(_XMI, _ZIP),
    default_for=(_XMI,),
    detect=_detect,
    read=read,
    write=write,
    carries=EVERYTHING - {Feature.METADATA, Feature.CONTROL_CHARACTERS},
    options=frozenset({"layer"}),
    write_predictions=write_predictions,
    project_files=project_files,
    is_folder=True,
)
