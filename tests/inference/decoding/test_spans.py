"""Decoding word tags into entities, also if the tokenizer joins or drops words."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.validation import check_document
from conflict_ner.data.words import split_words
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.modeling.encoder import copy_backend
from conflict_ner.modeling.normalization import normalize
from conflict_ner.modeling.tokenization import WindowTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SCHEME = LabelScheme(("NUMBER", "LOCATION"))
MARK = "\ufffd"  # stands for a character that was lost: the tokenizer below drops it, as BERT's does


@pytest.fixture(scope="module")
def by_spaces() -> WindowTokenizer:
    """One token for whatever stands between spaces: `3m` is one, direction marks are none."""
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Replace(MARK, "")
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")  # type: ignore[no-untyped-call]
    return WindowTokenizer.from_tokenizer(copy_backend(tokenizer), 32, 8)


def decode_tags(
    window_tokenizer: WindowTokenizer, text: str, tags: str, scores: list[float] | None = None
) -> list[Entity]:
    """Decode a text from one tag per word, such as `B-NUMBER`; `?` for a word whose tag must not be read."""
    (encoded,) = window_tokenizer.encode([text])
    names = tags.split()
    assert len(names) == len(encoded.word_starts), "a tag for each word"
    wrong = SCHEME.label2id["B-LOCATION"]  # must never be read
    ids = np.array([SCHEME.label2id.get(name, wrong) for name in names], dtype=np.int64)
    assert [name == "?" for name in names] == (encoded.first_subwords < 0).tolist(), (
        "`?` for words without a first subword"
    )
    (found,) = decode([text], [encoded], ids, np.array(scores or [0.5] * len(names), dtype=np.float32), SCHEME)
    return found


def as_pairs(entities: list[Entity]) -> list[tuple[str, str]]:
    return [(entity.text, entity.label) for entity in entities]


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("paid 3m today", "O B-NUMBER ? O", [("3m", "NUMBER")]),
        ("paid $3m today", "O B-NUMBER ? ? O", [("$3m", "NUMBER")]),
        ("some $ 3m today", "O B-NUMBER I-NUMBER ? O", [("$ 3m", "NUMBER")]),
        ("paid 3m today", "O O ? B-NUMBER", [("today", "NUMBER")]),
        ("3m 4m", "B-NUMBER ? B-NUMBER ?", [("3m", "NUMBER"), ("4m", "NUMBER")]),
        ("3m Goma", "B-NUMBER ? B-LOCATION", [("3m", "NUMBER"), ("Goma", "LOCATION")]),
    ],
)
def test_a_word_inside_a_token_is_part_of_what_the_token_is(
    by_spaces: WindowTokenizer, text: str, tags: str, expected: list[tuple[str, str]]
) -> None:
    assert as_pairs(decode_tags(by_spaces, text, tags)) == expected


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        ("in El {} Fasher today", "O B-LOCATION ? I-LOCATION O", ["El {} Fasher"]),
        ("in El {}{} Fasher", "O B-LOCATION ? ? I-LOCATION", ["El {}{} Fasher"]),
        ("Goma {} Beni", "B-LOCATION ? B-LOCATION", ["Goma", "Beni"]),
        ("Goma {} two", "B-LOCATION ? I-NUMBER", ["Goma", "two"]),
        ("Goma {} fell", "B-LOCATION ? O", ["Goma"]),
        ("in {} Goma", "O ? B-LOCATION", ["Goma"]),
        ("in {} Goma", "O ? I-LOCATION", ["Goma"]),
        ("{} Goma {}", "? B-LOCATION ?", ["Goma"]),
        ("{} {}", "? ?", []),
        ("El {}{} Fasher 3m", "B-LOCATION ? ? I-LOCATION I-LOCATION ?", ["El {}{} Fasher 3m"]),
    ],
)
def test_a_dropped_mark_is_inside_a_mention_only_if_the_mention_goes_on(
    by_spaces: WindowTokenizer, text: str, tags: str, expected: list[str]
) -> None:
    found = decode_tags(by_spaces, text.replace("{}", MARK), tags)
    assert [entity.text for entity in found] == [part.replace("{}", MARK) for part in expected]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O I-LOCATION O", [("Goma", "LOCATION")]),
        ("I-NUMBER I-LOCATION O", [("in", "NUMBER"), ("Goma", "LOCATION")]),
        ("B-LOCATION I-NUMBER O", [("in", "LOCATION"), ("Goma", "NUMBER")]),
        ("O I-LOCATION I-LOCATION", [("Goma today", "LOCATION")]),
        ("I-LOCATION O I-LOCATION", [("in", "LOCATION"), ("today", "LOCATION")]),
    ],
)
def test_a_tag_that_continues_nothing_begins_a_mention(
    by_spaces: WindowTokenizer, tags: str, expected: list[tuple[str, str]]
) -> None:
    assert as_pairs(decode_tags(by_spaces, "in Goma today", tags)) == expected


def test_a_score_is_the_mean_over_the_words_with_a_lead(by_spaces: WindowTokenizer) -> None:
    text = f"El {MARK} Fasher 3m and Goma"
    tags = "B-LOCATION ? I-LOCATION I-LOCATION ? O B-LOCATION"
    found = decode_tags(by_spaces, text, tags, [0.9, 0.0, 0.6, 0.3, 0.0, 1.0, 0.25])
    assert [entity.score for entity in found] == pytest.approx([0.6, 0.25])


def test_entities_come_in_order_as_plain_values_and_slice_their_text(by_spaces: WindowTokenizer) -> None:
    text = "two\r\nin \U0001f4a3 Goma, 3m"
    found = decode_tags(by_spaces, text, "B-NUMBER O O B-LOCATION ? B-NUMBER ?")
    assert [(entity.start, entity.end) for entity in found] == [(0, 3), (10, 14), (16, 18)]
    for entity in found:
        assert text[entity.start : entity.end] == entity.text
        assert [type(value) for value in (entity.start, entity.end, entity.score)] == [int, int, float]


def test_a_text_without_words_has_no_entities(by_spaces: WindowTokenizer) -> None:
    assert decode_tags(by_spaces, " \n", "") == []


@pytest.mark.parametrize("ends", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\n\n\n", "\u2029", "\x0c", "</p><p>"])
def test_no_entity_goes_on_across_a_blank_line(by_spaces: WindowTokenizer, ends: str) -> None:
    found = decode_tags(by_spaces, f"in Goma{ends} Goma fell", "O B-LOCATION I-LOCATION O")
    assert as_pairs(found) == [("Goma", "LOCATION")] * 2


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", " \n\t", "<br>"])
def test_an_entity_may_go_on_across_the_end_of_a_line(by_spaces: WindowTokenizer, ends: str) -> None:
    found = decode_tags(by_spaces, f"in El{ends} Fasher fell", "O B-LOCATION I-LOCATION O")
    assert as_pairs(found) == [(f"El{ends} Fasher", "LOCATION")]


def test_a_blank_line_parts_entities_in_its_own_text_only(by_spaces: WindowTokenizer) -> None:
    texts = ["El Fasher", "El\n\nFasher", "", "\n\nEl Fasher\n\n", "El Fasher"]
    encoded = by_spaces.encode(texts)
    tags = np.array([SCHEME.label2id[f"{prefix}-LOCATION"] for prefix in "BI"] * 4)
    found = decode(texts, encoded, tags, np.ones(8, dtype=np.float32), SCHEME)
    assert [[entity.text for entity in each] for each in found] == [
        ["El Fasher"], ["El", "Fasher"], [], ["El Fasher"], ["El Fasher"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("Court ,", "Court"),
        ("( FC )", "( FC )"),
        ("FC )", "FC"),
        ("HMS Daring (", "HMS Daring"),
        ("' people", "people"),
        ("&quot; people", "people"),
        ("\u201c Death squad \u201d", "\u201c Death squad \u201d"),
        ("- Haradh", "Haradh"),
        (". 60", "60"),
        ("Austro -", "Austro"),
        ("Maj .", "Maj ."),
        ("Yahoo !", "Yahoo !"),
        ("40 %", "40 %"),
        ("$ 3", "$ 3"),
        ("# FreeGaza", "# FreeGaza"),
        (", - (", ", - ("),
        (",", ","),
    ],
)
def test_marks_of_the_sentence_stay_outside_an_entity(by_spaces: WindowTokenizer, span: str, expected: str) -> None:
    (encoded,) = by_spaces.encode([f"in {span} today"])
    inside = len(encoded.word_starts) - 3
    found = decode_tags(by_spaces, f"in {span} today", " ".join(["O", "B-LOCATION", *["I-LOCATION"] * inside, "O"]))
    assert as_pairs(found) == [(expected, "LOCATION")]


def test_a_mark_that_carries_the_score_of_what_follows_stays(by_spaces: WindowTokenizer) -> None:
    assert as_pairs(decode_tags(by_spaces, "in (Goma today", "O B-LOCATION ? O")) == [("(Goma", "LOCATION")]


OUR_LABELS = LabelScheme(("ACTOR", "WEAPON", "LOCATION", "NUMBER"))


@pytest.fixture(scope="module")
def by_characters() -> WindowTokenizer:
    """A token for each character, so that every word has one."""
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"\S"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]")  # type: ignore[no-untyped-call]
    return WindowTokenizer.from_tokenizer(copy_backend(tokenizer), 32, 8)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("Jama'", "Jama"),
        ("Jama'atu", "Jama'atu"),
        ("'Jama'", "Jama"),
        ("Maj.", "Maj"),
        ("U.S.", "U.S."),
        ("Kunar, Kan.", "Kunar, Kan."),
        ("Yahoo!", "Yahoo"),
        (".50 rifle", ".50 rifle"),
        (". 50 rifle", "50 rifle"),
        ("(FC)", "FC"),
        ("FC (Goma)", "FC (Goma)"),
        ("FC [Goma]...", "FC [Goma"),
        ("\u201cDeath squad\u201d", "Death squad"),
        ("`Death squad`", "Death squad"),
        ("#RSF*", "#RSF"),
        ("40 %", "40 %"),
        ("40\uff05", "40\uff05"),
        ("https://t.me/x/", "https://t.me/x/"),
    ],
)
def test_with_our_labels_an_entity_has_the_edges_that_check_wants(
    by_characters: WindowTokenizer, span: str, expected: str
) -> None:
    (encoded,) = by_characters.encode([span])
    tags = OUR_LABELS.encode([(0, len(encoded.word_starts), "WEAPON")], len(encoded.word_starts))
    ((entity,),) = decode([span], [encoded], tags, np.ones(len(tags), dtype=np.float32), OUR_LABELS)
    assert entity.text == expected


TEXT = st.lists(
    st.one_of(
        st.sampled_from(["Jama'at", "M23", "U.S", "F-16C", "60km", "\n\n", "\r\n \t\r\n", "\u2029", "http://a.b/"]),
        st.sampled_from(
            "a\u00c97\u0663%\uff05\u066a\u00bd \n\r\t\x0c\x1c\xa0\u200b\u0301\u02bc'`\u2019\u201c\u201d\u00ab\u00bb"
            "(){}[]\uff08\uff09.,;:\u2026\u2025-\u2013\u2014\u2212/\\_*@#+$|~\u00b7\u2039\u203a\u3001\u3002\u6f22\u0645"
        ),
        st.characters(exclude_categories=["Cs"], exclude_characters="&<^\x1b\u00e2\u00c2\u00c3"),
    ),
    max_size=16,
).map("".join)


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(TEXT, st.data())
def test_with_our_labels_entities_of_any_tags_pass_check(
    by_characters: WindowTokenizer, text: str, data: st.DataObject
) -> None:
    (encoded,) = by_characters.encode([text])
    size = len(encoded.word_starts)
    tags = np.array(
        data.draw(st.lists(st.sampled_from([1, 2, 2, 2, 4, 0]), min_size=size, max_size=size)), dtype=np.int64
    )
    (entities,) = decode([text], [encoded], tags, np.ones(size, dtype=np.float32), OUR_LABELS)
    normalized = normalize(text)
    words = [offsets.tolist() for offsets in normalized.original_offsets(*split_words(normalized.text))] if size else []
    for entity in entities:
        assert entity.start in words[0]
        assert entity.end in words[1]
        assert not re.search(r"(\r\n|\r|\n)\s*?(\r\n|\r|\n)", normalize(entity.text).text)
    mentions = tuple(Mention(e.start, e.end, e.label) for e in entities)
    assert check_document(Document("r", text + "a", mentions), OUR_LABELS.labels) == []


@pytest.mark.parametrize("marks", ["...", "-", "/", "%", '"', "- -", "\u2026"])
def test_with_our_labels_marks_alone_are_no_entity(by_characters: WindowTokenizer, marks: str) -> None:
    text = f"{marks} Goma"
    (encoded,) = by_characters.encode([text])
    size = len(encoded.word_starts)
    tags = OUR_LABELS.encode([(0, size - 1, "WEAPON"), (size - 1, size, "LOCATION")], size)
    (entities,) = decode([text], [encoded], tags, np.ones(size, dtype=np.float32), OUR_LABELS)
    assert as_pairs(entities) == [("Goma", "LOCATION")]


PIECES = st.sampled_from(
    ["El", "Fasher", "3m", MARK, "(", ")", '"', ",", "-", ".", "\n\n", "<p>", "&quot;", "\u0301", "\u200f"]
)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(PIECES, max_size=12), min_size=1, max_size=4), st.sampled_from(["", " "]), st.data())
def test_entities_of_any_tags_slice_their_text_in_order_without_overlap(
    by_spaces: WindowTokenizer, pieces: list[list[str]], separator: str, data: st.DataObject
) -> None:
    texts = [separator.join(parts) for parts in pieces]
    encoded = by_spaces.encode(texts)
    size = sum(len(e.word_starts) for e in encoded)
    tags = data.draw(st.lists(st.integers(0, len(SCHEME.tags) - 1), min_size=size, max_size=size))
    scores = data.draw(st.lists(st.floats(0.25, 1, width=32), min_size=size, max_size=size))
    decoded_texts = decode(texts, encoded, np.array(tags, dtype=np.int64), np.array(scores, dtype=np.float32), SCHEME)
    assert len(decoded_texts) == len(texts)
    for text, entities in zip(texts, decoded_texts, strict=True):
        for entity in entities:
            assert entity.text == text[entity.start : entity.end] != ""
            assert min(scores) - 1e-6 <= entity.score <= max(scores) + 1e-6
        assert all(one.end <= two.start for one, two in pairwise(entities))
