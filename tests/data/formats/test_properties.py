"""Properties of the file formats: what is written is read back unchanged."""

from __future__ import annotations

import itertools
import json
import sys
from types import ModuleType

import pytest
from conflict_ner.config import ColumnsConfig
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import jsonl, markup
from conflict_ner.data.formats.tagged_words import conll
from conflict_ner.data.validation import check_document
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    pass
else:
    pass

checked = settings(max_examples=40, deadline=None, derandomize=True, database=None)
# Strings with a meaning in a format, line ends and white space of editors and languages, characters of several bytes.
PIECES = [*'[]\\()#"{=: \n\r\ta1é\x00\x0b\x0c\x1c\x85\u00a0\u00ad\u2003']
PIECES += [*"\u2028\u2029\u202f\u3000\ufeff\u200f\u202b\u200d\U0001f600", "كابل", "東京"]
PIECES += ["](A)", "[x](A)", "\\n", "\\u0041", "=== ", "\n=== x", "\n\n", "\r\n", "  ", "e\u0301"]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=20))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=4,
)
METADATA = st.dictionaries(TEXTS.filter(lambda key: key not in markup.RESERVED_KEYS), JSON_VALUES, max_size=2)
LABELS = ("ACTOR", "B-C", "é")


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document with mentions that do not overlap and with metadata of any JSON type."""
    text = draw(TEXTS)
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    drawn = [Mention(start, end, draw(st.sampled_from(("", *LABELS)))) for start, end in itertools.pairwise(edges)]
    mentions = tuple(mention for mention in drawn if mention.label)
    return Document(draw(TEXTS.filter(bool)), text, mentions, draw(METADATA))


def as_json(document: Document) -> str:
    """A document with the types of its metadata, since 1 == 1.0 == True in Python."""
    return json.dumps(jsonl.to_record(document), sort_keys=True)


@pytest.mark.parametrize("form", [markup, jsonl], ids=["markup", "jsonl"])
def test_parse_returns_the_documents_that_dump_wrote(form: ModuleType) -> None:
    @checked
    @given(st.lists(documents(), min_size=1, max_size=3))
    def check(written: list[Document]) -> None:
        parsed, problems = form.parse(form.dump(written).encode().decode(), "f")
        assert problems == []
        assert parsed == written
        assert list(map(as_json, parsed)) == list(map(as_json, written))
        assert all(document.is_valid for document in parsed)

    check()


@checked
@given(documents())
def test_a_document_without_problems_can_be_written_in_markup(document: Document) -> None:
    if not check_document(document, LABELS):
        assert markup.parse(markup.dump([document]), "f") == ([document], [])


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6)
# Separators at the end of all words are taken for separators of columns, and # may begin a comment.
WORDS = WORDS.filter(lambda word: word[-1] not in ",;|:/" and word[0] != "#")


@st.composite
def tagged_sentences(draw: st.DrawFn) -> list[list[tuple[str, str]]]:
    """Sentences of words and IOB2 tags, with at least one mention so that the tags are known by their column."""
    sentences: list[list[tuple[str, str]]] = []
    for words in draw(st.lists(st.lists(WORDS, min_size=1, max_size=8), min_size=1, max_size=3)):
        tags = ["B-A"] if not sentences else []
        for _ in words[len(tags) :]:
            inside = [f"I-{tags[-1][2:]}"] if tags and tags[-1] != "O" else []
            tags.append(draw(st.sampled_from(["O", "B-A", "B-B", *inside])))
        sentences.append(list(zip(words, tags, strict=True)))
    return sentences


@checked
@given(tagged_sentences(), st.sampled_from(["\t", " "]))
def test_conll_documents_have_the_words_and_tags_of_their_lines(
    sentences: list[list[tuple[str, str]]], separator: str
) -> None:
    source = "\n".join("".join(f"{word}{separator}{tag}\n" for word, tag in sentence) for sentence in sentences)
    parsed, problems = conll.parse(source, "a.conll", ColumnsConfig(word=1, tag=2))
    assert problems == []
    assert [document.text.split(" ") for document in parsed] == [[word for word, _ in words] for words in sentences]
    for document, sentence in zip(parsed, sentences, strict=True):
        ends = list(itertools.accumulate(len(word) + 1 for word, _ in sentence))
        tags = ["O"] * len(sentence)
        for mention in document.mentions:
            inside = [n for n, end in enumerate(ends) if mention.start < end <= mention.end + 1]
            for n in inside:
                tags[n] = f"{'B' if n == inside[0] else 'I'}-{mention.label}"
        assert tags == [tag for _, tag in sentence]
