"""Strict metrics of parts of the data, which show where a model is good and where it is not.

A slice of documents (a theatre, a genre, reports in capitals) holds their mentions. A slice of
mentions (of one length, seen in training or not) holds the gold mentions and the predictions that
have the property; a correct prediction is the same span as its gold mention, so the counts agree.

>>> from conflict_ner.data.document import Mention
>>> documents = [Document("r", "REBELS LEFT.", (), {"theatre": "Kivu"}), Document("s", "Rebels left.", (), {})]
>>> slices(documents, [[], []], ["theatre"])["theatre"].keys()
dict_keys(['(none)', 'Kivu'])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document, Span
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.matching import CORRECT, Pair
from conflict_ner.evaluation.scores import Metrics
from conflict_ner.evaluation.seen_mentions import SeenMentions

_LENGTHS = ("1 word", "2 words", "3-4 words", "5 words or more")
_MAX_VALUES = 20  # a field with more values is free text, not a category
_CAPITALS = 0.6  # a text with a larger share of upper-case letters is in capitals
_NONE = "(none)"
_SEEN, _UNSEEN = "seen", "unseen"
# The slicings that are not by a field; a field with one of these names would be confused with it.
BUILT_IN = (
    "mention length",
    "seen in training",
    "seen in training (lower-cased)",
    "report seen in training",
    "capitals",
)


class Slice(BaseModel):
    """A part of the data: the number of its documents and its strict metrics."""

    model_config = ConfigDict(frozen=True)

    documents: int
    strict: Metrics


def slices(
    documents: Sequence[Document],
    pairs: Sequence[Sequence[Pair]],
    fields: Sequence[str] | None = None,
    seen: SeenMentions | None = None,
) -> Mapping[str, Mapping[str, Slice]]:
    """Compute all slices, by field or built-in property, then by value.

    Args:
        pairs: of each document, from `matching.align`.
        fields: metadata fields to slice by; None takes all that have from 2 to 20 values.
        seen: the mentions and texts of training; without it there are no seen and unseen slices.

    Raises:
        DataError: if no document has one of the fields, or a field has the name of a built-in slice.
    """
    check_fields(fields or (), documents)
    fields = _default_fields(documents) if fields is None else fields
    result = {
        name: _document_slices(values, pairs) for name, values in _document_values(documents, fields, seen).items()
    }
    for name, value_of in _mention_properties(seen).items():
        counts = _mention_counts(documents, pairs, value_of)
        order = [value for value in (*_LENGTHS, _SEEN, _UNSEEN) if value in counts]
        result[name] = {value: _slice(counts[value]) for value in order}
    return result


def check_fields(fields: Sequence[str], documents: Sequence[Document]) -> None:
    """Raise if no document has one of the fields to slice by, or a field has the name of a built-in slice.

    Raises:
        DataError: naming the fields that exist.
    """
    known = dict.fromkeys(field for document in documents for field in document.metadata)
    fix = f"the fields are {', '.join(known)}" if known else "the reports have no metadata"
    problems = [Problem("--slice", f"no report has the field {field!r}", fix) for field in fields if field not in known]
    problems += [
        Problem("--slice", f"{field!r} is the name of a built-in slice", "rename the field")
        for field in fields
        if field in known and field in BUILT_IN
    ]
    if problems:
        raise DataError(problems)


def _default_fields(documents: Sequence[Document]) -> list[str]:
    values: dict[str, set[str]] = {}
    for document in documents:
        for field in document.metadata:
            values.setdefault(field, set()).add(document.metadata_text(field) or _NONE)
    return [field for field, distinct in values.items() if 1 < len(distinct) <= _MAX_VALUES and field not in BUILT_IN]


def _document_values(
    documents: Sequence[Document], fields: Sequence[str], seen: SeenMentions | None
) -> dict[str, list[str]]:
    """Map each field or property of documents to its value in each document."""
    values = {field: [document.metadata_text(field) or _NONE for document in documents] for field in fields}
    values["capitals"] = ["capitals" if is_in_capitals(document.text) else "mixed case" for document in documents]
    if seen:
        values["report seen in training"] = [_SEEN if seen.knows_text(d.text) else _UNSEEN for d in documents]
    return values


def _mention_properties(seen: SeenMentions | None) -> dict[str, Callable[[str, str], str]]:
    """Map each property of mentions to a function that returns its value from a mention's label and text."""
    functions: dict[str, Callable[[str, str], str]] = {"mention length": lambda _, text: _length(text)}
    if seen:
        functions["seen in training"] = lambda label, text: _SEEN if seen.knows(label, text) else _UNSEEN
        functions["seen in training (lower-cased)"] = lambda label, text: (
            _SEEN if seen.knows_lower(label, text) else _UNSEEN
        )
    return functions


def is_in_capitals(text: str) -> bool:
    """Whether a text is written in capitals, as cables and old wire reports are."""
    upper = sum(character.isupper() for character in text)
    lower = sum(character.islower() for character in text)
    return upper > _CAPITALS * (upper + lower)


def _length(text: str) -> str:
    words = len(text.split())
    return _LENGTHS[min(words, 3) - 1 if words <= 4 else 3]  # noqa: PLR2004 - see _LENGTHS


def _document_slices(values: Sequence[str], pairs: Sequence[Sequence[Pair]]) -> dict[str, Slice]:
    counts = np.zeros((len(pairs), 3), np.int64)
    for row, document_pairs in zip(counts, pairs, strict=True):
        for column, _ in _counted_spans(document_pairs):
            row[column] += 1
    value_of = np.array(values)
    return {value: _slice(counts[value_of == value]) for value in sorted(set(values))}


def _mention_counts(
    documents: Sequence[Document], pairs: Sequence[Sequence[Pair]], value_of: Callable[[str, str], str]
) -> dict[str, np.ndarray]:
    """Count the mentions with each value of a property; shape (documents that have any, 3)."""
    rows: dict[str, dict[int, list[int]]] = {}
    for index, (document, document_pairs) in enumerate(zip(documents, pairs, strict=True)):
        for column, span in _counted_spans(document_pairs):
            value = value_of(span.label, document.slice(span))
            rows.setdefault(value, {}).setdefault(index, [0, 0, 0])[column] += 1
    return {value: np.array(list(counts.values()), np.int64) for value, counts in rows.items()}


def _counted_spans(pairs: Sequence[Pair]) -> Iterator[tuple[int, Span]]:
    """Yield each span with the column that it counts in: 0 correct, 1 predicted, 2 gold."""
    for pair in pairs:
        if pair.kind == CORRECT and pair.gold:
            yield 0, pair.gold
        if pair.predicted:
            yield 1, pair.predicted
        if pair.gold:
            yield 2, pair.gold


def _slice(counts: np.ndarray) -> Slice:
    return Slice(documents=len(counts), strict=Metrics.of(counts))
