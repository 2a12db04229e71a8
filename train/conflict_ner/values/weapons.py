"""Say what kind of weapon the words of a WEAPON mention name, by rules and a lexicon.

The words of a mention are looked up, longest phrase first, in the tables of `weapon_names` and `weapon_lexicon`;
designations (`Mi-24`, `BM-21`, `T-72B3`) match a family of `weapon_designations`. Then rules decide, in this order:

0. Arms of two kinds joined by "and" or "or" have none (`rifles and grenades`), except as the first rules say.
1. A ship's prefix, a suicide attack and a chemical decide whatever stands beside them.
2. A drone, aircraft or helicopter wins over the munition that it carries (`drone-dropped grenade`).
3. A vehicle or boat that is a bomb is one (`truck bomb`), and so is what has not exploded.
4. A last word that leaves no doubt (`M48 rifle`), else the last sure name (`RPG-7 rockets`), then the last common
   noun, with its caliber where that matters (`155mm shells`, `7.62 rounds`), then a caliber alone, then the last
   ambiguous word.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from conflict_ner.values import weapon_designations, weapon_lexicon, weapon_names
from conflict_ner.values.weapon_folding import fold, fold_entry, singular, split


class WeaponKind(StrEnum):
    """The kinds of weapons, as docs/values.md defines them."""

    UAV = "uav"
    AIR = "air"
    ARTILLERY = "artillery"
    MISSILE = "missile"
    GRENADE = "grenade"
    SMALL_ARMS = "small-arms"
    IED_MINE = "ied-mine"
    SUICIDE = "suicide"
    VEHICLE = "vehicle"
    NAVAL = "naval"
    CHEMICAL = "chemical"
    BLADE = "blade"
    OTHER = "other"


ACLED_SUB_EVENTS: Final[Mapping[WeaponKind, str | None]] = {
    WeaponKind.UAV: "Air/drone strike",
    WeaponKind.AIR: "Air/drone strike",
    WeaponKind.ARTILLERY: "Shelling/artillery/missile attack",
    WeaponKind.MISSILE: "Shelling/artillery/missile attack",
    WeaponKind.GRENADE: "Grenade",
    WeaponKind.SMALL_ARMS: None,
    WeaponKind.IED_MINE: "Remote explosive/landmine/IED",
    WeaponKind.SUICIDE: "Suicide bomb",
    WeaponKind.VEHICLE: None,
    WeaponKind.NAVAL: None,
    WeaponKind.CHEMICAL: "Chemical weapon",
    WeaponKind.BLADE: None,
    WeaponKind.OTHER: None,
}
"""ACLED's sub-event type for an attack by a kind alone; None where it depends on who fights whom."""

