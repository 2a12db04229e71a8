"""Training data of spaCy 2 in JSON: documents with tokens and BILUO tags, or pairs of a text and its entities.

    [{"id": 0, "paragraphs": [{"raw": "...", "sentences": [{"tokens": [{"orth": "Rebels", "ner": "U-ACTOR"}]}]}]}]
    [["Rebels left.", {"entities": [[0, 6, "ACTOR"]]}]]

Each paragraph is a report, because spaCy made a document of it. A tag that is missing (`-`) is read as `O`. The pairs
may stand in an object with the key `annotations`, as annotators for the browser export them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.json_records import Record, write_array
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, ReadOptions, Sample
from conflict_ner.data.formats.offsets import OffsetMender, RawMention
from conflict_ner.data.formats.tagged_words.json_rows import read_values, unwrap
from conflict_ner.data.formats.tagged_words.tag_schemes import find_scheme, write_tags
from conflict_ner.data.formats.tagged_words.tagged_documents import to_words
from conflict_ner.data.formats.tagged_words.tagged_rows import TaggedRows, read_rows
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem

_MISSING = "-"  # a tag that is not known
_BILOU = find_scheme("BILOU")
_PAIR, _TRIPLE = 2, 3
_MIN_SHARE = 0.5  # of the records at the beginning of a file


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of documents with tokens and tags."""
    name = printable(file)
    stem = Path(strip_compression_suffix(name)).stem

    def rows(_: Sequence[str] | None) -> Iterator[Record | Problem]:
        for item in read_values(file):
            if isinstance(item, Problem):
                yield item
                continue
            value = item.value
            if not _is_tree(value):
                yield Problem(item.where, "not a document with paragraphs", "correct it")
                continue
            paragraphs = value["paragraphs"]
            identity = value.get("id", item.number)
            identity = str(identity) if isinstance(identity, str) else f"{stem}:{identity}"
            for part, paragraph in enumerate(paragraphs, start=1):
                one = identity if len(paragraphs) == 1 else f"{identity}:{part}"
                yield replace(item, value=_to_row(paragraph, one))

    columns = ["id", "text", "tokens", "ner_tags"]
    yield from read_rows(TaggedRows(name, columns, {}, rows), options)


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("paragraphs"), list)


def _to_row(paragraph: Any, identity: str) -> dict[str, Any] | None:
    """Return a paragraph as a row with tokens and tags; None if it has another form."""
    sentences = paragraph.get("sentences") if isinstance(paragraph, dict) else None
    if not isinstance(sentences, list) or not all(isinstance(each, dict) for each in sentences):
        return None
    tokens = [token for sentence in sentences for token in sentence.get("tokens") or []]
    if not all(isinstance(token, dict) for token in tokens):
        return None
    if paragraph.get("entities") and not any("ner" in token for token in tokens):
        return None  # labels in a place that spaCy does not read: without this they would be lost
    words = [token.get("orth") for token in tokens]
    tags = ["O" if (tag := token.get("ner", _MISSING)) in (_MISSING, "", None) else tag for token in tokens]
    text = paragraph.get("raw")
    if text is None and all(isinstance(token.get("space"), str) for token in tokens):
        text = "".join(f"{token['orth']}{token['space']}" for token in tokens)
    return {"id": identity, "text": text, "tokens": words, "ner_tags": tags}


def write(documents: Iterable[Document], file: Path) -> None:
    """Write reports as documents of one paragraph with tokens and BILUO tags."""
    write_array(map(_to_tree, documents), file)


def _to_tree(document: Document) -> dict[str, Any]:
    words, spans = to_words(document)
    tags = write_tags(spans, len(words), _BILOU)
    tokens = [{"id": n, "orth": word, "ner": tag} for n, (word, tag) in enumerate(zip(words, tags, strict=True))]
    paragraph = {"raw": document.text, "sentences": [{"tokens": tokens, "brackets": []}], "cats": []}
    return {"id": document.id, "paragraphs": [paragraph]}


def read_pairs(file: Path, _: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of pairs of a text and its entities."""
    name = printable(file)
    stem = Path(strip_compression_suffix(name)).stem
    mender = OffsetMender(name)
    is_empty = True
    for item in read_values(file):
        is_empty = False
        if isinstance(item, Problem):
            yield item
            continue
        value, where = item.value, item.where
        if value is None:  # a text that was not labeled
            continue
        raw = _to_mentions(value)
        if raw is None:
            yield Problem(where, "not [text, {'entities': [[start, end, label]]}]", "correct it", kind="not a pair")
            continue
        mentions, problems = mender.mentions(value[0], raw, where)
        yield Document(f"{stem}:{item.number}", value[0], mentions, origin=where, is_valid=not problems)
        yield from problems
    if is_empty:
        yield Problem(name, "no report in this file", "export it again, or name another file")
    yield from mender.notes()


def _is_pair(value: Any) -> bool:
    is_pair = isinstance(value, list) and len(value) == _PAIR and isinstance(value[0], str)
    return is_pair and isinstance(value[1], dict) and isinstance(value[1].get("entities"), list)


def _to_mentions(value: Any) -> list[RawMention] | None:
    """Return the entities of a pair; None if it is none."""
    if not _is_pair(value):
        return None
    mentions = []
    for entity in value[1]["entities"]:
        if not isinstance(entity, list) or [type(each) for each in entity[:_TRIPLE]] != [int, int, str]:
            return None
        mentions.append(RawMention(*entity[:_TRIPLE]))
    return mentions


def write_pairs(documents: Iterable[Document], file: Path) -> None:
    """Write reports as pairs of a text and its entities."""
    write_array(
        ([each.text, {"entities": [[m.start, m.end, m.label] for m in each.mentions]}] for each in documents), file
    )


def _detect(sample: Sample) -> str | None:
    trees = sum(map(_is_tree, sample.records))
    is_ours = trees and trees >= _MIN_SHARE * len(sample.records)
    return "records with `paragraphs` of `sentences` and `tokens`" if is_ours else None


def _detect_pairs(sample: Sample) -> str | None:
    records = unwrap(sample.records)
    records = [records] if _is_pair(records) else records  # one pair alone in the file
    pairs = sum(_is_pair(each) or each is None for each in records)
    is_ours = any(map(_is_pair, records)) and pairs >= _MIN_SHARE * len(records)
    return "pairs of a text and its `entities`" if is_ours else None


FORMAT = Format(
    name="spacy-json",
    title="spaCy 2 JSON",
    suffixes=(".json", ".jsonl"),
    detect=_detect,
    read=read,
    write=write,
    carries=EVERYTHING - {Feature.NESTED, Feature.METADATA},
    options=frozenset({"scheme"}),
)
PAIRS = Format(
    name="spacy-pairs",
    title="spaCy's pairs of text and entities",
    suffixes=(".json", ".jsonl"),
    detect=_detect_pairs,
    read=read_pairs,
    write=write_pairs,
    carries=EVERYTHING - {Feature.IDS, Feature.METADATA},
)
