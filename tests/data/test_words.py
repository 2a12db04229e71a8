"""Splitting of text into words."""

from __future__ import annotations

import pytest
from conflict_ner.data.words import split_words
from hypothesis import example, given, settings
from hypothesis import strategies as st


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
        ("Su-25s", ["Su", "-", "25s"]),
        ("M23", ["M23"]),
        ("U.S.-led", ["U", ".", "S", ".", "-", "led"]),
        ("army's", ["army", "'", "s"]),
        ("#FreeGaza_now", ["#", "FreeGaza", "_", "now"]),
        ("...", [".", ".", "."]),
        ("", []),
        (" \n\t\u00a0\u3000", []),
    ],
)
def test_letters_digits_and_punctuation_are_separate_words(text: str, parts: list[str]) -> None:
    assert words(text) == parts


@pytest.mark.parametrize(
    "text", ["Ka\u0308mpfer", "e\u0301\u0302", "كِتَاب", "हिन्दी", "Việt", "ДНР", "カタカナ"], ids=ascii
)
def test_combining_marks_stay_with_their_letters(text: str) -> None:
    assert words(text) == [text]


def test_each_ideograph_is_a_word() -> None:
    assert words("東京で3人") == ["東", "京", "で", "3", "人"]
    assert words("abc東") == ["abc", "東"]
    assert words("東\ufe00京") == ["東\ufe00", "京"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("K9", ["K9"]),
        ("m23 ak47", ["m23", "ak47"]),
        ("T-72B3", ["T", "-", "72B3"]),
        ("TU22M3", ["TU22M3"]),
        ("F-16C", ["F", "-", "16C"]),
        ("ak-47s", ["ak", "-", "47s"]),
        ("9K720", ["9K720"]),
        ("2x", ["2", "x"]),
        ("x4", ["x", "4"]),
        ("to-30km", ["to", "-", "30", "km"]),
        ("155mm", ["155", "mm"]),
        ("$5M", ["$", "5", "M"]),
        ("17th", ["17", "th"]),
        ("and35", ["and", "35"]),
        ("Goma\u00b2", ["Goma", "\u00b2"]),
        ("5-6", ["5", "-", "6"]),
    ],
)
def test_letters_and_digits_of_a_designation_are_one_word(text: str, parts: list[str]) -> None:
    assert words(text) == parts


@pytest.mark.parametrize("text", ["Jama'atu", "Sana'a", "O'Brien", "N'Djamena", "Zelens\u2019kyi", "Ba'ath"])
def test_a_name_with_an_apostrophe_is_one_word(text: str) -> None:
    assert words(text) == [text]
    assert words(f"'{text}'s'") == ["'", text, "'", "s", "'"]


@pytest.mark.parametrize("text", ["army's", "ARMY'S", "they'll", "l'arm\u00e9e", "L'Arm\u00e9e", "d'Ivoire", "rebels'"])
def test_possessives_and_elided_articles_are_separate_words(text: str) -> None:
    assert words(text) == [part for part in text.replace("'", " ' ").split(" ") if part]


def test_designations_and_names_are_split_if_join_is_false() -> None:
    starts, ends = split_words("M23 Jama'atu", join=False)
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [(0, 1), (1, 3), (4, 8), (8, 9), (9, 12)]


@pytest.mark.parametrize("digits", ["٣٤", "३४", "34"], ids=ascii)
def test_digits_of_any_script_are_a_word(digits: str) -> None:
    assert words(f"{digits}km") == [digits, "km"]


PIECES = [*"aé9½-$%_ \n東か³Ⅷك\u3007\u0301\u00a0\u2028\u3000\u200f\u200b\ufeff\u200d\U0001f600\x00\ud800"]
PIECES += ["e\u0301", "\U0001f1fa\U0001f1e6", "M23", "T-72B", "Jama'atu", "www.a.org/9", "'s", "x4", "ak47s"]


@pytest.mark.parametrize("join", [True, False])
def test_every_character_but_spaces_is_in_exactly_one_word(join: bool) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=15).map("".join), st.text(max_size=15)))
    @example("a\x1cb\x85")
    def check(text: str) -> None:
        starts, ends = split_words(text, join=join)
        covered = [at for start, end in zip(starts.tolist(), ends.tolist(), strict=True) for at in range(start, end)]
        # White space as Unicode defines it; Python adds four separators of ASCII.
        assert covered == [at for at, char in enumerate(text) if not char.isspace() or char in "\x1c\x1d\x1e\x1f"]

    check()


def test_a_text_without_words_has_arrays_without_elements() -> None:
    starts, ends = split_words(" ")
    assert starts.shape == ends.shape == (0,)


def test_a_web_address_is_one_word() -> None:
    text = "See https://t.co/aB3xYz9, (www.example.org/9-11/) or HTTP://a.b/c?d=12. Not ttps://x 9."
    assert words(text) == [
        *("See", "https://t.co/aB3xYz9", ",", "(", "www.example.org/9-11/", ")", "or", "HTTP://a.b/c?d=12", "."),
        *("Not", "ttps", ":", "/", "/", "x", "9", "."),
    ]
