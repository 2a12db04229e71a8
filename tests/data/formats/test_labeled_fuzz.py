"""Damaged labeled files: the text that is read is always text of the file."""

from __future__ import annotations

import json
import re
from typing import Any

from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import jsonl, markup
from hypothesis import example, given, settings
from hypothesis import strategies as st

DOCUMENTS = [
    Document("one", "Rebels [left] Goma.", (Mention(0, 6, "ACTOR"), Mention(14, 18, "LOCATION")), {"year": 2024}),
    Document(
        "two", "=== Das Heer\n\nzog \\ ab. \U0001f600 é", (Mention(4, 12, "ACTOR"),), {"tags": ["x"], "genre": "a"}
    ),
    Document("three", "Nothing happened."),
]
PIECES = [
    "[",
    "]",
    "](ACTOR)",
    "\\",
    "\\n",
    "\n",
    "\r\n",
    "===",
    "=== x",
    '"',
    "{",
    "}",
    ",",
    ":",
    "0",
    "-1",
    "99",
    "é",
]
# Cuts a piece out, puts one in, or moves one: three numbers choose where.
CHANGE = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 30), st.sampled_from(["", *PIECES]))
fuzzed = settings(max_examples=50, deadline=None, derandomize=True, database=None)


def mutated(source: str, changes: list[tuple[int, int, int, str]]) -> str:
    for start, target, length, piece in changes:
        cut = source[start : start + length]
        source = source[:start] + piece + source[start + length :]
        source = source[:target] + (cut if not piece else "") + source[target:]
    return source


@fuzzed
@given(st.lists(CHANGE, max_size=4))
@example([])
def test_a_damaged_marked_up_file_gives_only_its_own_characters(changes: list[tuple[int, int, int, str]]) -> None:
    source = mutated(markup.dump(DOCUMENTS), changes)
    documents, problems = markup.parse(source, "f.md")
    assert documents or problems
    at = 0
    for document in documents:
        for mention in document.mentions:
            assert 0 <= mention.start <= mention.end <= len(document.text)
            assert document.slice(mention) == document.text[mention.start : mention.end]
        for char in re.sub(r"\s", "", document.text):  # an escape writes a space by another character
            at = source.find(char, at) + 1  # each once, in the order of the file
            assert at > 0, document.text
    empty = any(mention.start == mention.end for document in documents for mention in document.mentions)
    if not problems and not empty:  # an empty mention is a fault that `check` names
        assert markup.parse(markup.dump(documents), "f.md") == (documents, [])


def texts_of(source: str) -> list[str]:
    values: list[Any] = []
    for line in source.split("\n"):
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return [value["text"] for value in values if isinstance(value, dict) and isinstance(value.get("text"), str)]


@fuzzed
@given(st.lists(CHANGE, max_size=4))
@example([])
def test_a_damaged_jsonl_file_gives_only_whole_lines(changes: list[tuple[int, int, int, str]]) -> None:
    source = mutated(jsonl.dump(DOCUMENTS), changes)
    documents, problems = jsonl.parse(source, "f.jsonl")
    assert documents or problems
    assert {document.text for document in documents} <= set(texts_of(source))
    written = {(d.id, d.text): json.loads(line)["entities"] for d, line in _lines(documents, source)}
    for document in documents:
        if document.is_valid:
            found = [{"start": m.start, "end": m.end, "label": m.label} for m in document.mentions]
            assert all(mention in found for mention in written[document.id, document.text])
            assert len(found) == len(written[document.id, document.text])


def _lines(documents: list[Document], source: str) -> list[tuple[Document, str]]:
    lines = source.split("\n")
    return [(document, lines[int(document.origin.rpartition(":")[2]) - 1]) for document in documents]
