"""Turns a tagged report into one row of an event table: who, by what means, where, and how many casualties.

Figures of one kind in a report are summed, each group of people once. Three rules, in this order, say what counts twice:

part: a figure that the words call a part of another ("19 dead, including three children", "five of them") is left out.
repeat: a figure that the report has given before is left out, unless both stand in one sentence, as in a list.
largest: if the words give a total ("bringing the toll to 31", "12 in all"), the largest figure stands for all.

Low is the sum of the lower bounds: the figure itself where the words give no bound ("about 60"), 0 where they leave that
side open ("up to 15"). High is the sum of the upper bounds, None if one is open ("at least 19"). Value is the sum of the
stated figures; a range or a vague word adds its lower end, the most conservative estimate, as ACLED codes it.

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

from conflict_ner.data.document import Entity
from conflict_ner.values import Quantity, parse_number

CASUALTIES = ("killed", "injured", "detained", "displaced")

_SENTENCE = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=[A-Z0-9'\"(\[])|\n+")
# Before or after a figure that is a part of another one.
_PART_BEFORE = re.compile(
    r"\b(?:includ(?:ing|ed|es)|among (?:them|those|these|the dead|the wounded)|amongst them|of (?:them|whom|these|those)|"
    r"other(?:s)? being|comprising|namely)\b[^.;:]*$",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(r"^\s*(?:\w+\s+){0,2}?(?:of|among) (?:them|whom|these|those|the (?:dead|wounded|injured|killed|detained|arrested|hostages))\b", re.IGNORECASE)
_TOTAL_BEFORE = re.compile(
    r"\b(?:toll|total|tally|bring(?:s|ing)|brought|altogether|in all|overall|now (?:stands?|stood) at|ris(?:en|es|ing) to|rose to)\b[^.;]{0,60}$",
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


def total_of(text: str, figures: Sequence[Entity]) -> Total:
    """Return the total of a report's figures of one kind; entities without a value, or with a unit, are left out."""
    counted = [(e, e.value) for e in figures if e.value is not None and e.value.unit is None]
    if not counted:
        return Total()
    breaks = [match.end() for match in _SENTENCE.finditer(text)]
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
        tuple(entity.text for entity, _, _ in kept),
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
    figure = next(f for f in (quantity.value, quantity.low, quantity.high) if f is not None)
    return figure


def _low(quantity: Quantity) -> float:
    if quantity.low is not None:
        return quantity.low
    return 0 if quantity.high is not None and not quantity.approximate else _best(quantity)


def _high(quantity: Quantity) -> float | None:
    if quantity.high is None and quantity.low is None:
        return quantity.value
    return quantity.high
