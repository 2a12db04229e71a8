"""Documents from words with tags, and words with tags from documents: what all formats of tagged words share.

>>> document, problems = to_document("a", ["Rebels", "left", "."], ["B-ACTOR", "O", "O"], lambda word: f"a:{word + 1}")
>>> document.text, [document.slice(mention) for mention in document.mentions], problems
('Rebels left .', ['Rebels'], [])
>>> to_words(document)
(['Rebels', 'left', '.'], [(0, 1, 'ACTOR')])
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from conflict_ner.data.document import Document, Mention, is_encodable
from conflict_ner.data.formats.tagged_words.tag_schemes import IOB2, Fault, Scheme, read_tags
from conflict_ner.data.labels import WordSpan
from conflict_ner.data.words import split_words
from conflict_ner.errors import Problem


def to_document(
    identity: str,
    words: Sequence[str],
    tags: Sequence[str],
    where: Callable[[int], str],
    scheme: Scheme = IOB2,
    *,
    metadata: Mapping[str, Any] | None = None,
    text: str | None = None,
    faults: Sequence[Fault] = (),
) -> tuple[Document, list[Problem]]:
    """Return the report of a sentence's words and tags, and its problems in the order of the words.

    Args:
        identity: its id.
        words: its words.
        tags: the tag of each word.
        where: returns the place of a word, for problems.
        scheme: the scheme of the tags.
        metadata: its metadata.
        text: the text in which the words stand, in their order; without it, or if they do not, they are joined by
            single spaces.
        faults: further faults of single words.
    """
    spans, tag_faults = read_tags(tags, scheme)
    problems = [Problem(where(word), what, fix) for word, what, fix in sorted([*faults, *tag_faults])]
    offsets = _find_words(words, text) if text is not None else None
    if text is None or offsets is None:
        text = " ".join(words)
        ends = accumulate(len(word) + 1 for word in words)  # each after the space that follows the word
        offsets = [(end - 1 - len(word), end - 1) for end, word in zip(ends, words, strict=True)]
    document = Document(
        id=identity,
        text=text,
        mentions=tuple(Mention(offsets[first][0], offsets[last - 1][1], label) for first, last, label in spans),
        metadata=metadata or {},
        origin=where(0),
        places=tuple(where(first) for first, _, _ in spans),
        is_valid=not problems,
    )
    return document, problems


def _find_words(words: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Return where words stand in a text, each after the one before it and only white space between; else None."""
    offsets = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if not word or start < 0 or text[end:start].strip():
            return None
        end = start + len(word)
        offsets.append((start, end))
    return None if text[end:].strip() else offsets


def word_faults(words: Sequence[str]) -> Iterator[Fault]:
    """Yield the faults of words by themselves: empty ones, and those with a space or a control character."""
    for number, word in enumerate(words):
        if not word:
            yield number, "no word before the tag", "write it, or remove the line"
        elif any(char.isspace() or unicodedata.category(char) == "Cc" for char in word):
            fix = "split it into words, or remove the character"
            yield number, f"{word[:40]!r} contains a space or control character", fix


def to_words(document: Document) -> tuple[list[str], list[WordSpan]]:
    """Return the words of a report and its mentions as spans of words. Words are cut where a mention begins or ends."""
    starts, ends = (offsets.tolist() for offsets in split_words(document.text))
    edges = sorted({edge for mention in document.mentions for edge in (mention.start, mention.end)})
    for edge in set(edges) - {*starts, *ends}:
        at = bisect_right(starts, edge) - 1  # the word that begins before the edge
        if at >= 0 and edge < ends[at]:
            starts.insert(at + 1, edge)
            ends.insert(at, edge)
    words = [document.text[start:end] for start, end in zip(starts, ends, strict=True)]
    spans = [(bisect_left(starts, each.start), bisect_right(ends, each.end), each.label) for each in document.mentions]
    return words, [span for span in spans if span[0] < span[1]]


def unwritable(document: Document, words: Sequence[str]) -> Iterator[Problem]:
    """Yield why a report cannot be written as words with tags."""
    where = document.origin or document.id
    if not words:
        yield Problem(where, "the report has no words", "remove it, or write another format")
    for _, what, fix in word_faults(words):
        yield Problem(where, what, fix)
    if not is_encodable(document.text):
        yield Problem(where, "half of a surrogate pair in the text", "remove it")
    for mention in document.mentions:
        if not mention.label or any(map(str.isspace, mention.label)):
            yield Problem(where, f"the label {mention.label!r} has a space", "rename it")
