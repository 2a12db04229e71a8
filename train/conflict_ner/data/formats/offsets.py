r"""Mending of mentions' offsets by the texts that annotation tools save next to them, or else by the edges of words.

Offsets are code points here. Tools in JavaScript, Java and C# count UTF-16 units, where an emoji is two; others count
bytes of UTF-8, or count a line end `\r\n` as one character, or `\n` as two because they read a Windows file. Which
unit a tool uses shows where the text of a mention is known: the unit in which every mention of the report has the
text that its offsets claim, whatever the white space in it. A mention for which no unit fits is looked for near by.
Nothing is guessed: if two units fit in different ways or a text stands twice near by, the mention is not mended.

Some tools save no texts. Then offsets are code points, unless a mention would cut a word or begin or end with white
space, and there is just one other unit in which none does.

>>> mended = mend("\U0001f600 Rebels left Goma.", [(3, 9, "Rebels"), (15, 19, "Goma")])
>>> mended.unit, mended.spans
('UTF-16 units', [(2, 8), (14, 18)])
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from conflict_ner.data.document import Mention
from conflict_ner.data.formats.format import MendedOffsets
from conflict_ner.errors import Problem, excerpt, format_count

CODE_POINTS = "characters"
UTF16 = "UTF-16 units"
GRAPHEMES = "characters as they are seen"  # Unicode's grapheme clusters: a letter with its accents, an emoji of several
_NEAR = 40  # characters on either side of where offsets point
_BEYOND_BMP, _ONE_BYTE, _TWO_BYTES = 0xFFFF, 0x7F, 0x7FF
_SHOWN = 60  # characters of a text in a message
_IDEOGRAPHS = 0x2E80  # from here on most scripts have no spaces between words

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RawMention:
    """A mention as a file gives it: offsets in a unit that is not known yet, and its text if the file has it."""

    start: int
    end: int
    label: str
    surface: str | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """The spans of a report in code points, None where offsets and text cannot be reconciled.

    unit: what the offsets count. moved: how many spans are not those that the file gives. by_edges: whether only the
    edges of words say what the offsets count.
    """

    unit: str
    spans: list[Span | None]
    moved: int
    by_edges: bool = False


def mend(text: str, spans: Sequence[tuple[int, int, str | None]]) -> Mended:
    """Return the spans of a report in code points.

    Args:
        text: the report.
        spans: start, end and text of each mention; the text is None where it is not known. Such a span counts in the
            unit that the others decide.
    """
    plain = _Unit(text)
    known = [(start, end, surface) for start, end, surface in spans if surface is not None]
    if not known:
        return _mend_by_edges(plain, [(start, end) for start, end, _ in spans])
    if all(plain.fits(*span) for span in known):
        units, fitting = {CODE_POINTS: plain}, [CODE_POINTS]
    else:
        units = {CODE_POINTS: plain} | _other_units(text)
        fitting = [name for name, unit in units.items() if all(unit.fits(*span) for span in known)]
        fitting = fitting or [name for name, unit in units.items() if all(unit.fits_loosely(*span) for span in known)]
    if CODE_POINTS in fitting:
        fitting = [CODE_POINTS]
    chosen = fitting[0] if fitting else max(units, key=lambda name: sum(units[name].fits(*span) for span in known))
    unit = units[chosen]
    mended: list[Span | None] = []
    for start, end, surface in spans:
        readings = {units[name].span(start, end) for name in fitting or [chosen]}
        if len(readings) > 1:  # units that all fit, and disagree
            mended.append(None)
        elif surface is None or unit.fits_loosely(start, end, surface):
            mended.append(readings.pop())
        else:
            mended.append(_find_near(text, unit.near(start), surface))
    moved = sum(new is not None and new != (start, end) for new, (start, end, _) in zip(mended, spans, strict=True))
    return Mended(chosen, mended, moved)


def _mend_by_edges(plain: _Unit, spans: Sequence[Span]) -> Mended:
    """Return the spans of a report without the texts of its mentions: code points, unless another unit is certain."""
    read = [plain.span(*span) for span in spans]
    if not _are_whole_words(plain.text, read):
        # Only units that shift offsets a little: far away there are edges of other words by chance.
        units = {name: unit for name, unit in _other_units(plain.text).items() if name in (UTF16, GRAPHEMES)}
        found_by_unit = {name: [unit.span(*span) for span in spans] for name, unit in units.items()}
        whole = {name: found for name, found in found_by_unit.items() if _are_whole_words(plain.text, found)}
        if whole and all(found == next(iter(whole.values())) for found in whole.values()):
            unit, found = next(iter(whole.items()))
            return Mended(unit, found, sum(new != old for new, old in zip(found, spans, strict=True)), by_edges=True)
    return Mended(CODE_POINTS, read, 0)


def _are_whole_words(text: str, spans: Sequence[Span | None]) -> bool:
    """Return whether spans are in the text, and none of them cuts a word or begins or ends with white space."""
    return all(
        span is not None
        and not text[span[0]].isspace()
        and not text[span[1] - 1].isspace()
        and not _cuts_word(text, span[0])
        and not _cuts_word(text, span[1])
        for span in spans
    )


@dataclass(slots=True)
class OffsetMender:
    """Mending of a file's mentions: it counts those mended, and `notes` says so once.

    file: the name to show.
    """

    file: str
    count: int = 0
    count_by_edges: int = 0
    units: set[str] = field(default_factory=set)
    units_by_edges: set[str] = field(default_factory=set)

    def mentions(self, text: str, raw: Sequence[RawMention], where: str) -> tuple[tuple[Mention, ...], list[Problem]]:
        """Return the mentions of a report in the order of their offsets, and a problem for each that is not there.

        Args:
            text: the report.
            raw: its mentions as the file gives them.
            where: file and record, for problems.
        """
        spans, problems = self.spans(text, raw, [where] * len(raw))
        found = (Mention(*span, each.label) for each, span in zip(raw, spans, strict=True) if span is not None)
        return tuple(sorted(found)), problems

    def spans(
        self, text: str, raw: Sequence[RawMention], places: Sequence[str]
    ) -> tuple[list[Span | None], list[Problem]]:
        """Return the span of each mention of a report, None for those that are not there, and a problem for these.

        Args:
            text: the report.
            raw: its mentions as the file gives them.
            places: where each of them stands, for problems.
        """
        mended = mend(text, [(each.start, each.end, each.surface) for each in raw])
        if mended.moved and mended.by_edges:
            self.count_by_edges += mended.moved
            self.units_by_edges.add(mended.unit)
        elif mended.moved:
            self.count += mended.moved
            self.units.add(mended.unit)
        problems = [
            _unreconciled(text, each, where)
            for each, where, span in zip(raw, places, mended.spans, strict=True)
            if span is None
        ]
        return mended.spans, problems

    def notes(self) -> Iterator[Problem]:
        """Yield a note if mentions were mended by their texts, and one if they were by the edges of words."""
        if self.count:
            units = " and ".join(sorted(self.units - {CODE_POINTS}))
            how = f"their offsets count {units}" if units else "they stood a few characters away"
            what = f"the offsets of {format_count(self.count, 'mention')} were mended by their texts: {how}"
            yield MendedOffsets(self.file, what, note=True, count=self.count)
        if self.count_by_edges:
            mentions, units = format_count(self.count_by_edges, "mention"), " and ".join(sorted(self.units_by_edges))
            what = f"the offsets of {mentions} cut words unless they count {units}, and were read so"
            fix = "the file has no texts of mentions to prove it, so look at some of them"
            yield MendedOffsets(self.file, what, fix, note=True, count=self.count_by_edges)


def _unreconciled(text: str, raw: RawMention, where: str) -> Problem:
    place = f"the mention {raw.start}:{raw.end} ({raw.label})"
    if raw.surface is None:
        what = f"{place} is not in the text, which has {format_count(len(text), 'character')}"
        return Problem(where, what, "export the reports again, or correct the offsets", kind="outside the text")
    at_offsets = excerpt(text[max(raw.start, 0) : max(raw.end, 0)], _SHOWN)
    what = f"{place} should be {excerpt(raw.surface, _SHOWN)}, but {at_offsets} is at its offsets"
    fix = "its text was not found once near by, in any unit of offsets: correct it, or export the reports again"
    return Problem(where, what, fix, kind="offsets that do not give the text")


def _one(_: str) -> int:
    return 1


def _utf16(char: str) -> int:
    return 2 if ord(char) > _BEYOND_BMP else 1


def _utf8(char: str) -> int:
    code = ord(char)
    return 1 if code <= _ONE_BYTE else 2 if code <= _TWO_BYTES else 3 if code <= _BEYOND_BMP else 4


def _none(_: str) -> int:
    return 0


def _two(_: str) -> int:
    return 2


def _other_units(text: str) -> dict[str, _Unit]:
    """Return the units in which offsets in this text may differ from code points."""
    widths: dict[str, Callable[[str], int]] = {CODE_POINTS: _one}
    if not text.isascii():
        widths |= {UTF16: _utf16, "bytes of UTF-8": _utf8}
    line_ends: dict[str, Callable[[str], int] | None] = {"": None}
    if "\r\n" in text:
        line_ends[", \\r\\n as one"] = _none
    elif "\n" in text:
        line_ends[", \\n as two"] = _two
    units = {
        unit + line_end: _Unit(text, _places(text, width, line_width or width))
        for (unit, width), (line_end, line_width) in product(widths.items(), line_ends.items())
        if unit + line_end != CODE_POINTS
    }
    if not text.isascii():
        units[GRAPHEMES] = _Unit(text, _grapheme_places(text))
    return units


def _places(text: str, width: Callable[[str], int], line_width: Callable[[str], int]) -> dict[int, int]:
    """Return the code point at each offset of a unit.

    Args:
        text: the report.
        width: how many units a character has.
        line_width: the same for what makes line ends differ: the carriage return before a newline, or a newline
            without one.
    """
    places: dict[int, int] = {}
    at = 0
    has_returns = "\r\n" in text
    for index, char in enumerate(text):
        places.setdefault(at, index)  # the first: a span ends before a carriage return that has no width
        is_line_end = char == "\r" and text[index + 1 : index + 2] == "\n" if has_returns else char == "\n"
        at += (line_width if is_line_end else width)(char)
    places.setdefault(at, len(text))
    return places


def _grapheme_places(text: str) -> dict[int, int]:
    import regex

    places = dict(enumerate(match.start() for match in regex.finditer(r"\X", text)))
    return places | {len(places): len(text)}


class _Unit:
    """Offsets of a text in one unit.

    places: the code point at each offset; None: offsets are code points.
    """

    def __init__(self, text: str, places: dict[int, int] | None = None) -> None:
        self.text, self._places = text, places

    def span(self, start: int, end: int) -> Span | None:
        """Return a span in code points; None if it is empty or not in the text."""
        if self._places is None:
            return (start, end) if 0 <= start < end <= len(self.text) else None
        first, last = self._places.get(start), self._places.get(end)
        return (first, last) if first is not None and last is not None and first < last else None

    def fits(self, start: int, end: int, surface: str) -> bool:
        """Return whether a span has this text, whatever its line ends are."""
        span = self.span(start, end)
        return span is not None and _with_newlines(self.text[span[0] : span[1]]) == _with_newlines(surface)

    def fits_loosely(self, start: int, end: int, surface: str) -> bool:
        """Return whether a span has this text but for the white space inside, which browsers collapse."""
        span = self.span(start, end)
        if span is None or not surface:
            return False
        found = self.text[span[0] : span[1]]
        edges = found[0] == surface[0] and found[-1] == surface[-1]
        return (edges and "".join(found.split()) == "".join(surface.split())) or self.fits(start, end, surface)

    def near(self, start: int) -> int:
        """Return about where an offset is, in code points."""
        return start if self._places is None else self._places.get(start, start)


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _find_near(text: str, start: int, surface: str) -> Span | None:
    """Return where a text stands near an offset, not as a part of a longer word; None if not exactly once."""
    found = []
    at = text.find(surface, max(start - _NEAR, 0), max(start, 0) + _NEAR + len(surface)) if surface else -1
    while at >= 0:
        if not _cuts_word(text, at) and not _cuts_word(text, at + len(surface)):
            found.append((at, at + len(surface)))
        at = text.find(surface, at + 1, max(start, 0) + _NEAR + len(surface))
    return found[0] if len(found) == 1 else None


def _cuts_word(text: str, at: int) -> bool:
    """Return whether an offset is inside a number, or inside a word of a script that is written with spaces."""
    before, after = text[at - 1 : at] if at else "", text[at : at + 1]
    inside_word = before.isalpha() and after.isalpha() and ord(after) < _IDEOGRAPHS
    return inside_word or (before.isdigit() and after.isdigit()) or bool(after and unicodedata.combining(after))
