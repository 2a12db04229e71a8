"""Read one figure from its tokens: a cardinal, a share, a vague word, with its scale and its unit.

>>> from conflict_ner.values.number_tokens import tokenize
>>> figure = read_figure(tokenize("Rs two and a half lakh"))
>>> figure.value, figure.unit, figure.scale
(Fraction(250000, 1), 'rupees', 100000)

The grammar of cardinals is the usual one: groups below a thousand, each with a scale that is smaller than the one
before. Figures are integers or fractions, so that 1.1 million is exactly 1,100,000.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple, NoReturn

from conflict_ner.values.number_tokens import NotANumberError
from conflict_ner.values.number_words import DOZEN, HUNDRED, SCORE, TEN, THOUSAND, VAGUE_HIGHS, Kind, Token

NO_NUMERAL = "no numeral: vague words are worth no figure"
_ORDINAL = "an ordinal is a place in a row, not a count"
_TWO_NUMBERS = "two numbers, or a number and a rest, that do not belong together"
Number = int | Fraction


class Figure(NamedTuple):
    """A figure that is being read. A vague word or a range has bounds and no value."""

    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    approximate: bool = False
    unit: str | None = None
    scale: int = 1  # of its last word: ranges share it ("two to three hundred")
    bare: bool = False  # digits without separators

    @property
    def exact(self) -> bool:
        """Whether the figure is its own bounds."""
        return self.value is not None and self.low == self.value == self.high


def exact(value: Number, unit: str | None = None, scale: int = 1, *, bare: bool = False) -> Figure:
    """Return the figure whose bounds are its value."""
    return Figure(value, value, value, False, unit, scale, bare)


def read_figure(tokens: list[Token]) -> Figure:
    """Read a figure with its unit.

    Raises:
        NotANumberError: the tokens are no figure, or not one.
    """
    return _Reader(tokens).read()


def is_tens(token: Token) -> bool:
    """Say whether a number is twenty, thirty ... ninety, which `one` to `nine` may follow."""
    return 2 * TEN <= token.number < HUNDRED and token.number % TEN == 0


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._kinds: list[Kind | None] = [*(token.kind for token in tokens), None, None, None, None]  # to look ahead
        self._next = 0

    def read(self) -> Figure:
        money = self._take("currency")
        figure = self._figure()
        if suffix := self._take("odd", "plus", "some"):
            if figure.value is None:  # "hundreds plus"
                figure = figure._replace(high=None)
            else:
                value = figure.value * self._scales()
                figure = Figure(value, value, None, suffix.kind != "plus", figure.unit)
        unit = self._unit() or figure.unit
        if self._next < len(self._tokens):
            self._refuse()
        if money and unit not in (None, money.word):
            raise NotANumberError(f"two units, {money.word} and {unit}")
        return figure._replace(unit=money.word if money else unit)

    # Tokens

    def _kind(self, ahead: int = 0) -> Kind | None:
        return self._kinds[self._next + ahead]

    def _take(self, *kinds: Kind) -> Token | None:
        if self._kinds[self._next] in kinds:
            self._next += 1
            return self._tokens[self._next - 1]
        return None

    def _refuse(self) -> NoReturn:
        """Raise the reason why the next token cannot stand here."""
        match self._kind():
            case "ordinal":
                raise NotANumberError(_ORDINAL)
            case "dash":
                raise NotANumberError("a sign, or a dash without two figures")
            case "digits" | "small" | "hundred" | "scale" | "part":
                raise NotANumberError(_TWO_NUMBERS)
            case _:
                raise NotANumberError(_TWO_NUMBERS if self._has_numeral() else NO_NUMERAL)

    def _has_numeral(self) -> bool:
        return any(token.kind in ("digits", "small", "hundred", "scale", "part") for token in self._tokens)

    # Figures

    def _figure(self) -> Figure:
        """Read a figure without its unit."""
        if self._take("few"):
            return self._few()
        many = self._take("many")
        if self._kind() in ("hundred", "scale") and self._tokens[self._next].plural:
            return self._vague()
        if many:
            self._refuse()
        if self._take("article") and self._kind() not in ("hundred", "scale", "part"):
            self._refuse()
        if self._kind() == "part":
            return self._part(1)
        figure = self._cardinal()
        assert figure.value is not None
        if self._kind() == "part" and figure.scale == 1 and not self._tokens[self._next].word:
            return self._part(figure.value)
        if self._take("in"):
            self._take("article")
            return _share(figure.value, self._cardinal().value)
        return figure

    def _few(self) -> Figure:
        """Read "several hundred": two to nine of them, but dozens and scores to 99."""
        scale = self._scales()
        if scale == 1:
            self._refuse()
        return self._of_scales(2 * scale, VAGUE_HIGHS[scale] if scale in (DOZEN, SCORE) else 10 * scale - 1)

    def _vague(self) -> Figure:
        """Read "dozens", "hundreds and hundreds", "tens of thousands"."""
        word = self._take("hundred", "scale")
        assert word
        if self._kind() == "and" and self._tokens[self._next + 1 : self._next + 2] == [word]:
            self._next += 2
        scale = int(word.number)
        return self._of_scales(scale, VAGUE_HIGHS[scale])

    def _of_scales(self, low: int, high: int) -> Figure:
        """Multiply vague bounds by what follows: "of thousands", "of millions"."""
        while self._kind() == "of" and self._kind(1) in ("hundred", "scale"):
            self._next += 1
            scale = self._scales()
            low, high = low * scale, (high + 1) * scale - 1
        return Figure(None, low, high, approximate=True)

    def _part(self, count: Number) -> Figure:
        """Read a share ("two-thirds"), or the part of a scale or of a percent ("half a million")."""
        word = self._take("part")
        assert word
        if word.plural and count == 1:
            raise NotANumberError(NO_NUMERAL)
        if count * word.number > 1 and not word.plural:  # "5 half", "thirty-third"
            raise NotANumberError(_TWO_NUMBERS if word.number.denominator in (2, 4) else _ORDINAL)
        value = _share(count * word.number, 1).value
        assert value is not None
        start = self._next
        if self._kind() in ("hundred", "scale") and word.number.denominator not in (2, 4):
            raise NotANumberError(_ORDINAL)  # "third million"; but "half million"
        self._take("of")
        if (one := self._take("small", "article")) and one.number > 1:
            self._refuse()
        if self._kind() in ("hundred", "scale"):
            scale = self._scales()
            return exact(value * scale, scale=scale)
        if self._kind() == "percent":
            return exact(value)
        self._next = start
        return exact(value, "share")

    def _unit(self) -> str | None:
        """Read `percent` or a currency: "dollars", "of dollars"."""
        if self._kind() == "of" and self._kind(1) == "currency":
            self._next += 1
        token = self._take("percent", "currency")
        return token.word if token else None

    # Cardinals

    def _cardinal(self) -> Figure:
        """Read a cardinal in digits or words: groups with falling scales."""
        bare_scale = self._kind() in ("hundred", "scale")  # "hundred": ranges do not share it
        group = self._group()
        assert group.value is not None
        multiplier = self._scales()
        total = group.value * multiplier
        scale = 1 if bare_scale else group.scale * multiplier
        if self._kind() == "and" and (part := self._and_part()):
            if multiplier == group.scale == 1:  # two and a half [million]
                scale = self._scales()
                return exact((total + part) * scale, scale=scale)
            if multiplier > 1:  # a million and a half
                return exact(total + part * multiplier)
            raise NotANumberError(_TWO_NUMBERS)
        while multiplier >= THOUSAND and self._is_group_next():
            self._take("and", "comma")
            group = self._group()
            below, multiplier = multiplier, self._scales()
            assert group.value is not None
            if group.value * multiplier >= below:
                raise NotANumberError(_TWO_NUMBERS)
            total, scale = total + group.value * multiplier, 1
        return exact(total, scale=scale, bare=group.bare and scale == 1 and total == group.value)

    def _is_group_next(self) -> bool:
        ahead = 1 if self._kind() in ("and", "comma") else 0
        return self._kind(ahead) in ("digits", "small", "hundred")

    def _group(self) -> Figure:
        """Read digits, or a number in words without its scale ("nineteen hundred and four")."""
        if digits := self._take("digits"):
            if self._kind() == "part" and self._tokens[self._next].word:  # 2½
                self._next += 1
                return exact(digits.number + self._tokens[self._next - 1].number)
            return exact(digits.number, bare=bool(digits.word))
        value: Number = 1  # "hundred", "million"
        if self._kind() not in ("hundred", "scale"):
            value = self._below_hundred()
            if self._take("point"):
                return exact(value + self._decimals())
        if not (value and self._take("hundred")):
            return exact(value)
        ahead = 1 if self._kind() == "and" else 0
        if self._kind(ahead) != "small" or self._kind(ahead + 1) == "part":
            return exact(value * HUNDRED, scale=HUNDRED)
        self._take("and")
        return exact(value * HUNDRED + self._below_hundred())

    def _below_hundred(self) -> Number:
        word = self._take("small")
        if not word:
            self._refuse()
        if is_tens(word) and self._kind() == "small" and 0 < self._tokens[self._next].number < TEN:
            self._next += 1
            return word.number + self._tokens[self._next - 1].number
        return word.number

    def _decimals(self) -> Fraction:
        """Read the words after "point": "one point two five"."""
        digits = ""
        while (word := self._take("small")) and word.number < TEN:
            digits += str(word.number)
        if not digits:
            self._refuse()
        return Fraction(int(digits), 10 ** len(digits))

    def _scales(self) -> int:
        """Read scales that follow each other ("hundred thousand"); return their product, 1 if there is none."""
        product = last = 1
        while word := self._take("hundred", "scale"):
            if word.number <= last:
                raise NotANumberError("scales in an order that is no number")
            last = int(word.number)
            product *= last
        return product

    def _and_part(self) -> Number:
        """Read "and a half", "and two thirds"; return 0 and read nothing if something else follows."""
        count = self._tokens[self._next + 1 : self._next + 2]
        ahead = 2 if count and count[0].kind in ("article", "small") else 1
        if self._kind(ahead) != "part":
            return 0
        part = self._tokens[self._next + ahead].number * (count[0].number or 1 if ahead > 1 else 1)
        self._next += ahead + 1
        return part


def _share(count: Number, whole: Number | None) -> Figure:
    """Return the share of a count in a whole.

    Raises:
        NotANumberError: it is more than all, or not a count of a whole.
    """
    if not whole or whole.denominator != 1 or not 0 <= count <= whole:
        raise NotANumberError("a share is between nothing and all")
    return exact(Fraction(count, whole), "share")
