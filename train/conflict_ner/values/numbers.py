"""Read what a number mention is worth: cardinals, shares, money, ranges, bounds and vague words.

>>> parse_number("at least 19")
Quantity(value=19, low=19, high=None, approximate=False, unit=None)
>>> parse_number("between $2.5 and $3 million")
Quantity(value=None, low=2500000, high=3000000, approximate=False, unit='USD')
>>> parse_number("l9") is None, explain_number("l9")
(True, Unknown(reason="letters among digits, 'l', may be misread figures"))

The conventions, with their sources, are in docs/values.md. A text is worth a figure only if the whole of it can be
read in one way. Figures are computed exactly, as integers or fractions, and become floats at the end.

The grammar: a mention is bounds (`at least`, `or so`) around a range or a figure. A range is two figures and a
connector; every connector is tried, and exactly one must divide the words into two figures that rise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from conflict_ner.values.number_figures import NO_NUMERAL, Figure, Number, exact, is_tens, read_figure
from conflict_ner.values.number_tokens import NotANumberError, tokenize
from conflict_ner.values.number_words import HUNDRED, MILLION, TEN, THOUSAND, Kind, Token
from conflict_ner.values.quantity import Quantity, Unknown

MOST_CHARACTERS = 200
_STEPS = {"more than": 1, "just over": 1, "fewer than": -1, "just under": -1}  # to the next whole number
_LOWER, _UPPER = {"at least", "odd", "more than", "just over"}, {"up to", "nearly", "fewer than", "just under"}
_TO_OR = ("to", "or")
_LIMIT = 10**15  # whole numbers below it are exact in floats and in every table


def parse_number(text: object) -> Quantity | None:
    """Return what a number mention is worth, None if that is not known for certain.

    Never raises: what is no string (an empty cell of a table) is worth None. Texts are read without regard to case.
    """
    result = explain_number(text)
    return result if isinstance(result, Quantity) else None


def explain_number(text: object) -> Quantity | Unknown:
    """Return what a number mention is worth, or the reason why that is not known."""
    if not isinstance(text, str):
        return Unknown("no text")
    if len(text) > MOST_CHARACTERS:
        return Unknown(f"longer than {MOST_CHARACTERS} characters")
    return _explain(text)


@lru_cache(maxsize=8192)
def _explain(text: str) -> Quantity | Unknown:
    try:
        tokens = tokenize(text)
        if "-" in text or not text.isascii():
            tokens = _drop_hyphens(tokens)
        if not tokens:
            return Unknown("empty")
        return _quantity(_bounded(tokens, _core))
    except NotANumberError as error:
        return Unknown(str(error))


def _quantity(figure: Figure) -> Quantity:
    def plain(number: Number | None) -> float | None:
        if number is None:
            return None
        if number >= _LIMIT:
            raise NotANumberError("a figure of more than 15 digits")
        return int(number) if number.denominator == 1 else float(number)

    return Quantity(plain(figure.value), plain(figure.low), plain(figure.high), figure.approximate, figure.unit)


def _drop_hyphens(tokens: list[Token]) -> list[Token]:
    """Drop the hyphens inside a figure (`forty-four`, `two-thirds`, `30-odd`); the others are those of ranges."""
    kept: list[Token] = []
    for position, token in enumerate(tokens):
        if token.kind == "dash" and kept and position + 1 < len(tokens):
            before, after = kept[-1], tokens[position + 1]
            compound = (before.kind == after.kind == "small" and is_tens(before) and 0 < after.number < TEN) or (
                after.kind in ("hundred", "scale", "part", "odd", "plus", "some", "and", "article", "after", "percent")
                or before.kind in ("part", "and", "article")
                or (after.kind in _TO_OR and tokens[position + 2 : position + 3] == [token])  # "five-to-six"
                or (before.kind in _TO_OR and position > 1 and tokens[position - 2] == token)
                or (after.kind == "currency" and before.kind != "currency" and _is_last_figure(tokens, position))
            )
            if compound:
                continue
        kept.append(token)
    return kept


def _is_last_figure(tokens: list[Token], position: int) -> bool:
    return not any(token.kind in ("digits", "small", "hundred", "scale", "part") for token in tokens[position:])


# Bounds


def _bounded(tokens: list[Token], inner: Callable[[list[Token]], Figure]) -> Figure:
    """Read a figure with the words that bound it: those after it first, then those before it, from the inside out."""
    start, end = 0, len(tokens)
    while start < end and tokens[start].kind in ("bound", "some"):
        start += 1
    while end > start and _follows_figure(tokens[end - 1], alone=end - start == 1):
        end -= 1
    figure = inner(tokens[start:end])
    for token in tokens[end:]:
        figure = _apply("odd" if token.kind == "some" else token.word, figure)
    for token in reversed(tokens[:start]):
        figure = _apply(token.word or "about", figure)
    return figure


def _follows_figure(token: Token, *, alone: bool) -> bool:
    """Say whether a word after a figure bounds it: "or so", "at most", "about", "some"."""
    if token.kind == "some":
        return not alone
    return token.kind == "after" or (token.kind == "bound" and token.word in ("about", "at least", "up to"))


def _apply(rule: str, figure: Figure) -> Figure:
    """Bound a figure by the rule of a word."""
    value = figure.value
    opposite = figure.high if rule in _LOWER else figure.low if rule in _UPPER else None
    if opposite is not None and (figure.low is None or figure.high is None):
        raise NotANumberError("a lower and an upper bound of the same figure")
    if rule in _STEPS:
        return _exceed(figure, _STEPS[rule], just=rule.startswith("just"))
    match rule:
        case "about":
            figure = figure._replace(low=None, high=None) if figure.exact else figure
            return figure._replace(approximate=True)
        case "odd":
            return figure._replace(low=figure.low if value is None else value, high=None, approximate=True)
        case "at least":
            return figure._replace(low=figure.low if value is None else value, high=None)
        case "up to" | "nearly":
            high = figure.high if value is None else value
            return figure._replace(low=None, high=high, approximate=figure.approximate or rule == "nearly")
        case "all but":
            if figure.unit != "share" or not figure.exact or value is None:
                raise NotANumberError('"all but" a count does not say how many')
            figure = exact(1 - value, "share")
    return figure  # "exactly", "only"


def _exceed(figure: Figure, direction: int, *, just: bool) -> Figure:
    """Apply "more than" or "fewer than". A count steps to the next whole number; a measure is its own bound."""
    value = figure.value
    if value is None:
        raise NotANumberError('"more" or "fewer" than a range or a vague word leaves the bound open')
    if figure.unit is None and not figure.approximate and value.denominator == 1:
        value += direction
    if value < 0:
        raise NotANumberError("fewer than nothing")
    low, high = (value, None) if direction > 0 else (None, value)
    return figure._replace(value=value, low=low, high=high, approximate=figure.approximate or just)


# Ranges


def _core(tokens: list[Token]) -> Figure:
    """Read a range, a list of neighbors, or one figure."""
    kinds = [token.kind for token in tokens]
    if not kinds:
        raise NotANumberError(NO_NUMERAL)
    if "slash" in kinds:
        raise NotANumberError("a slash may mean a fraction, n of m, or a range")
    if kinds[0] in ("between", "from"):
        return _range(tokens[1:], {"to", "dash", "and"} if kinds[0] == "between" else {"to", "dash"})
    if "comma" in kinds and (listed := _neighbors(tokens)):
        return listed
    if "to" in kinds or "or" in kinds or "dash" in kinds:
        return _range(tokens, {"to", "or", "dash"})
    return read_figure(tokens)


def _range(tokens: list[Token], connectors: set[Kind]) -> Figure:
    """Divide words at a connector into the two ends of a range."""
    found: list[Figure] = []
    faults: list[NotANumberError] = []
    for position in range(1, len(tokens) - 1):
        if tokens[position].kind in connectors:
            try:
                low, high = _bounded(tokens[:position], read_figure), _bounded(tokens[position + 1 :], read_figure)
                found.append(_span(low, high, dash=tokens[position].kind == "dash"))
            except NotANumberError as error:
                faults.append(error)
    if len(found) == 1:
        return found[0]
    if found:
        raise NotANumberError("the range can be divided in two ways")
    raise faults[0] if len(faults) == 1 else NotANumberError("a sign, or a range without two figures")


def _span(first: Figure, second: Figure, *, dash: bool) -> Figure:
    """Return the range from one figure to another, which share a scale and a unit that only one of them names."""
    for figure in (first, second):
        if figure.value is not None and not figure.exact and not figure.approximate:
            raise NotANumberError("an end of the range is itself open")
    if second.scale > 1 and first.exact and first.scale in (1, HUNDRED):
        first = _share_scale(first, second)
    low = first.value if first.low is None else first.low
    high = second.value if second.high is None else second.high
    if low is None or high is None or low >= high:
        raise NotANumberError("the range does not rise")
    if first.bare and second.scale == 1 and _may_share_zeros(low, high, dash=dash):
        raise NotANumberError("the first figure of the range may share the zeros of the second")
    units = {figure.unit for figure in (first, second)}
    if len(units - {None}) > 1 or ("share" in units and None in units):
        raise NotANumberError("the ends of the range have different units")
    return Figure(None, low, high, first.approximate or second.approximate, first.unit or second.unit)


def _share_scale(first: Figure, second: Figure) -> Figure:
    """Let a figure share the scale of the second, as in "two to three hundred", unless it would exceed it."""
    assert first.value is not None
    scale = second.scale
    if first.scale == HUNDRED:  # "five hundred to six hundred thousand" shares the thousand
        scale = scale // HUNDRED if scale in (HUNDRED * THOUSAND, HUNDRED * MILLION) else 1
    shared = first.value * scale
    if second.value is not None and shared < second.value and first.value < THOUSAND:
        return exact(shared, None if first.unit == "share" else first.unit) if scale > 1 else first
    if second.scale >= MILLION and first.value < THOUSAND:
        raise NotANumberError("the range leaves open whether its first figure shares the scale of the second")
    return first


def _may_share_zeros(low: Number, high: Number, *, dash: bool) -> bool:
    """Say whether `30-50,000` may mean 30,000, or `2-300` two hundred."""
    scale = THOUSAND if high >= THOUSAND else HUNDRED if dash else 0
    return bool(scale) and high % scale == 0 and low * scale < high


def _neighbors(tokens: list[Token]) -> Figure | None:
    """Read "five, six, seven": words that are neighbors are a range from the first to the last."""
    figures = [token.number for token in tokens[::2]]
    listed = all(token.kind == "small" for token in tokens[::2]) or (  # digits with commas need the "or": "5, 6 or 7"
        all(token.kind == "digits" and token.word for token in tokens[::2]) and tokens[-2].kind == "or"
    )
    joined = all(token.kind in ("comma", "or", "to") for token in tokens[1::2])
    rising = all(after == before + 1 for before, after in pairwise(figures))
    return Figure(None, figures[0], figures[-1]) if listed and joined and rising and len(tokens) % 2 else None