_MAX_LENGTH = 200  # characters; no mention of a weapon in the data is half as long
_STRONG, _COMMON, _WEAK = 3, 2, 1
_PLATFORMS = frozenset({WeaponKind.UAV, WeaponKind.AIR, WeaponKind.NAVAL})
_FLYING = frozenset({WeaponKind.UAV, WeaponKind.AIR})
_CARRIERS_OF_BOMBS = frozenset({WeaponKind.VEHICLE, WeaponKind.NAVAL})
_SMALLEST_ARTILLERY_MM = 20.0
_BOMB_WORDS = frozenset({"bomb", "bombing", "ied", "bomb attack", "bomb blast", "bomb explosion", "bombed"})
_NO_CREW = frozenset({"unmanned", "uncrewed", "pilotless", "remotely piloted"})
_SHORTEST_MISREAD = 5
_SHORTEST_MENDED = 7  # where one of the two parts is a word by itself
_FITTED_WITH = frozenset({"with", "fitted", "carrying", "mounting"})
_MOUNTED_ON = ["mounted", "on"]
_JOINING = frozenset({"and", "or"})
# Heads that leave no doubt: an `M48 rifle` is no tank.
_CLASSES = frozenset(
    {
        *("rifle", "assault rifle", "sniper rifle", "pistol", "revolver", "carbine", "shotgun", "machine gun"),
        *("light machine gun", "heavy machine gun", "submachine gun", "tank", "apc", "howitzer", "mortar"),
    }
)
_ANY_CALIBER = """
    gun gunfire cannon autocannon ammunition ammo cartridge bullet round rd magazine projectile shell munition bomb
    battery tube barrel fire blank tracer weapon caliber calibre charge
"""
_CALIBER_NOUNS = frozenset(_ANY_CALIBER.split())  # arms of any caliber: the figure tells small arms from artillery
_MM = re.compile(r"([0-9]+(?:[.,][0-9]+)?)mm")
_INCHES = re.compile(r"[\w.]+inch")
_BORE = re.compile(r"\d+bore")
_HEAVY_BOMB = re.compile(
    r"\b[1-9],?\d{2,3}[ -]?(?:pound|lb|pounder|kg|kilo|kilogram|kilogramme)s?[ -](?:\w+[ -]){0,2}bomb"
)
_SMALL_CALIBERS = frozenset(
    {"303", "5.45", "5.56", "5.7", "5.8", "6.35", "6.5", "6.8", "7.5", "7.62", "7.63", "7.65", "7.92", "12.7", "14.5"}
)
_GUN_CALIBERS = frozenset({"81", "82", "105", "106", "107", "120", "122", "130", "152", "155"})  # `107s` alone
_DIGITS_FOR_LETTERS = str.maketrans({"0": "o", "1": "l", "5": "s"})


class _Word(NamedTuple):
    """A word or phrase of a mention whose kind is known."""

    text: str
    kind: WeaponKind
    strength: int


class _Lexicon(NamedTuple):
    """The tables in the form that mentions are looked up in."""

    words: Mapping[str, _Word | None]  # None: a phrase that hides the words in it
    longest: Mapping[str, int]  # how many words the longest phrase has that begins with a word
    vocabulary: frozenset[str]  # every word of every phrase


def weapon_kind(text: object) -> WeaponKind | None:
    """Say which kind of weapon the words of a WEAPON mention name.

    Args:
        text: A mention as it stands in a report: any case, with line breaks or hyphens inside. What is no string (an
            empty cell of a table) has no kind.

    Returns:
        The kind, or None where the words do not tell (`weapons`, a ship's bare name, the empty string). Nothing raises.

    >>> weapon_kind("Shahed-136 drones"), weapon_kind("155mm shells"), weapon_kind("sniper fire")
    (<WeaponKind.UAV: 'uav'>, <WeaponKind.ARTILLERY: 'artillery'>, <WeaponKind.SMALL_ARMS: 'small-arms'>)
    """
    return _weapon_kind(text) if isinstance(text, str) and len(text) <= _MAX_LENGTH else None


def to_acled(kind: WeaponKind) -> str | None:
    """Give ACLED's sub-event type for an attack by a weapon of this kind alone.

    Args:
        kind: A kind of weapon.

    Returns:
        A sub-event type of the event type Explosions/Remote violence, or None where ACLED decides by the actors and not
        by the weapon (Armed clash, Attack). Source: ACLED codebook, https://acleddata.com/knowledge-base/codebook/.

    >>> to_acled(WeaponKind.UAV), to_acled(WeaponKind.SMALL_ARMS)
    ('Air/drone strike', None)
    """
    return ACLED_SUB_EVENTS[kind]


@lru_cache(maxsize=16384)
def _weapon_kind(text: str) -> WeaponKind | None:
    folded = fold(text)
    lexicon = _lexicon()
    if known := lexicon.words.get(folded):
        return known.kind
    tokens = split(folded)
    if not all(singular(token) in lexicon.vocabulary for token in tokens):
        tokens = _mend(tokens, lexicon.vocabulary)
    tokens = list(map(singular, tokens))
    for i in range(1, len(tokens)):
        # `pick-ups fitted with 14.5 mm guns` and `machine guns mounted on pick-ups` are pick-ups.
        if tokens[i] in _FITTED_WITH:
            return _decide(tokens[:i], folded) or _decide(tokens[i + 1 :], folded)
        if tokens[i : i + 2] == _MOUNTED_ON:
            return _decide(tokens[i + 2 :], folded) or _decide(tokens[:i], folded)
    return _decide(tokens, folded)


