"""Tokens are aligned to words, and texts split into windows, for three kinds of tokenizer."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.words import split_words
from conflict_ner.errors import EncoderError
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, save_tokenizer
from conflict_ner.modeling.normalization import normalize
from conflict_ner.modeling.tokenization import (
    IGNORED,
    EncodedText,
    WindowTokenizer,
    encoder_window,
    training_windows,
    word_spans,
)
from helpers.encoders import KINDS, SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

SCHEME = LabelScheme(("ACTOR", "LOCATION"))
TEXTS = [
    "",
    " \r\n\t ",
    *SENTENCES,
    "Houthi-held,\r\nSanaa\t(60km off) -- $3m!",
    "El\u200f Fasher \u200f fell\U0001f4a3 now\x07, \u200eGo\u200fma",
    "Re\u0301bels le\u0301ft \u4e2d\u56fd \U0001f1f8\U0001f1e9 \U0001f469\u200d\U0001f680",
    "a" * 150 + " b " + "9" * 40,
]
LONG = " ".join(random.Random(3).choices([*SENTENCES[4].split(), ".", "$3m", "shelling,"], k=150))


def window_tokenizer_of(tokenizer: PreTrainedTokenizerFast, window: int = 24, overlap: int = 8) -> WindowTokenizer:
    return WindowTokenizer.from_tokenizer(copy_backend(tokenizer), window, overlap)


def token_spans(tokenizer: PreTrainedTokenizerFast, text: str) -> list[tuple[int, int]]:
    """Return the character offsets that the tokenizer reports, without the code under test."""
    normalized = normalize(text)
    found = tokenizer(normalized.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
        "offset_mapping"
    ]
    spans = np.array(found, dtype=np.int64).reshape(-1, 2)
    empty = spans[:, 0] == spans[:, 1]
    spans[~empty] = np.column_stack(normalized.original_offsets(*spans[~empty].T))
    spans[empty] = 0
    return [(int(start), int(end)) for start, end in spans]


def words_of(text: str) -> list[tuple[int, int]]:
    normalized = normalize(text)
    starts, ends = normalized.original_offsets(*split_words(normalized.text))
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def words_overlapping(encoded: EncodedText, span: tuple[int, int]) -> list[int]:
    words = zip(encoded.word_starts.tolist(), encoded.word_ends.tolist(), strict=True)
    return [word for word, (start, end) in enumerate(words) if max(start, span[0]) < min(end, span[1])]


def test_nothing_is_truncated_or_padded_though_the_tokenizer_file_asks_for_it(encoder_folder: Path) -> None:
    tokenizer = load_tokenizer(str(encoder_folder))
    assert tokenizer.backend_tokenizer.truncation
    assert tokenizer.backend_tokenizer.padding
    short, long = window_tokenizer_of(tokenizer).encode(["fighters", LONG])
    assert tokenizer.decode(short.token_ids) == "fighters"
    assert str(tokenizer.decode(long.token_ids)).replace(" ", "") == LONG.lower().replace(" ", "")


def test_a_texts_tokens_do_not_depend_on_its_neighbours(any_tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer)
    for text, together in zip(TEXTS, window_tokenizer.encode(TEXTS), strict=True):
        (alone,) = window_tokenizer.encode([text])
        assert alone.token_ids.tolist() == together.token_ids.tolist()
        assert alone.first_subwords.tolist() == together.first_subwords.tolist()


def test_no_texts_give_nothing(tokenizer: PreTrainedTokenizerFast) -> None:
    assert window_tokenizer_of(tokenizer).encode([]) == []


@pytest.mark.parametrize("text", TEXTS)
def test_the_first_subword_is_the_first_token_that_begins_with_it(
    any_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer).encode([text])
    expected = [-1] * len(encoded.word_starts)
    for token, span in reversed(list(enumerate(token_spans(any_tokenizer, text)))):
        for word in words_overlapping(encoded, span)[:1]:
            expected[word] = token
    assert encoded.first_subwords.tolist() == expected


@pytest.mark.parametrize("text", TEXTS)
def test_words_without_a_subword_keep_their_place(any_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer).encode([text])
    assert list(zip(encoded.word_starts.tolist(), encoded.word_ends.tolist(), strict=True)) == words_of(text)
    assert len(encoded.first_subwords) == len(encoded.covering_words) == len(encoded.word_starts)


@pytest.mark.parametrize("text", [*TEXTS, "Goma\x07 \u4e2d", "El\x07 \x07Fasher \u200f", "now\x07 x"])
def test_a_word_without_a_first_subword_is_covered_by_the_earlier_word_whose_token_covers_it(
    any_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer).encode([text])
    expected = [word if first >= 0 else -1 for word, first in enumerate(encoded.first_subwords.tolist())]
    for span in token_spans(any_tokenizer, text):
        first, *others = words_overlapping(encoded, span) or [-1]
        for word in others:
            if encoded.first_subwords[word] < 0:
                expected[word] = first
    assert encoded.covering_words.tolist() == expected


def check_windows(encoded: EncodedText, max_tokens: int) -> None:
    """Assert that windows cover all tokens in order, overlap or touch, and are at most `max_tokens` long."""
    windows = encoded.windows
    assert windows[0][0] == 0
    assert windows[-1][1] == len(encoded.token_ids)
    assert all(end - begin <= max_tokens for begin, end in windows)
    for (begin, end), (next_begin, next_end) in pairwise(windows):
        assert begin < next_begin <= end < next_end


def word_edges(encoded: EncodedText) -> set[int]:
    return {0, len(encoded.token_ids), *encoded.first_subwords.tolist()}


@pytest.mark.parametrize(("window", "overlap"), [(64, 24), (40, 19), (24, 9), (16, 0)])
def test_windows_cover_all_tokens_overlap_and_begin_and_end_at_word_edges(
    any_tokenizer: PreTrainedTokenizerFast, window: int, overlap: int
) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, window, overlap)
    (encoded,) = window_tokenizer.encode([LONG])
    check_windows(encoded, window_tokenizer.max_tokens)
    assert len(encoded.windows) > 2
    assert {edge for window in encoded.windows for edge in window} <= word_edges(encoded)


@pytest.mark.parametrize(("overlap", "text"), [(2, LONG), (9, ("a" * 12 + " ") * 12)])
def test_windows_keep_to_word_edges_though_a_word_is_longer_than_the_overlap(
    any_tokenizer: PreTrainedTokenizerFast, overlap: int, text: str
) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, 40, overlap)
    (encoded,) = window_tokenizer.encode([text])
    check_windows(encoded, window_tokenizer.max_tokens)
    assert {edge for window in encoded.windows for edge in window} <= word_edges(encoded)


@pytest.mark.parametrize("overlap", [9, 4])
def test_neighboring_windows_share_about_the_overlap(any_tokenizer: PreTrainedTokenizerFast, overlap: int) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer, 40, overlap).encode(["0 1 2 3 4 5 6 7 8 9 " * 20])
    shared = [end - begin for (_, end), (begin, _) in pairwise(encoded.windows)]
    assert all(overlap - 2 <= tokens <= overlap for tokens in shared)


@pytest.mark.parametrize(("window", "overlap"), [(64, 24), (40, 5), (16, 0)])
def test_a_token_is_owned_by_the_window_that_shows_it_the_most_context(
    any_tokenizer: PreTrainedTokenizerFast, window: int, overlap: int
) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer, window, overlap).encode([LONG])
    count = len(encoded.token_ids)

    def context(token: int, window: tuple[int, int]) -> float:
        begin, end = window
        if not begin <= token < end:
            return -1
        left = token - begin if begin > 0 else np.inf
        right = end - 1 - token if end < count else np.inf
        return min(left, right)

    assert (np.diff(encoded.owners) >= 0).all()
    for first in encoded.first_subwords[encoded.first_subwords >= 0].tolist():
        seen = [context(first, window) for window in encoded.windows]
        assert seen[int(encoded.owners[first])] == max(seen) >= 0


@pytest.mark.parametrize("text", ["a" * 95, "see " + "a" * 95 + " now", "1 2 3 " + "a" * 20 + " 4 5 6 7 8 9 0 1 2 3 4"])
def test_a_word_longer_than_a_window_is_split_and_not_lost(any_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, 16, 5)
    (encoded,) = window_tokenizer.encode([text])
    assert len(encoded.windows) > 1
    check_windows(encoded, window_tokenizer.max_tokens)
    assert (encoded.first_subwords >= 0).all()


def test_the_windows_of_a_megabyte_cover_it(tokenizer: PreTrainedTokenizerFast) -> None:
    text = (LONG + "\n") * (1_000_000 // len(LONG))
    window_tokenizer = window_tokenizer_of(tokenizer, 64, 16)
    (encoded,) = window_tokenizer.encode([text])
    check_windows(encoded, window_tokenizer.max_tokens)
    assert (np.diff(encoded.first_subwords) > 0).all()
    assert encoded.word_ends[-1] == len(text) - 1


PIECES = [
    *LONG.split()[:20],
    "a" * 30,
    "9" * 20,
    "\u4e2d\u56fd",
    "\x07",
    "&nbsp;",
    "<br>",
    "\n\n",
    "Re\u0301bels",
    "\u200f",
]
ANY_TEXT = st.one_of(
    st.text(max_size=100),
    st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=20).map("".join),
)
deterministic = settings(max_examples=25, deadline=None, derandomize=True)


@deterministic
@given(text=ANY_TEXT, window=st.integers(10, 40), overlap=st.integers(0, 40))
def test_windows_of_any_text_cover_its_tokens_and_split_only_words_that_are_too_long(
    any_tokenizer: PreTrainedTokenizerFast, text: str, window: int, overlap: int
) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, window, overlap)
    (encoded,) = window_tokenizer.encode([text])
    check_windows(encoded, window_tokenizer.max_tokens)
    for (_, end), (begin, _) in pairwise(encoded.windows):
        assert end - begin <= window_tokenizer.overlap <= overlap
    edges = sorted(word_edges(encoded) - {-1})
    for edge in {edge for window_range in encoded.windows for edge in window_range} - set(edges):
        after = int(np.searchsorted(edges, edge))
        assert edges[after] - edges[after - 1] > window_tokenizer.max_tokens - window_tokenizer.overlap


@deterministic
@given(text=ANY_TEXT, window=st.integers(10, 40), overlap=st.integers(0, 40))
def test_each_word_of_any_text_is_labeled_once_in_the_window_that_owns_it(
    any_tokenizer: PreTrainedTokenizerFast, text: str, window: int, overlap: int
) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, window, overlap)
    (encoded,) = window_tokenizer.encode([text])
    begins, ends = np.array(encoded.windows)[encoded.owners].T
    positions = np.arange(len(encoded.token_ids))
    assert ((begins <= positions) & (positions < ends)).all()
    with_subword = encoded.first_subwords[encoded.first_subwords >= 0]
    assert len(set(with_subword.tolist())) == len(with_subword)
    windows, _ = training_windows([Document("a", text)], window_tokenizer, SCHEME)
    assert labels_in_order(windows) == [0] * len(with_subword)


@deterministic
@given(text=ANY_TEXT)
def test_words_of_any_text_are_slices_of_the_original_in_order(
    any_tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer).encode([text])
    starts, ends = encoded.word_starts, encoded.word_ends
    assert (starts < ends).all()
    assert (ends[:-1] <= starts[1:]).all()
    assert ((starts >= 0) & (ends <= len(text))).all()
    if normalize(text).text == text:
        words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        assert words == [text[start:end] for start, end in zip(*split_words(text), strict=True)]


def test_special_tokens_are_found_and_put_around_each_window(any_tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer)
    first, last = any_tokenizer.cls_token_id, any_tokenizer.sep_token_id
    assert (window_tokenizer.prefix, window_tokenizer.suffix) == ((first,), (last,))
    (encoded,) = window_tokenizer.encode([LONG])
    for index, (begin, end) in enumerate(encoded.windows):
        ids = window_tokenizer.window_ids(encoded, index)
        assert ids == [first, *encoded.token_ids[begin:end].tolist(), last]
        assert len(ids) <= window_tokenizer.window


def test_one_window_is_what_plain_transformers_reads(any_tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer, 64)
    (encoded,) = window_tokenizer.encode([SENTENCES[2][:40]])
    assert window_tokenizer.window_ids(encoded, 0) == any_tokenizer(SENTENCES[2][:40])["input_ids"]


def test_a_window_without_room_for_text_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(EncoderError, match=r"encoding\.window"):
        window_tokenizer_of(tokenizer, 9)


def test_the_overlap_is_at_most_half_of_a_window(tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(tokenizer, 24, 128)
    assert window_tokenizer.overlap == window_tokenizer.max_tokens // 2


def test_the_saved_tokenizer_knows_the_window_and_truncates_nothing_by_itself(tmp_path: Path) -> None:
    tokenizer = KINDS["wordpiece"]()
    save_tokenizer(tokenizer, 48, tmp_path)
    again = load_tokenizer(str(tmp_path))
    assert again.model_max_length == 48
    assert not again.backend_tokenizer.truncation
    assert not again.backend_tokenizer.padding
    assert (
        window_tokenizer_of(again).encode([LONG])[0].token_ids.tolist()
        == window_tokenizer_of(tokenizer).encode([LONG])[0].token_ids.tolist()
    )


NO_LIMIT = 10**30  # what transformers gives for "none"


@pytest.mark.parametrize(
    ("kind", "positions", "tokenizer_limit", "wanted", "expected"),
    [
        ("bert", 512, 512, None, 512),
        ("bert", 512, 256, None, 256),
        ("bert", 512, NO_LIMIT, 128, 128),
        ("roberta", 514, NO_LIMIT, None, 512),
        ("xlm-roberta", 514, 512, 512, 512),
        ("mpnet", 514, NO_LIMIT, None, 512),
        ("modernbert", 8192, 8192, None, 8192),
        ("relative", None, NO_LIMIT, None, 512),
        ("relative", -1, 1024, None, 1024),
    ],
)
def test_the_window_is_what_tokenizer_and_encoder_take(
    kind: str, positions: int | None, tokenizer_limit: int, wanted: int | None, expected: int
) -> None:
    tokenizer: Any = SimpleNamespace(model_max_length=tokenizer_limit)
    config = SimpleNamespace(model_type=kind, max_position_embeddings=positions, pad_token_id=1)
    assert encoder_window(tokenizer, config, wanted) == expected


def test_a_window_longer_than_the_encoder_takes_is_refused() -> None:
    tokenizer: Any = SimpleNamespace(model_max_length=NO_LIMIT)
    config = SimpleNamespace(model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    with pytest.raises(EncoderError, match="513 is more than the 512"):
        encoder_window(tokenizer, config, 513)


SIZES: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


@pytest.mark.parametrize(
    "model",
    [
        BertModel(BertConfig(vocab_size=9, max_position_embeddings=20, **SIZES)),
        RobertaModel(RobertaConfig(vocab_size=9, max_position_embeddings=20, pad_token_id=1, **SIZES)),
    ],
    ids=["bert", "roberta"],
)
def test_an_encoder_reads_a_full_window_and_no_more(model: PreTrainedModel) -> None:
    tokenizer: Any = SimpleNamespace(model_max_length=NO_LIMIT)
    window = encoder_window(tokenizer, model.config, None)
    with torch.inference_mode():
        assert model(input_ids=torch.full((1, window), 5)).last_hidden_state.shape[1] == window
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, window + 1), 5))


def labels_in_order(windows: list[dict[str, list[int]]]) -> list[int]:
    return [label for window in windows for label in window["labels"] if label != IGNORED]


def test_training_windows_label_every_word_exactly_once(any_tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer)
    starts, ends = split_words(LONG)
    mentions = [Mention(int(starts[w]), int(ends[w + 1]), SCHEME.labels[w % 2]) for w in range(0, len(starts) - 1, 3)]
    documents = [Document("a", LONG, tuple(mentions)), Document("b", "Goma fell.", (Mention(0, 4, "LOCATION"),))]
    windows, unaligned = training_windows(documents, window_tokenizer, SCHEME)
    spans = [(w, w + 2, SCHEME.labels[w % 2]) for w in range(0, len(starts) - 1, 3)]
    assert labels_in_order(windows) == [*SCHEME.encode(spans, len(starts)).tolist(), 3, 0, 0]
    assert unaligned == []


def test_training_windows_label_no_special_token(any_tokenizer: PreTrainedTokenizerFast) -> None:
    window_tokenizer = window_tokenizer_of(any_tokenizer)
    windows, _ = training_windows([Document("a", LONG)], window_tokenizer, SCHEME)
    assert len(windows) > 1
    for window in windows:
        assert len(window["input_ids"]) == len(window["labels"]) <= window_tokenizer.window
        assert window["labels"][0] == window["labels"][-1] == IGNORED


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_report_without_words_gives_no_labels(any_tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    windows, unaligned = training_windows([Document("a", text)], window_tokenizer_of(any_tokenizer), SCHEME)
    assert labels_in_order(windows) == []
    assert unaligned == []


@pytest.mark.parametrize(
    ("misaligned", "rest"),
    [
        (Mention(12, 15, "LOCATION"), [1, 0, 0]),  # [Gom]a: Rebels left [] .
        (Mention(8, 16, "LOCATION"), [1, 0]),  # l[eft Goma]: Rebels [] [] .
        (Mention(12, 18, "LOCATION"), [1, 0]),  # [Goma. ] ends in white space: Rebels left [] []
    ],
)
def test_a_mention_with_an_edge_inside_a_word_is_reported_and_left_out_of_the_loss(
    any_tokenizer: PreTrainedTokenizerFast, misaligned: Mention, rest: list[int]
) -> None:
    document = Document("a", "Rebels left Goma. ", (Mention(0, 6, "ACTOR"), misaligned))
    windows, unaligned = training_windows([document], window_tokenizer_of(any_tokenizer), SCHEME)
    assert unaligned == [(document, misaligned)]
    assert labels_in_order(windows) == rest


def test_mentions_become_spans_of_words(any_tokenizer: PreTrainedTokenizerFast) -> None:
    (encoded,) = window_tokenizer_of(any_tokenizer).encode(["Houthi-held Sanaa, 60km"])
    mentions = [Mention(0, 6, "ACTOR"), Mention(7, 17, "LOCATION"), Mention(19, 21, "ACTOR"), Mention(20, 23, "ACTOR")]
    aligned, unaligned = word_spans(encoded, mentions)
    assert aligned == [(0, 1, "ACTOR"), (2, 4, "LOCATION"), (5, 6, "ACTOR")]
    assert unaligned == [mentions[3]]
