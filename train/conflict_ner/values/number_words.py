"""The words that numbers are made of: cardinals, scales, parts, bounds and the phrases around them.

`LEXICON` finds what a word begins: its first word gives the phrases that start with it, the longest first.

>>> [(" ".join(rest), token.kind, token.word) for rest, token in LEXICON["at"]][:2]
[('the very least', 'bound', 'at least'), ('the most', 'bound', 'up to')]

Bounds of vague words: the lows are ACLED's conservative estimates ("How does ACLED code fatalities?": 10 for tens, 12
for dozens, 100 for hundreds); a high is the last figure before the next word of English would be used.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Literal, NamedTuple

from conflict_ner.values.currencies import CURRENCIES

# fmt: off
Kind = Literal[
    "digits", "small", "hundred", "scale", "part", "few", "many", "article",  # figures
    "bound", "some", "after", "odd", "plus",  # what bounds them
    "between", "from", "to", "or", "dash", "and", "comma",  # ranges and lists
    "of", "in", "point", "percent", "currency",
    "vague", "ordinal", "slash",  # known, and no number
]
# fmt: on


class Token(NamedTuple):
    """A word, phrase or symbol of a number."""

    kind: Kind
    number: int | Fraction = 0  # of a figure
    word: str = ""  # the unit of a percentage or currency, the rule of a bound, the text of digits
    plural: bool = False


HUNDRED, THOUSAND, MILLION, BILLION, TRILLION = 10**2, 10**3, 10**6, 10**9, 10**12
TEN, DOZEN, SCORE, LAKH, CRORE = 10, 12, 20, 10**5, 10**7

VAGUE_HIGHS = {  # "dozens": 12 to 99
    TEN: 99,
    DOZEN: 99,
    SCORE: 99,
    HUNDRED: 999,
    THOUSAND: 9_999,
    LAKH: 9_999_999,  # a hundred lakhs are a crore
    MILLION: 999_999_999,
    CRORE: 999_999_999,  # a hundred crores are an arab
    BILLION: 999_999_999_999,
    TRILLION: 999_999_999_999_999,
}

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SCALES = {
    DOZEN: "dozen",
    SCORE: "score",
    THOUSAND: "thousand",
    LAKH: "lakh lac",
    MILLION: "million mn mln",
    CRORE: "crore",
    BILLION: "billion bn bln",
    TRILLION: "trillion tn trn",
}
_PARTS = "third fourth fifth sixth seventh eighth ninth tenth"
_BOUNDS = {
    "at least": "at least|at minimum|at the very least|no fewer than|no less than|not fewer than|not less than|"
    "minimum of|a minimum of|minimum|min|as few as|as little as|upwards of|upward of|≥|> =",
    "more than": "more than|over|above|in excess of|exceeding|greater than|>|far more than|many more than|"
    "much more than|well over|well above|far above|significantly more than|considerably more than",
    "just over": "just over|just above|just more than|slightly more than|slightly over|slightly above|"
    "a little over|a little more than|little more than",
    "fewer than": "fewer than|less than|under|below|<|far fewer than|far less than|well under|well below|"
    "much less than|considerably fewer than",
    "just under": "just under|just below|just less than|slightly less than|slightly under|slightly fewer than|"
    "slightly below|a little under|a little less than",
    "up to": "up to|as many as|as much as|as high as|no more than|not more than|no greater than|no higher than|at most|"
    "at the most|maximum of|a maximum of|maximum|max|not exceeding|≤|< =",
    "nearly": "nearly|almost|close to|approaching|nearing|not quite|just shy of|barely|practically|virtually",
    "about": "about|around|near|roughly|approximately|approx|appx|abt|est|estd|estimated|an estimated|perhaps|maybe|"
    "possibly|probably|c|ca|circa|~|≈|more or less|something like|somewhere around|in the region of|in the order of|"
    "on the order of|give or take|or thereabouts",
    "all but": "all but",
    "exactly": "exactly|precisely|only|just|merely|a mere|a total of|total of|all|the|the other|other|another|"
    "a further|further|an additional|additional|anywhere",
}
_AFTER = {  # "60 or more"
    "at least": "or more|or over|or above|or greater|or higher|and above|and over|and more|and counting",
    "up to": "or fewer|or less|or under|or below",
    "about": "or so",
    "exactly": "more|strong|in total",  # "another 19", "19 more", "1,000-strong"
}
_OTHERS: dict[str, Token] = {
    "percent": Token("percent", word="percent"),
    "half": Token("part", Fraction(1, 2)),
    "quarter": Token("part", Fraction(1, 4)),
    "quarters": Token("part", Fraction(1, 4), plural=True),
    "tens": Token("scale", TEN, plural=True),
    "hundred": Token("hundred", HUNDRED),
    "hundreds": Token("hundred", HUNDRED, plural=True),
    "a single": Token("small", 1),
    "+": Token("plus", word="at least"),
    "plus": Token("plus", word="at least"),
    "odd": Token("odd", word="odd"),
    "and some": Token("odd", word="odd"),
    "some": Token("some"),
    "%": Token("percent", word="percent"),
    "٪": Token("percent", word="percent"),
    "/": Token("slash"),
}
_SYNONYMS: dict[Kind, str] = {
    "article": "a|an",
    "few": "few|several|a few",
    "many": "many",
    "between": "between|btwn|betw",
    "from": "from",
    "to": "to|or even|or perhaps|or maybe|or possibly|if not|, perhaps|, possibly|, maybe|, if not",
    "or": "or",
    "and": "and|&|upon",
    "dash": "-",
    "comma": ",",
    "of": "of",
    "in": "in|in every|out of|out of every|of every",
    "point": "point",
    "vague": "couple|countless|numerous|most|number|multiple|handful|dozenth|scant|majority|innumerable",
    "ordinal": "first|second|st|nd|rd|th|twentieth|thirtieth|hundredth|thousandth|eleventh|twelfth",
}


def _phrases() -> dict[str, Token]:
    """Return the token of every word and phrase, those of money included."""
    table: dict[str, Token] = {name: Token("currency", word=unit) for name, unit in CURRENCIES.items()}
    small = dict(zip(_ONES.split(), range(18), strict=True)) | {"eighteen": 18, "nineteen": 19}
    small |= dict(zip(_TENS.split(), range(20, 100, 10), strict=True))
    for tens in _TENS.split():  # "fortyfour"
        small |= {tens + one: small[tens] + small[one] for one in _ONES.split()[1:10]}
    small |= dict.fromkeys(("no", "nil", "nought", "naught"), 0) | {"single": 1, "both": 2}
    table |= {word: Token("small", figure) for word, figure in small.items()}
    for scale, names in _SCALES.items():
        for name in names.split():
            table |= {name: Token("scale", scale), f"{name}s": Token("scale", scale, plural=True)}
    for denominator, name in enumerate(_PARTS.split(), start=3):
        part = Fraction(1, denominator)
        table |= {name: Token("part", part), f"{name}s": Token("part", part, plural=True)}
    for rule, phrases in _BOUNDS.items():
        table |= dict.fromkeys(phrases.split("|"), Token("bound", word=rule))
    for rule, phrases in _AFTER.items():
        table |= dict.fromkeys(phrases.split("|"), Token("after", word=rule))
    for kind, words in _SYNONYMS.items():
        table |= dict.fromkeys(words.split("|"), Token(kind))
    return table | _OTHERS | dict.fromkeys(("per cent", "pct", "pc"), Token("percent", word="percent"))


def _lexicon() -> dict[str, list[tuple[list[str], Token]]]:
    """Return the phrases by their first word, the longest first."""
    lexicon = defaultdict(list)
    for phrase, token in _phrases().items():
        first, *rest = phrase.split()
        lexicon[first].append((rest, token))
    return {first: sorted(phrases, key=lambda phrase: -len(phrase[0])) for first, phrases in lexicon.items()}


LEXICON = _lexicon()
