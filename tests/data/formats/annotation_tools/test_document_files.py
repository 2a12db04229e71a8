"""File names for the ids of reports, and back."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.document_files import FileNames, report_id, require_encodable
from conflict_ner.errors import DataError
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), unique=True))
def test_names_are_safe_different_and_give_the_ids_back(ids: list[str]) -> None:
    names = FileNames()
    given_names = [names.name(each) for each in ids]
    assert [report_id(each) for each in given_names] == ids
    assert len({each.casefold() for each in given_names}) == len(ids)
    for name in given_names:
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert name.strip(" ") == name
        assert name[0] != "."


def test_names_that_differ_in_capitals_or_not_at_all_get_files_of_their_own() -> None:
    names = FileNames()
    assert [names.name(each) for each in ("a", "A", "a", "/", "con", "CON.x", "")] == [
        *("a", "%41", "a-2", "%2F", "%63on", "%43ON.x", "report"),
    ]


def test_long_names_are_cut_and_stay_different() -> None:
    names = FileNames()
    first, second = names.name("é" * 300 + "a"), names.name("é" * 300 + "b")
    assert first != second
    assert all(len(each.encode()) <= 220 for each in (first, second))


def test_texts_that_are_not_unicode_are_refused_together() -> None:
    with pytest.raises(DataError, match=r"2 places; the next: c"):
        list(require_encodable(Document(name, text) for name, text in (("a", "\ud800"), ("b", "x"), ("c", "\udc00"))))
