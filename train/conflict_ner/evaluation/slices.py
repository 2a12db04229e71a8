"""Where a model is good and where not: the figures of parts of the data.

A slice of documents (a theatre, a genre, reports in capitals) holds their mentions. A slice of
mentions (their length, whether training has seen them) holds the gold mentions that are so and
the predictions that are so; a correct prediction is the same span, so the counts agree.

>>> from conflict_ner.data.document import Mention
>>> documents = [Document("r", "REBELS LEFT.", (), {"theatre": "Kivu"}), Document("s", "Rebels left.", (), {})]
>>> list(of_documents(documents, ["theatre"], None))
['theatre', 'capitals']
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from conflict_ner.data.document import Document, Span
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.matching import CORRECT, Pair
from conflict_ner.evaluation.scores import Figures
from conflict_ner.evaluation.seen_mentions import SeenMentions

LENGTHS = ("1 word", "2 words", "3-4 words", "5 words or more")
_MOST_VALUES = 20  # a field with more values is a text, not a kind
_CAPITALS = 0.6  # share of upper-case letters from which on a text is in capitals
_NONE = "(none)"
SEEN, UNSEEN = "seen", "unseen"
# Slicings that are not of a field; a field of such a name would be taken for them.
OURS = ("mention length", "seen in training", "seen in training (lower-cased)", "report seen in training", "capitals")


class Slice(BaseModel):
    """A part of the data: the documents that have any of it, and its strict figures."""

    model_config = ConfigDict(frozen=True)

    documents: int
    strict: Figures


Slices = Mapping[str, Mapping[str, Slice]]


def slices(
    documents: Sequence[Document],
    pairs: Sequence[Sequence[Pair]],
    fields: Sequence[str] | None = None,
    seen: SeenMentions | None = None,
) -> Slices:
    """All slices: a field, its values, their figures.

    Args:
        pairs: of each document, from `matching.align`.
        fields: metadata fields to slice by; None takes all that have from 2 to 20 values.
        seen: what training has seen; without it there is no telling seen from unseen.

    Raises:
        DataError: if no document has a field that is named.
    """
    check_fields(fields or (), documents)
    fields = _usual_fields(documents) if fields is None else fields
    found = {name: _sliced(values, pairs) for name, values in of_documents(documents, fields, seen).items()}
    for name, value_of in of_mentions(seen).items():
        counts = _mention_counts(documents, pairs, value_of)
        order = [value for value in (*LENGTHS, SEEN, UNSEEN) if value in counts]
        found[name] = {value: _slice(counts[value]) for value in order}
    return found


def of_documents(
    documents: Sequence[Document], fields: Sequence[str], seen: SeenMentions | None
) -> dict[str, list[str]]:
    """A name of a slicing and the value that each document has in it."""
    values = {field: [document.metadata_text(field) or _NONE for document in documents] for field in fields}
    values["capitals"] = ["capitals" if in_capitals(document.text) else "mixed case" for document in documents]
    if seen:
        values["report seen in training"] = [SEEN if seen.knows_text(d.text) else UNSEEN for d in documents]
    return values


def of_mentions(seen: SeenMentions | None) -> dict[str, Callable[[str, str], str]]:
    """A name of a slicing and what gives a mention's value in it, from its label and text."""
    ways: dict[str, Callable[[str, str], str]] = {"mention length": lambda _, text: _length(text)}
    if seen:
        ways["seen in training"] = lambda label, text: SEEN if seen.knows(label, text) else UNSEEN
        ways["seen in training (lower-cased)"] = lambda label, text: SEEN if seen.knows_lower(label, text) else UNSEEN
    return ways


def in_capitals(text: str) -> bool:
    """Whether a text is written in capitals, as cables and old wire reports are."""
    upper = sum(character.isupper() for character in text)
    lower = sum(character.islower() for character in text)
    return upper > _CAPITALS * (upper + lower)


def strict_counts(pairs: Sequence[Pair]) -> tuple[int, int, int]:
    """Correct, predicted and gold mentions among the pairs of a document."""
    return (
        sum(pair.kind == CORRECT for pair in pairs),
        sum(pair.predicted is not None for pair in pairs),
        sum(pair.gold is not None for pair in pairs),
    )


def _usual_fields(documents: Sequence[Document]) -> list[str]:
    values: dict[str, set[str]] = {}
    for document in documents:
        for field in document.metadata:
            values.setdefault(field, set()).add(document.metadata_text(field) or _NONE)
    return [field for field, found in values.items() if 1 < len(found) <= _MOST_VALUES and field not in OURS]


def check_fields(fields: Sequence[str], documents: Sequence[Document]) -> None:
    """Raise if a field to slice by is in no document, or has the name of a slice that is there anyway.

    Raises:
        DataError: naming the fields that there are.
    """
    known = dict.fromkeys(field for document in documents for field in document.metadata)
    there = f"the fields are {', '.join(known)}" if known else "the reports have no metadata"
    problems = [
        Problem("--slice", f"no report has the field {field!r}", there) for field in fields if field not in known
    ]
    problems += [
        Problem("--slice", f"{field!r} is the name of a slice that is always there", "rename the field")
        for field in fields
        if field in known and field in OURS
    ]
    if problems:
        raise DataError(problems)


def _sliced(values: Sequence[str], pairs: Sequence[Sequence[Pair]]) -> dict[str, Slice]:
    counts = np.array([strict_counts(each) for each in pairs], np.int64).reshape(-1, 3)
    column = np.array(values)
    return {value: _slice(counts[column == value]) for value in sorted(set(values))}


def _slice(counts: np.ndarray) -> Slice:
    return Slice(documents=len(counts), strict=Figures.of(counts))


def _mention_counts(
    documents: Sequence[Document], pairs: Sequence[Sequence[Pair]], value_of: Callable[[str, str], str]
) -> dict[str, np.ndarray]:
    """A value and its counts, shape (documents that have any, 3)."""
    rows: dict[str, dict[int, list[int]]] = {}
    for index, (document, each) in enumerate(zip(documents, pairs, strict=True)):
        for column, span in _counted(each):
            value = value_of(span.label, document.slice(span))
            rows.setdefault(value, {}).setdefault(index, [0, 0, 0])[column] += 1
    return {value: np.array(list(counted.values()), np.int64) for value, counted in rows.items()}


def _counted(pairs: Sequence[Pair]) -> Iterator[tuple[int, Span]]:
    """Each span with the column that it counts in: correct, predicted, gold."""
    for pair in pairs:
        if pair.kind == CORRECT and pair.gold:
            yield 0, pair.gold
        if pair.predicted:
            yield 1, pair.predicted
        if pair.gold:
            yield 2, pair.gold


def _length(text: str) -> str:
    words = len(text.split())
    return LENGTHS[min(words, 3) - 1 if words <= 4 else 3]  # noqa: PLR2004 - see LENGTHS