def _decide(tokens: list[str], folded: str) -> WeaponKind | None:
    """Apply the rules of this module, in their order."""
    words = list(_known_words(tokens))
    if _names_two_kinds(tokens, words):
        return None
    kind = _deciding_kind(tokens, words)
    return kind if kind is not None else _head_kind(tokens, words, folded)


def _names_two_kinds(tokens: list[str], words: list[_Word]) -> bool:
    """Say whether "and" or "or" joins arms of two kinds, as in `rifles and grenades`.

    Not after a platform that goes with both (`helicopter guns and rockets`), nor beside a ship's prefix.
    """
    position = next((i for i, token in enumerate(tokens) if token in _JOINING), 0)
    if not position or " ".join(tokens) in _lexicon().words or _has_ship_prefix(tokens, words):
        return False
    first, second = (list(_known_words(part)) for part in (tokens[:position], tokens[position + 1 :]))
    if not first or not second or any(word.kind is WeaponKind.SUICIDE for word in words):
        return False
    if any(word.kind in _FLYING for word in first[:-1]) and first[-1].kind not in _FLYING:
        return False
    kinds = {_decide(part, " ".join(part)) for part in (tokens[:position], tokens[position + 1 :])}
    return len(kinds) > 1


def _deciding_kind(tokens: list[str], words: list[_Word]) -> WeaponKind | None:
    """Find what decides wherever it stands: rules 1 to 3."""
    kinds = {word.kind for word in words}
    sure = [word.kind for word in words if word.strength > _WEAK]
    platform = next((kind for kind in reversed(sure) if kind in _PLATFORMS), None)
    if _has_ship_prefix(tokens, words):
        return WeaponKind.NAVAL
    if WeaponKind.SUICIDE in kinds and WeaponKind.UAV not in kinds:
        return WeaponKind.IED_MINE if "non" in tokens else WeaponKind.SUICIDE
    if WeaponKind.CHEMICAL in sure:
        return WeaponKind.CHEMICAL
    if platform in _FLYING:
        return WeaponKind.UAV if any(word.text in _NO_CREW for word in words) else platform
    bomb = bool(words) and words[-1].text in _BOMB_WORDS and not kinds.isdisjoint(_CARRIERS_OF_BOMBS)
    laden = "explosive" in tokens and words[-1].kind is WeaponKind.VEHICLE
    return WeaponKind.IED_MINE if bomb or laden or "unexploded" in tokens else None


def _has_ship_prefix(tokens: list[str], words: list[_Word]) -> bool:
    """Tell whether a name follows a prefix, as in `USS Harlan Pike`; the phrase `IRIS-T` is no ship."""
    return any(
        token in weapon_designations.SHIP_PREFIXES and not any(word.text.startswith(f"{token} ") for word in words)
        for token in tokens[:-1]
    )


def _head_kind(tokens: list[str], words: list[_Word], folded: str) -> WeaponKind | None:
    """Find the kind of the head of a mention: rule 4."""
    strong = [word.kind for word in words if word.strength == _STRONG]
    if words and words[-1].text in _CLASSES:
        return words[-1].kind
    if strong:
        # A ship's type and its name, which may be that of an arm: `frigate Halcon`.
        is_ship = strong[0] is WeaponKind.NAVAL and len(strong) == len(words)
        return WeaponKind.NAVAL if is_ship else strong[-1]
    caliber = _caliber_kind(tokens)
    common = [word.kind for word in words if word.strength == _COMMON and not (caliber and word.text in _CALIBER_NOUNS)]
    if common:
        return common[-1]
    if "bomb" in folded and _HEAVY_BOMB.search(folded):
        return WeaponKind.AIR
    return caliber or (words[-1].kind if words else None)


