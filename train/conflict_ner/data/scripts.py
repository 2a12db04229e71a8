"""Detection of the scripts in a text (Latin, Cyrillic, Han ...), and of texts in scripts that a model never saw.

On words of a script that it never saw, a model's tags are random: it tags nearly all of them.

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
_MIN_SCRIPT_SHARE = 0.05  # of the letters: less is a name or a quotation in another script
_MAX_UNKNOWN_SHARE = 0.5  # of a text's letters may be in scripts that the model was not trained on
# Letters that belong to no script, such as mathematical ones, are not counted.
_LETTER = regex.compile(r"[\p{L}--[\p{Script=Common}\p{Script=Inherited}]]", regex.V1)


def scripts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the scripts of at least a twentieth of all letters in the texts.

    The result is empty if at least a twentieth of the letters are in scripts that this module does not list.
    """
    counts = dict.fromkeys(_SCRIPTS, 0)
    letters = 0
    for text in texts:
        remaining = _count_letters(text, _LETTER)
        letters += remaining
        if text.isascii():
            counts["Latin"] += remaining
            continue
        for script in _SCRIPTS:
            if remaining <= 0:
                break
            in_script = _count_letters(text, _letter_pattern((script,)))
            counts[script] += in_script
            remaining -= in_script
    if letters - sum(counts.values()) >= _MIN_SCRIPT_SHARE * max(letters, 1):
        return ()
    return tuple(script for script, count in counts.items() if count and count >= _MIN_SCRIPT_SHARE * letters)


def is_in_other_script(text: str, known: Sequence[str]) -> bool:
    """Return whether more than half of a text's letters are in scripts other than the known ones.

    Args:
        known: names of Unicode scripts, as `scripts_of` returns them. If empty, the result is False.
    """
    if not known or ("Latin" in known and text.isascii()):
        return False
    letters = _count_letters(text, _LETTER)
    return letters - _count_letters(text, _letter_pattern(tuple(known))) > _MAX_UNKNOWN_SHARE * letters


def _count_letters(text: str, letter: Any) -> int:
    return len(text) - len(letter.sub("", text))


@cache
def _letter_pattern(scripts: tuple[str, ...]) -> Any:
    """Compile a pattern for one letter of these scripts; names that this module does not list are ignored."""
    # The names come from a checkpoint's file, and an unknown one would be an error in the pattern.
    script_classes = "".join(rf"\p{{Script={script}}}" for script in scripts if script in _SCRIPTS)
    return regex.compile(rf"[\p{{L}}&&[{script_classes}]]" if script_classes else r"(?!)", regex.V1)
