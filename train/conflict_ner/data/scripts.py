"""Which scripts a text is written in (Latin, Cyrillic, Han ...), and whether a model was trained on them.

A model tags words of a script that it has never seen at random: nearly all of them.

>>> is_in_other_script("Повстанцы покинули Гому.", ["Latin"]), is_in_other_script("Rebels left Гома.", ["Latin"])
(True, False)
>>> scripts_of(["Повстанцы покинули Гому.", "Войска пришли."])
('Cyrillic',)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import regex

# fmt: off
_SCRIPTS = (
    "Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Armenian", "Georgian", "Ethiopic", "Devanagari", "Bengali",
    "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Myanmar",
    "Khmer", "Tibetan", "Mongolian", "Thaana", "Syriac", "Han", "Hiragana", "Katakana", "Hangul", "Bopomofo",
)
# fmt: on
_LEAST = 0.05  # of the letters: less is a name or a quotation in another script
_MOST = 0.5  # of the letters of a text may be in scripts that the model does not know
# Letters that belong to no script, such as those of mathematics, tell nothing.
_LETTER = regex.compile(r"[\p{L}--[\p{Script=Common}\p{Script=Inherited}]]", regex.V1)


def scripts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The scripts in which at least a twentieth of the letters of all texts are; none where one is unknown here."""
    counts = dict.fromkeys(_SCRIPTS, 0)
    letters = 0
    for text in texts:
        found = _letters(text, _LETTER)
        letters += found
        if text.isascii():
            counts["Latin"] += found
            continue
        for script in _SCRIPTS:
            if found <= 0:
                break
            of_script = _letters(text, _of((script,)))
            counts[script] += of_script
            found -= of_script
    if letters - sum(counts.values()) >= _LEAST * max(letters, 1):
        return ()
    return tuple(script for script, count in counts.items() if count and count >= _LEAST * letters)


def is_in_other_script(text: str, known: Sequence[str]) -> bool:
    """Whether more than half of a text's letters are in scripts that are not among the known ones.

    Args:
        known: names of Unicode scripts, as `scripts_of` gives them; empty: nobody knows, so no text is.
    """
    if not known or ("Latin" in known and text.isascii()):
        return False
    letters = _letters(text, _LETTER)
    return letters - _letters(text, _of(tuple(known))) > _MOST * letters


def _letters(text: str, kind: Any) -> int:
    return len(text) - len(kind.sub("", text))


@cache
def _of(scripts: tuple[str, ...]) -> Any:
    """A letter of one of the scripts; of those that this module knows, as names come from a file."""
    named = "".join(rf"\p{{Script={script}}}" for script in scripts if script in _SCRIPTS)
    return regex.compile(rf"[\p{{L}}&&[{named}]]" if named else r"(?!)", regex.V1)
