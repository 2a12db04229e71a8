"""Turns a tagged report into one row of an event table: who, by what means, where, and how many casualties.

The figures of one kind in a report are summed, each group of people once. What counts twice is left out; `rule` says
which of these decided, and `parts` has the words that count:

part: the words call a figure a part of another ("19 dead, including three children", "five of the 12"), or figures add
    up to the one before or after them (from 10 up; smaller ones do by chance).
repeat: the report has given the figure before, in another sentence (from 10 up, or as "the three"), or gives an old
    one ("up from 26").
largest: the words give a total ("bringing the toll to 31", "12 in all"): the largest figure stands for all.
sum, single: none of these; several figures, or one. unread: there are figures, and none can be read.

Low is the sum of the lower bounds: the figure itself where the words give no bound at all ("about 60"), 0 where they
give only an upper one ("up to 15", "nearly 100"). High is the sum of the upper bounds, None if one is open ("at least
19"). Value is the sum of the stated figures; a range or a vague word adds its lower end, the most conservative
estimate, as ACLED codes it. A figure that cannot be read adds nothing and is named among the parts.

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
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import regex

from conflict_ner.data.document import Entity
from conflict_ner.data.label_levels import first_level, first_levels
from conflict_ner.inference.mention_values import ValueReader
from conflict_ner.values import Quantity

CASUALTIES = ("killed", "injured", "detained", "displaced")
_COLUMNS = {"ACTOR": "actors", "WEAPON": "weapons", "LOCATION": "locations"}  # others are called as their label

# Words whose period ends no sentence: titles and ranks, months, what stands before a number or a name.
_ABBREVIATIONS = (
    "adm|brig|capt|cmdr|col|cpl|cdr|dr|gen|gov|hon|lt|maj|mr|mrs|ms|pres|prof|pvt|rep|rev|sen|sgt|jan|feb|mar|apr|jun|jul|"
    "aug|sept?|oct|nov|dec|approx|dist|e\\.g|est|ft|i\\.e|inc|incl|mt|no|nos|nr|prov|resp|st|vs"
)
# A single capital is an initial, or the end of U.S.
_SENTENCE_END = regex.compile(rf"(?<=[.!?])(?<!\b(?:(?i:{_ABBREVIATIONS})|[A-Z])\.)['\")\]]*\s+(?=[A-Z0-9'\"(\[])|\n+")
_PEOPLE = "them|whom|which|the (?:dead|killed|wounded|injured|detained|arrested|hostages)"
# Words around a figure, in its sentence, that make it a part of another one.
_PART_BEFORE = re.compile(
    rf"\b(?:incl|including|included|includes?|among(?:st)? (?:{_PEOPLE}))\b(?:(?!, and )[^;:]){{0,60}}$"
    rf"|^\W*(?:of|among) (?:{_PEOPLE}|the \w+|those)\b",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(rf"^\s*(?:\w+\s+){{0,2}}?(?:of|among) (?:{_PEOPLE})\b", re.IGNORECASE)
_OF_THE_NEXT = re.compile(r"\s+(?:out )?of (?:the |these |those )?", re.IGNORECASE)
# Words before (since the last figure) and after a figure that make it a total; that refer to one; that name an old one.
_TOTAL_BEFORE = re.compile(
    r"\b(?:toll|total|tally|altogether|in all|br(?:ing|ings|inging|ought)\b[^.;,]{0,40}\bto"
    r"|(?:risen|rises|rising|rose) to)\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_TOTAL_AFTER = re.compile(r"^[^.;,]{0,25}\b(?:in all|in total|altogether|all told)\b", re.IGNORECASE)
_REFERENCE = re.compile(r"\b(?:the|all|both|these|those)\s+$", re.IGNORECASE)
_EARLIER = re.compile(
    r"\b(?:(?:up|down) from|previous(?:ly)?|earlier (?:reports?|counts?|tolls?|figures?)(?: of| had)?)\s+$",
    re.IGNORECASE,
)
# Words before a figure that has changed to another, and between the two.
_CHANGED_FROM = re.compile(
    r"\b(?:ris(?:en|es|ing)|rose|climb\w*|jump\w*|increas\w*|grew|grown|dropp\w*|revised)\b[^.;]{0,60}\bfrom\s+$",
    re.IGNORECASE,
)
_FROM = re.compile(r"\s+(?:\w+\s+){0,2}from\s+", re.IGNORECASE)
_TO = re.compile(r"\s+(?:\w+\s+){0,2}to\s+", re.IGNORECASE)
_SMALL = 10  # smaller figures are equal, or add up, by chance


@dataclass(frozen=True, slots=True)
class Total:
    """How many people of one kind a report speaks of.

    low, value, high: None where the words leave it open, or nothing is known.
    rule: what decided, as above; None if the report has no such figure.
    parts: the words of the figures that count, in order, and of those that cannot be read.
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
            row[_column(label)] = _join(map(_words, mentions))
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
    """Return the total of a report's figures of one kind; figures with a unit are left out.

    Args:
        figures: in the order of the text, with their values filled in.
    """
    readable = [entity for entity in figures if entity.value is not None and entity.value.unit is None]
    unread = [f"{_words(entity)} (not read)" for entity in figures if entity.value is None]
    kept, rules = _count_once(text, readable)
    if without_parts := _without_parts(kept):
        rules.add("part")
        kept = without_parts
    if "largest" in rules:
        kept = [max(kept, key=lambda figure: figure.best)]
    parts = (*(_words(figure.entity) for figure in kept), *unread)
    if not kept:
        return Total(rule="unread" if unread else None, parts=parts)
    rule = next((name for name in ("largest", "part", "repeat") if name in rules), "sum" if len(kept) > 1 else "single")
    highs = [figure.high for figure in kept]
    return Total(
        sum(figure.low for figure in kept),
        sum(figure.best for figure in kept),
        None if None in highs else sum(high for high in highs if high is not None),
        rule,
        parts,
    )


