"""Words: a mention can end wherever a reader sees an end."""

from __future__ import annotations

import random

import pytest
from conflict_ner.words import split_words


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in zip(*split_words(text), strict=True)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Rebels left Goma.", ["Rebels", "left", "Goma", "."]),
        ("Houthi-held", ["Houthi", "-", "held"]),
        ("60km", ["60", "km"]),
        ("$3m", ["$", "3", "m"]),
        ("1,200", ["1", ",", "200"]),
        ("Su-25s", ["Su", "-", "25", "s"]),
        ("M23", ["M", "23"]),
        ("U.S.-led", ["U", ".", "S", ".", "-", "led"]),
        ("army's", ["army", "'", "s"]),
        ("#FreeGaza_now", ["#", "FreeGaza", "_", "now"]),
        ("...", [".", ".", "."]),
        ("", []),
        (" \n\t\u00a0\u3000", []),
    ],
)
def test_letters_digits_and_marks_part(text: str, parts: list[str]) -> None:
    assert words(text) == parts


@pytest.mark.parametrize(
    "text", ["Ka\u0308mpfer", "e\u0301\u0302", "كِتَاب", "हिन्दी", "Việt", "ДНР", "カタカナ"], ids=ascii
)
def test_combining_marks_stay_with_their_letters(text: str) -> None:
    assert words(text) == [text]


def test_ideographs_are_words_by_themselves() -> None:
    assert words("東京で3人") == ["東", "京", "で", "3", "人"]
    assert words("abc東") == ["abc", "東"]
    assert words("東\ufe00京") == ["東\ufe00", "京"]


@pytest.mark.parametrize("digits", ["٣٤", "३४", "34"], ids=ascii)
def test_digits_of_any_script_are_a_word(digits: str) -> None:
    assert words(f"{digits}km") == [digits, "km"]


def test_every_character_but_spaces_is_in_exactly_one_word() -> None:
    chance = random.Random(5)
    pieces = [*"aé9½-$%_ \n東か³Ⅷك\u3007\u0301\u00a0\u2028\u3000\u200f\u200b\ufeff\u200d\U0001f600\x00\ud800"]
    pieces += ["e\u0301", "\U0001f1fa\U0001f1e6"]
    for _ in range(500):
        text = "".join(chance.choices(pieces, k=chance.randint(0, 15)))
        starts, ends = split_words(text)
        covered = [at for start, end in zip(starts.tolist(), ends.tolist(), strict=True) for at in range(start, end)]
        assert covered == [at for at, char in enumerate(text) if not char.isspace()]


def test_a_text_without_words_has_arrays_without_elements() -> None:
    starts, ends = split_words(" ")
    assert starts.shape == ends.shape == (0,)
