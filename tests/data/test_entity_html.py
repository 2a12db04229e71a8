"""Entities as a notebook shows them: every character of the text, in boxes, and nothing that runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from conflict_ner.data.document import Entity
from conflict_ner.data.entity_html import COLORS, TaggedText, color_number, entity_html, text_html
from conflict_ner.values import parse_number
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")


class Reader(HTMLParser):
    """Collects what a browser would show, and the names of elements and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self.names: set[str] = set()
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "b" not in self.inside:
            self.shown.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.inside == []
    return reader


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("<>&\"'/ab \U0001f4a3\n"), min_size=2), st.text(st.sampled_from("<>\"'&A."), min_size=1))
def test_any_text_and_any_label_are_shown_and_escaped(text: str, label: str) -> None:
    entity = Entity(label, text[1:], 1, len(text), 0.5, kind=label)
    reader = read(text_html(text, [entity], LABELS))
    assert "".join(reader.shown).replace(text[1:] + " ", text[1:]) == text
    assert reader.names <= {"div", "dir", "style", "mark", "b", "title"}


def test_a_notebook_shows_an_entity_and_a_tagged_text() -> None:
    sure, unsure = Entity("ACTOR", "Rebels", 0, 6, 0.98), Entity("LOCATION", "Goma", 12, 16, 0.696)
    html = sure._repr_html_()
    assert f"border: 1px solid {COLORS[0]}" in html
    assert re.sub("<[^>]*>", "", html) == "Rebels ACTOR 0.98"
    assert "dashed" in entity_html(Entity("LOCATION", "Goma", 0, 4, 0.694))
    assert "dashed" not in unsure._repr_html_()  # 0.70 as shown
    shown = TaggedText("Rebels left Goma.", (sure, unsure), LABELS)._repr_html_()
    assert re.sub("<[^>]*>", "", shown) == "Rebels ACTOR 0.98 left Goma LOCATION 0.70."


def test_what_a_number_is_worth_shows_on_hovering() -> None:
    two = Entity("NUMBER.killed", "at least two", 0, 12, 0.9, parse_number("at least two"), "killed")
    assert 'title="killed, 2+"' in entity_html(two)


@pytest.mark.parametrize(("label", "number"), [("ACTOR", 0), ("NUMBER", 3), ("NUMBER.other", 3)])
def test_our_labels_and_their_kinds_have_the_colors_of_our_charts(label: str, number: int) -> None:
    assert color_number(label) == number


def test_any_other_label_has_a_color_and_keeps_it() -> None:
    assert color_number("PERSON") == color_number("PERSON") < len(COLORS)
    assert [color_number(str(k), [str(k) for k in range(9)]) for k in range(9)] == [*range(8), 0]