def _count_once(text: str, figures: Sequence[Entity]) -> tuple[list[_Figure], set[str]]:
    """Return the figures that are no part, repeat or old state of another, and the rules that were used."""
    breaks = [match.end() for match in _SENTENCE_END.finditer(text)]
    kept: list[_Figure] = []
    rules = set()
    for entity, following in zip_longest(figures, figures[1:]):
        figure = _Figure.at(entity, text, breaks, kept[-1].entity.end if kept else 0)
        known = next((other for other in kept if figure.repeats(other)), None)
        if (kept and figure.is_part()) or (following and _OF_THE_NEXT.fullmatch(text, entity.end, following.start)):
            rules.add("part")
        elif known is not None:
            rules.add("repeat")
            kept[kept.index(known)] = known.more_careful(figure)
        elif (kept and _EARLIER.search(figure.since)) or figure.is_old_state(following):
            rules.add("repeat")
        else:
            if kept and figure.is_total():
                rules.add("largest")
            kept.append(figure)
    return kept, rules


def _words(entity: Entity) -> str:
    return " ".join(entity.text.split())


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure in its sentence.

    sentence: its number. before, after: the rest of the sentence.
    since: the text since the figure before, if that is in the sentence, else `before`.
    """

    entity: Entity
    quantity: Quantity
    sentence: int
    before: str
    after: str
    since: str

    @classmethod
    def at(cls, entity: Entity, text: str, breaks: Sequence[int], last_end: int) -> _Figure:
        """Return an entity with a value as a figure of its text; `last_end` is the end of the figure before it."""
        assert entity.value is not None
        sentence = bisect_right(breaks, entity.start)
        start = breaks[sentence - 1] if sentence else 0
        end = breaks[sentence] if sentence < len(breaks) else len(text)
        before = text[start : entity.start]
        return cls(
            entity, entity.value, sentence, before, text[entity.end : end], text[max(start, last_end) : entity.start]
        )

    @property
    def best(self) -> float:
        """The stated figure; of a range or a vague word its lower end, 0 if that is open."""
        return next((f for f in (self.quantity.value, self.quantity.low) if f is not None), 0)

    @property
    def low(self) -> float:
        """The lower bound: the figure itself if the words give no bound at all, 0 if they give only an upper one."""
        if self.quantity.low is not None:
            return self.quantity.low
        return self.best if self.quantity.high is None else 0

    @property
    def high(self) -> float | None:
        """The upper bound: the figure itself if the words give no bound at all, None if they give only a lower one."""
        is_unbounded = self.quantity.high is None and self.quantity.low is None
        return self.best if is_unbounded else self.quantity.high

    def is_part(self) -> bool:
        """Return whether the words make it a part of a figure before it."""
        in_brackets = self.before.rfind("(") > self.before.rfind(")") and self.since != self.before
        return in_brackets or bool(_PART_BEFORE.search(self.before) or _PART_AFTER.search(self.after))

    def is_old_state(self, following: Entity | None) -> bool:
        """Return whether the figure before or after it is newer: "rose to 31 from 26", "rose from 26 to 31"."""
        if not _CHANGED_FROM.search(self.before):
            return False
        follows = self.since != self.before and _FROM.fullmatch(self.since)
        return bool(follows or (following and _TO.fullmatch(self.after[: following.start - self.entity.end])))

    def is_total(self) -> bool:
        """Return whether the words make it the total of figures before it."""
        return bool(_TOTAL_BEFORE.search(self.since) or _TOTAL_AFTER.search(self.after))

    def repeats(self, other: _Figure) -> bool:
        """Return whether it is the same as an earlier figure in another sentence, or refers to it ("the three")."""
        # "More than 60" is worth 61, and repeats 60.
        is_open = any(one.quantity.low != one.quantity.high for one in (self, other))
        same = abs(self.best - other.best) <= is_open
        if not same or self.sentence == other.sentence:
            return False
        return self.best >= _SMALL or (self.best == other.best and bool(_REFERENCE.search(self.before)))

    def more_careful(self, other: _Figure) -> _Figure:
        """Return the one of two that leaves more open."""
        return other if other.high is None and self.high is not None else self


def _without_parts(kept: Sequence[_Figure]) -> list[_Figure]:
    """Return the figures without those that add up to the one before or after them; empty if none do."""
    figures = [figure.best for figure in kept]
    for first in range(len(figures)):
        total = figures[first]
        for last in range(first + 2, len(figures) + 1):
            total += figures[last - 1]
            if total < _SMALL:
                continue
            if (first and figures[first - 1] == total) or figures[last : last + 1] == [total]:
                return [*kept[:first], *kept[last:]]
    return []
