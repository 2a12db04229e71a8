"""Labels of two levels: `NUMBER.killed` is a NUMBER that counts people killed.

Labeled data is as deep as its annotators made it; a list of labels says how deep a run reads it. Each mention gets
the most specific label of the list that is its own label or one above it:

>>> resolve_label("NUMBER.killed", ["ACTOR", "NUMBER"]), resolve_label("NUMBER.killed", ["NUMBER", "NUMBER.killed"])
('NUMBER', 'NUMBER.killed')
>>> resolve_label("NUMBER", ["NUMBER.killed", "NUMBER.other"]) is None  # nobody has read what it counts
True
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import Problem

SEPARATOR = "."
NUMBER, WEAPON = "NUMBER", "WEAPON"  # the labels of numbers and of weapons, unless a config names others
# What a NUMBER may count, by data/guidelines.md.
NUMBER_KINDS = ("killed", "injured", "detained", "displaced", "missing", "forces", "arms", "money", "other")


def first_level(label: str) -> str:
    """Return a label without its second level.

    >>> first_level("NUMBER.killed"), first_level("ACTOR")
    ('NUMBER', 'ACTOR')
    """
    return label.partition(SEPARATOR)[0] or label


def second_level(label: str) -> str | None:
    """Return what follows a label's first separator; None if nothing does.

    >>> second_level("NUMBER.killed"), second_level("ACTOR")
    ('killed', None)
    """
    return label.partition(SEPARATOR)[2] or None


def first_levels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the different first levels of labels, in the order in which they first occur."""
    return tuple(dict.fromkeys(map(first_level, labels)))


def kinds_below(label: str, labels: Iterable[str]) -> list[str]:
    """Return the labels that are kinds of `label`.

    >>> kinds_below("NUMBER", ["ACTOR", "NUMBER.killed", "NUMBER.other"])
    ['NUMBER.killed', 'NUMBER.other']
    """
    return [other for other in labels if other.startswith(label + SEPARATOR)]


def labels_with_kinds(documents: Iterable[Document], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that occur in documents and are one of `labels` or a kind of one; `labels` if none occurs.

    They are in the order of `labels`, kinds of NUMBER in that of the guidelines and others in alphabetical order.

    >>> report = Document("r", "Two rebels died", (Mention(0, 3, "NUMBER.killed"), Mention(4, 10, "ACTOR")))
    >>> labels_with_kinds([report], ["ACTOR", "WEAPON", "NUMBER"])
    ('ACTOR', 'NUMBER.killed')
    """
    found = {mention.label for document in documents for mention in document.mentions}
    order = [f"NUMBER{SEPARATOR}{kind}" for kind in NUMBER_KINDS]
    by_label = {label: [name for name in found if resolve_label(name, labels) == label] for label in labels}
    names = [
        name
        for kinds in by_label.values()
        for name in sorted(kinds, key=lambda name: (order.index(name) if name in order else -1, name))
    ]
    return tuple(names or labels)


def value_label_problems(labels: Sequence[str], number: str | None, weapon: str | None) -> list[Problem]:
    """Find what is wrong with the labels that a config names for numbers and weapons (`values`).

    Args:
        number, weapon: the label of each; None stands for NUMBER and WEAPON, which need not be among the labels.
    """
    known = {*labels, *first_levels(labels)}
    problems = [
        Problem(f"values.{role}", f"no label {label!r}", f"the labels are {', '.join(labels)}")
        for role, label in (("number", number), ("weapon", weapon))
        if label is not None and label not in known
    ]
    if (number or NUMBER) == (weapon or WEAPON):
        what = f"{number or NUMBER} is the label of both numbers and weapons"
        problems.append(Problem("values", what, "give values.number and values.weapon two labels"))
    return problems


def resolve_label(label: str, labels: Iterable[str]) -> str | None:
    """Return the most specific of `labels` that is `label` or a level above it; None if there is none."""
    return _resolve(label, frozenset(labels))


@lru_cache(maxsize=4096)
def _resolve(label: str, labels: frozenset[str]) -> str | None:
    while label not in labels:
        label, separator, _ = label.rpartition(SEPARATOR)
        if not separator:
            return None
    return label


def resolve_labels(documents: Iterable[Document], labels: Sequence[str]) -> tuple[Document, ...]:
    """Return documents in which every mention's label is one of `labels`; a document without others is unchanged.

    Raises:
        ValueError: if the label of a mention is neither one of `labels` nor a kind of one.
    """
    known = frozenset(labels)
    names: dict[str, str] = {}
    return tuple(_resolve_document(document, known, names) for document in documents)


def _resolve_document(document: Document, labels: frozenset[str], names: dict[str, str]) -> Document:
    for mention in document.mentions:
        if mention.label not in names:
            resolved = _resolve(mention.label, labels)
            if resolved is None:
                raise ValueError(f"{document.id!r} has the label {mention.label!r}, not one of {', '.join(labels)}")
            names[mention.label] = resolved
    if all(names[mention.label] == mention.label for mention in document.mentions):
        return document
    mentions = tuple(Mention(mention.start, mention.end, names[mention.label]) for mention in document.mentions)
    return replace(document, mentions=mentions)


def is_first_level_only(documents: Iterable[Document], labels: Iterable[str]) -> bool:
    """Return whether documents have mentions of a label that `labels` has only kinds of, and none with a kind.

    >>> plain = Document("r", "Two died", (Mention(0, 3, "NUMBER"),))
    >>> is_first_level_only([plain], ["ACTOR", "NUMBER.killed"]), is_first_level_only([plain], ["ACTOR", "NUMBER"])
    (True, False)
    """
    names = frozenset(labels)
    families = {first_level(label) for label in names} - names
    found = {mention.label for document in documents for mention in document.mentions}
    return bool(found & families) and not any(
        label not in families and first_level(label) in families for label in found
    )