def _known_words(tokens: list[str]) -> Iterator[_Word]:
    """Yield the known words and phrases from left to right, the longest phrase at each place."""
    lexicon = _lexicon()
    i = 0
    while i < len(tokens):
        for length in range(min(lexicon.longest.get(tokens[i], 0), len(tokens) - i), 0, -1):
            phrase = " ".join(tokens[i : i + length])
            if phrase in lexicon.words:
                if word := lexicon.words[phrase]:
                    yield word
                i += length
                break
        else:
            word = _designation(tokens[i])
            if word is not None:
                yield word
            i += 1


@lru_cache(maxsize=4096)
def _designation(token: str) -> _Word | None:
    """Find the family of a designation such as `mig29`."""
    if token.isalpha():
        return None  # a word such as `mark`, which a family with an optional figure would take
    match = weapon_designations.families().fullmatch(token)
    if match is not None and match.lastgroup is not None:
        *kind, strength, _ = match.lastgroup.split("_")
        return _Word(token, WeaponKind("-".join(kind)), _STRONG if strength == "sure" else _WEAK)
    return None


def _caliber_kind(words: list[str]) -> WeaponKind | None:
    """Tell small arms from artillery by the first caliber."""
    for word in words:
        if match := _MM.fullmatch(word):
            small = float(match[1].replace(",", ".")) < _SMALLEST_ARTILLERY_MM
            return WeaponKind.SMALL_ARMS if small else WeaponKind.ARTILLERY
        if word in _GUN_CALIBERS or _INCHES.fullmatch(word):
            return WeaponKind.ARTILLERY
        if word.replace(",", ".") in _SMALL_CALIBERS or _BORE.fullmatch(word):
            return WeaponKind.SMALL_ARMS
    return None


def _mend(tokens: list[str], vocabulary: frozenset[str]) -> list[str]:
    """Join words that a line break or a scanner has cut, and undo a scanner's usual mistakes."""
    mended: list[str] = []
    for seen in tokens:
        token = seen
        if singular(seen) not in vocabulary:
            token = next((other for other in _misreadings(seen) if singular(other) in vocabulary), seen)
        if mended and token.isalpha() and mended[-1].isalpha():
            known = (singular(mended[-1]) in vocabulary) + (singular(token) in vocabulary)
            joined = mended[-1] + token
            if (known == 0 or (known == 1 and len(joined) >= _SHORTEST_MENDED)) and singular(joined) in vocabulary:
                mended[-1] = joined
                continue
        mended.append(token)
    return mended


def _misreadings(token: str) -> Iterator[str]:
    """Yield what a scanned word may have been: `he1icopters`, `bornb`."""
    if len(token) >= _SHORTEST_MISREAD and token[0].isalpha():
        if not token.isalpha():
            yield token.translate(_DIGITS_FOR_LETTERS)
        elif "rn" in token:
            yield token.replace("rn", "m")


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    """Fold the tables; on the first use, because it takes a tenth of a second."""
    tables = ((_WEAK, weapon_lexicon.WEAK), (_COMMON, weapon_lexicon.NOUNS), (_STRONG, weapon_names.NAMES))
    words: dict[str, _Word | None] = {fold_entry(entry): None for entry in weapon_lexicon.NO_KIND.split(",")}
    words |= {
        phrase: _Word(phrase, WeaponKind(kind), strength)
        for strength, table in tables
        for kind, entries in table.items()
        for phrase in (fold_entry(entry) for entry in entries.split(","))
    }
    longest: dict[str, int] = {}
    for phrase in words:
        first, *rest = phrase.split()
        longest[first] = max(longest.get(first, 0), 1 + len(rest))
    return _Lexicon(words, longest, frozenset(token for phrase in words for token in phrase.split()))
