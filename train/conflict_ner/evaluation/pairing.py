"""Two readings of the same reports: brought into one order, or what differs is said.

>>> one, two = [Document("a", "Rebels left."), Document("b", "Police came.")], [Document("b", "Police went.")]
>>> for problem in differences(one, two, "label the same reports"):
...     print(problem.what)
report 'a' stands only here
report 'b' has another text than at , from 'went.' on
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conflict_ner.data.document import Document
from conflict_ner.errors import Problem


def in_order_of(first: Sequence[Document], second: Sequence[Document]) -> list[int]:
    """For each document of `first` the index of its namesake in `second`."""
    index = {document.id: k for k, document in enumerate(second)}
    return [index[document.id] for document in first]


def differences(
    first: Sequence[Document], second: Sequence[Document], fix: str, *, gold: bool = False
) -> Iterator[Problem]:
    """What keeps two sets of documents from being the same, whatever their order, in the order of `first`.

    Args:
        fix: how the user makes them the same.
        gold: whether the mentions must be the same, too.
    """
    here, there = ({document.id: document for document in side} for side in (first, second))
    for document in (*first, *second):
        if document.id not in here or document.id not in there:
            yield Problem(document.origin, f"report {document.id!r} stands only here", fix, kind="only here")
    for document in first:
        other = there.get(document.id, document)
        fault = _other_text(document.text, other.text)
        if fault:
            what = f"report {document.id!r} has another text than at {document.origin}, {fault}"
            yield Problem(other.origin, what, fix, kind="another text")
        elif gold and document.mentions != other.mentions:
            yield Problem(other.origin, _other_gold(document, other), fix, kind="other gold")


def _other_text(one: str, two: str) -> str:
    if one == two:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    return f"from {two[at : at + 20]!r} on"


def _other_gold(one: Document, two: Document) -> str:
    first = min(set(one.mentions) ^ set(two.mentions))
    where = "only there" if first in one.mentions else "only here"
    what = f"report {two.id!r} has other gold mentions than at {one.origin}"
    return f"{what}: {one.slice(first)!r} ({first.label}, {first.start}:{first.end}) stands {where}"
