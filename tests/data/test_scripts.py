"""Detection of the scripts of texts."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

import pytest
from conflict_ner.data.scripts import is_in_other_script, scripts_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Rebels left Goma.", "Latin"),
        ("Zażółć gęślą jaźń, Ｇｏｍａ", "Latin"),
        ("Повстанцы взяли 3 Т-72.", "Cyrillic"),
        ("Οι αντάρτες έφυγαν.", "Greek"),
        ("غادر المتمردون غوما", "Arabic"),
        ("叛军离开了戈马。", "Han"),
        ("विद्रोही गोमा से चले गए", "Devanagari"),
    ],
)
def test_the_script_of_a_text_is_that_of_its_letters(text: str, script: str) -> None:
    assert scripts_of([text]) == (script,)
    assert not is_in_other_script(text, [script])
    assert is_in_other_script(text, ["Latin"]) == (script != "Latin")
    assert is_in_other_script(text, ["Cyrillic"]) == (script != "Cyrillic")
    assert not is_in_other_script(text, [])  # nobody knows


@pytest.mark.parametrize("text", ["", "1234 -- 5", "∀𝐱 2· µ", "M23 left Гома"])
def test_a_text_without_letters_or_mostly_in_the_script_is_not_in_another(text: str) -> None:
    assert not is_in_other_script(text, ["Latin"])


def test_scripts_with_few_letters_are_not_counted() -> None:
    assert scripts_of(["Rebels left Goma.", "Повстанцы ушли."]) == ("Latin", "Cyrillic")
    assert scripts_of(["Rebels left Goma and went on. " * 20 + "Гома"]) == ("Latin",)
    assert scripts_of([]) == ()
    assert scripts_of(["ᚱᛖᛒᛖᛚᛋ"]) == ()  # runes: not known here, so nothing is said of them
    assert is_in_other_script("Rebels", ["no script"])
