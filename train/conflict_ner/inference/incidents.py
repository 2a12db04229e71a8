"""Turns a tagged report into one row of an event table: who, by what means, where, and how many casualties.

The figures of one kind in a report are summed, each group of people once. What counts twice is left out; `rule` says
which of these decided, and `parts` has the words that count:

part: the words call a figure a part of another ("19 dead, including three children", "five of them"), or figures add
    up to the one before or after them.
repeat: the report has given the figure before, in another sentence.
largest: the words give a total ("bringing the toll to 31", "12 in all"): the largest figure stands for all.
sum, single: none of these; several figures, or one.

Low is the sum of the lower bounds: the figure itself where the words give no bound ("about 60"), 0 where they leave
that side open ("up to 15"). High is the sum of the upper bounds, None if one is open ("at least 19"). Value is the sum
of the stated figures; a range or a vague word adds its lower end, the most conservative estimate, as ACLED codes it.

>>> from conflict_ner.values import parse_number
>>> text = "At least 19 people died, including 3 children; 4 died later."
>>> def killed(words):
...     start = text.index(words)
...     return Entity("NUMBER.killed", words, start, start + len(words), 0.9, parse_number(words), "killed")
>>> total_of(text, [killed("At least 19"), killed("3"), killed("4")])
Total(low=23, value=23, high=None, rule='part', parts=('At least 19', '4'))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from conflict_ner.data.document import Entity
from conflict_ner.data.label_levels import first_level, first_levels
from conflict_ner.inference.mention_values import ValueReader
from conflict_ner.values import Quantity

CASUALTIES = ("killed", "injured", "detained", "displaced")
_COLUMNS = {"ACTOR": "actors", "WEAPON": "weapons", "LOCATION": "locations"}  # others are called as their label

_SENTENCE_END = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=[A-Z0-9'\"(\[])|\n+")
_PEOPLE = "them|whom|which|the (?:dead|killed|wounded|injured|detained|arrested|hostages)"
# Words around a figure, in its sentence, that make it a part of one before.
_PART_BEFORE = re.compile(
    rf"\bincl(?:\.|uding|uded|udes)?\b[^.;:]{{0,25}}$|\bamong(?:st)? (?:{_PEOPLE})\b[^.;:]{{0,25}}$"
    rf"|^\W*(?:of|among) (?:{_PEOPLE}|the \w+|those)\b",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(rf"^\s*(?:\w+\s+){{0,2}}?(?:of|among) (?:{_PEOPLE})\b", re.IGNORECASE)
# Words before and after a figure that make it a total.
_TOTAL_BEFORE = re.compile(
    r"\b(?:toll|total|tally|altogether|overall|in all|br(?:ing|ings|inging|ought)|(?:risen|rises|rising|rose) to)\b"
    r"[^.;]{0,60}$|\ball $",
    re.IGNORECASE,
)
_TOTAL_AFTER = re.compile(r"^[^.;,]{0,25}\b(?:in all|in total|altogether|all told)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Total:
    """How many people of one kind a report speaks of.

    low, value, high: None where the words leave it open, or nothing is known.
    rule: what decided: `single` figure, `sum`, `part`, `repeat` or `largest`; None if the report has no such figure.
    parts: the words of the figures that count, in order.
    """

    low: float | None = None
    value: float | None = None
    high: float | None = None
    rule: str | None = None
    parts: tuple[str, ...] = ()


def incident_columns(labels: Iterable[str], reader: ValueReader) -> dict[str, Literal["float", "text"]]:
    """Return the columns of an incident, in order, and whether they hold numbers or text."""
    columns: dict[str, Literal["float", "text"]] = {}
    for label in first_levels(labels):
        if not reader.is_number(label):
            columns[_column(label)] = "text"
        if reader.is_weapon(label):
            columns["weapon_kinds"] = "text"
    for kind in CASUALTIES:
        columns |= {f"{kind}_low": "float", f"{kind}_value": "float", f"{kind}_high": "float"}
        columns |= {f"{kind}_rule": "text", f"{kind}_parts": "text"}
    return columns


def incident_row(
    text: str, entities: Sequence[Entity], labels: Iterable[str], reader: ValueReader
) -> dict[str, float | str | None]:
    """Return a tagged report as a row of an event table: the columns of `incident_columns`.

    Mentions of a label are joined by `; `, in order and without repeats.

    Args:
        entities: with their values filled in.
    """
    row: dict[str, float | str | None] = {}
    for label in first_levels(labels):
        mentions = [entity for entity in entities if first_level(entity.label) == label]
        if not reader.is_number(label):
            row[_column(label)] = _join(" ".join(entity.text.split()) for entity in mentions)
        if reader.is_weapon(label):
            row["weapon_kinds"] = _join(entity.kind for entity in mentions if entity.kind)
    numbers = [entity for entity in entities if reader.is_number(entity.label)]
    for kind in CASUALTIES:
        total = total_of(text, [entity for entity in numbers if entity.kind == kind])
        row |= {f"{kind}_low": total.low, f"{kind}_value": total.value, f"{kind}_high": total.high}
        row |= {f"{kind}_rule": total.rule, f"{kind}_parts": _join(total.parts, repeats=True)}
    return row


def _column(label: str) -> str:
    return _COLUMNS.get(label, label.lower())


def _join(words: Iterable[str], *, repeats: bool = False) -> str | None:
    """Join words by `; `; None if there are none."""
    words = list(words)
    return "; ".join(words if repeats else dict.fromkeys(words)) or None


def total_of(text: str, figures: Sequence[Entity]) -> Total:
    """Return the total of a report's figures of one kind; entities without a value, or with a unit, are left out."""
    counted = [(e, e.value) for e in figures if e.value is not None and e.value.unit is None]
    if not counted:
        return Total()
    breaks = [match.end() for match in _SENTENCE_END.finditer(text)]
    kept: list[tuple[Entity, Quantity, int]] = []
    rules = set()
    for entity, quantity in counted:
        sentence = sum(end <= entity.start for end in breaks)
        start = breaks[sentence - 1] if sentence else 0
        end = breaks[sentence] if sentence < len(breaks) else len(text)
        before, after = text[start : entity.start], text[entity.end : end]
        if kept and (_PART_BEFORE.search(before) or _PART_AFTER.search(after)):
            rules.add("part")
        elif any(_figures(quantity) == _figures(other) and sentence != n for _, other, n in kept):
            rules.add("repeat")
        elif kept and (_TOTAL_BEFORE.search(before) or _TOTAL_AFTER.search(after)):
            rules.add("largest")
            kept.append((entity, quantity, sentence))
        else:
            kept.append((entity, quantity, sentence))
    if without_parts := _without_parts(kept):
        rules.add("part")
        kept = without_parts
    if "largest" in rules:
        kept = [max(kept, key=lambda item: _best(item[1]))]
    rule = next((name for name in ("largest", "part", "repeat") if name in rules), "sum" if len(kept) > 1 else "single")
    quantities = [quantity for _, quantity, _ in kept]
    highs = [_high(quantity) for quantity in quantities]
    return Total(
        sum(map(_low, quantities)),
        sum(map(_best, quantities)),
        None if None in highs else sum(high for high in highs if high is not None),
        rule,
        tuple(" ".join(entity.text.split()) for entity, _, _ in kept),
    )


def _without_parts(kept: list[tuple[Entity, Quantity, int]]) -> list[tuple[Entity, Quantity, int]]:
    """Return the figures without those that add up to the one before or after them; empty if none do."""
    figures = [_best(quantity) for _, quantity, _ in kept]
    for first in range(len(figures)):
        for last in range(first + 2, len(figures) + 1):
            total = sum(figures[first:last])
            if total and ((first and figures[first - 1] == total) or figures[last : last + 1] == [total]):
                return kept[:first] + kept[last:]
    return []


def _figures(quantity: Quantity) -> tuple[float | None, float | None]:
    return _best(quantity), quantity.high


def _best(quantity: Quantity) -> float:
    return next(f for f in (quantity.value, quantity.low, quantity.high) if f is not None)


def _low(quantity: Quantity) -> float:
    if quantity.low is not None:
        return quantity.low
    return 0 if quantity.high is not None and not quantity.approximate else _best(quantity)


def _high(quantity: Quantity) -> float | None:
    if quantity.high is None and quantity.low is None:
        return quantity.value
    return quantity.high
