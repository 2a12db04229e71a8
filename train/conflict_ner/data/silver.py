"""Silver reports: reports that a model has labeled, and whose labels nobody has read.

A report says so in its header, `labels: silver`. A model may learn from such reports, but must not be scored on
them: it would be compared with another model and not with what a reader sees in the text. So they are never drawn for
validation or a fold, and are counted apart.

>>> report = as_silver(Document("r1", "Rebels left."), [Mention(0, 6, "ACTOR")])
>>> report.mentions, is_silver(report), is_silver(Document("r2", "Rebels left."))
((Mention(start=0, end=6, label='ACTOR'),), True, False)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from conflict_ner.data.document import Document, Mention, Span
from conflict_ner.errors import DataError, Problem

_KEY, _SILVER = "labels", "silver"


def is_silver(document: Document) -> bool:
    """Return whether a report's header says that a model has labeled it, in any case: it may be typed by hand."""
    mark = document.metadata.get(_KEY)
    marks = mark if isinstance(mark, list) else [mark]
    return any(isinstance(each, str) and each.strip().casefold() == _SILVER for each in marks)


def as_silver(document: Document, spans: Iterable[Span]) -> Document:
    """Return a report with these spans as its mentions, and the mark that a model has found them."""
    mentions = tuple(Mention(span.start, span.end, span.label) for span in spans)
    return replace(document, mentions=mentions, metadata={**document.metadata, _KEY: _SILVER}, places=())


def divide_gold_and_silver(documents: Iterable[Document]) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
    """Return the reports that were labeled by reading and those that a model has labeled, each in their order."""
    gold: list[Document] = []
    silver: list[Document] = []
    for document in documents:
        (silver if is_silver(document) else gold).append(document)
    return tuple(gold), tuple(silver)


def refuse_silver(where: str, documents: Sequence[Document], fix: str) -> None:
    """Refuse to score a model on silver reports.

    Args:
        where: the data, for the message.
        fix: what the user can do about it.

    Raises:
        DataError: if there are any; it names the first.
    """
    _, silver = divide_gold_and_silver(documents)
    if silver:
        verb = "was" if len(silver) == 1 else "were"
        count = f"{len(silver):,} of the {len(documents):,} reports" if len(documents) > 1 else "the only report"
        what = f"{count} {verb} labeled by a model (`labels: silver`), first {silver[0].id!r} ({silver[0].origin})"
        raise DataError([Problem(where, what, fix)])
