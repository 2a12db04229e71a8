"""Files of spaCy 3 (`.spacy`): a `DocBin` with the tokens, the exact text and the entities of every report.

What is read are the entities of each document, or if there are none in the file its only group of spans. Id and
metadata are kept as user data, which spaCy ignores. spaCy reads and writes such a file as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Document, Mention, is_encodable
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, ReadOptions
from conflict_ner.data.formats.tagged_words.tagged_documents import to_words
from conflict_ner.data.text_files.compression import (
    READ_ERRORS,
    compression_suffix,
    open_decompressed,
    strip_compression_suffix,
)
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import DataError, Problem, require_packages

if TYPE_CHECKING:
    from spacy.tokens import Doc

# Of damage: in the file, and in its tables of numbers and of strings.
_ERRORS: tuple[type[Exception], ...] = (*READ_ERRORS, KeyError, TypeError, IndexError)
_ID, _METADATA = "id", "metadata"  # the keys of user data


def _require() -> None:
    require_packages("a .spacy file", {"spacy": "spacy>=3.7"})


def read(file: Path, _: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a `.spacy` file.

    Raises:
        MissingExtraError: if spaCy is not installed.
    """
    _require()
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    name = printable(file)
    try:
        with file.open("rb") as stream:
            raw = open_decompressed(stream, compression_suffix(file.name)).read()
        docs = list(DocBin(store_user_data=True).from_bytes(raw).get_docs(Vocab()))
    except _ERRORS as error:
        strerror = error.strerror if isinstance(error, OSError) else None
        what = f"cannot be read: {strerror}" if strerror else f"damaged, or not a file of spaCy 3: {error}"
        yield Problem(name, what, "write it again with `DocBin.to_disk`, or get a new copy", unreadable=True)
        return
    if not docs:
        yield Problem(name, "no report in this file", "export it again, or name another file")
        return
    group = None
    if not any(doc.ents for doc in docs):
        groups = sorted({key for doc in docs for key, spans in doc.spans.items() if len(spans)})
        if len(groups) > 1:
            what = f"no entities, and several groups of spans: {', '.join(groups)}"
            yield Problem(name, what, "keep one group, or set `doc.ents`", unreadable=True)
            return
        group = groups[0] if groups else None
    stem = Path(strip_compression_suffix(name)).stem
    for number, doc in enumerate(docs, start=1):
        yield _to_document(doc, group, f"{stem}:{number}", f"{name}, document {number}")
    if group is not None:
        yield Problem(name, f"no entities: the spans of the group {group!r} are read", note=True)


def _to_document(doc: Doc, group: str | None, default: str, where: str) -> Document:
    spans = doc.ents if group is None else doc.spans.get(group, ())
    mentions = sorted(Mention(span.start_char, span.end_char, span.label_) for span in spans)
    data = {key: value for key, value in doc.user_data.items() if isinstance(key, str)}
    metadata = data.get(_METADATA, {})
    return Document(
        id=str(data.get(_ID, default)),
        text=doc.text,
        mentions=tuple(mentions),
        metadata=json.loads(metadata) if isinstance(metadata, str) else {},
        origin=where,
    )


def write(documents: Iterable[Document], file: Path) -> None:
    """Write reports to a `.spacy` file, which `spacy train` takes.

    Raises:
        MissingExtraError: if spaCy is not installed.
        DataError: with all reports that cannot be written so.
    """
    _require()
    from spacy.tokens import DocBin
    from spacy.vocab import Vocab

    vocab, problems = Vocab(), list[Problem]()
    store = DocBin(store_user_data=True)
    for document in documents:
        if is_encodable(document.text + document.id):
            store.add(_to_doc(document, vocab))
        else:
            problems.append(Problem(document.origin or document.id, "half of a surrogate pair in it", "remove it"))
    if problems:
        raise DataError(problems)
    file.write_bytes(store.to_bytes())


def _to_doc(document: Document, vocab: Any) -> Doc:
    """Return a report as spaCy has it: white space other than one space after a word is a token of its own."""
    from spacy.tokens import Doc, Span

    words, spans = to_words(document)
    tokens, spaces, places = list[str](), list[bool](), list[int]()  # `places`: the token of each word
    at = 0
    for word in [*words, ""]:
        start = document.text.index(word, at) if word else len(document.text)
        gap = document.text[at:start]
        if gap.startswith(" ") and tokens:
            spaces[-1], gap = True, gap[1:]
        if gap:
            tokens.append(gap)
            spaces.append(False)
        if word:
            places.append(len(tokens))
            tokens.append(word)
            spaces.append(False)
        at = start + len(word)
    doc = Doc(vocab, words=tokens, spaces=spaces)
    doc.ents = [Span(doc, places[first], places[last - 1] + 1, label=label) for first, last, label in spans]
    doc.user_data[_ID] = document.id
    if document.metadata:
        doc.user_data[_METADATA] = json.dumps(dict(document.metadata))
    return doc


FORMAT = Format(
    name="spacy",
    title="spaCy DocBin",
    suffixes=(".spacy",),
    default_for=(".spacy",),
    read=read,
    write=write,
    carries=EVERYTHING - {Feature.NESTED},
)
