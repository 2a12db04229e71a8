"""Texts are normalized, and their offsets mapped back to the original."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from conflict_ner.data.words import split_words
from conflict_ner.modeling.encoder import copy_backend
from conflict_ner.modeling.normalization import NormalizedText, normalize, normalize_all
from conflict_ner.modeling.tokenization import WindowTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

PLAIN = [
    "",
    " ",
    "Rebels left Goma.\r\n\tAT&T; R&D; 3 < 5 > 2, \\x, a^b",
    "El Fasher é ñ ş Ö",
    "ДНР كتاب हिन्दी 東京 … ½ ² ™ °",
]
PIECES = [
    *"aE9 -'\n\r\t&;<>/#[]\\^m\x1b\x00\x92\u00a0\u00ad\u0301\u0308\u2019\u2013\u200b\u200d\u200f\ufeff\uff21\ufb01",
    *"\u0664\u00e2\u20ac\u00c3\u3000",
    *("&nbsp;", "&amp;", "&#39;", "&#8211;", "&bogus;", "<b>", "</p>", "<br/>", "\x1b[0m", "\u00e2\u20ac\u2122"),
    *("e\u0301", "Goma", "M23"),
]
APOSTROPHES = ("&#39;", "&#039;", "&#x27;", "&apos;", "&rsquo;", "&#8217;", "&#146;")
deterministic = settings(max_examples=60, deadline=None, derandomize=True)
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert normalize(text) == NormalizedText(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((f"10{sign}15", "10-15") for sign in "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d"),
        *((f"O{sign}Brien", "O'Brien") for sign in "'`\u00b4\u2018\u2019\u201b\u2032\u02bb\u02bc\u02be\u02bf\uff07"),
        *((f"O{sign}Brien", "O'Brien") for sign in APOSTROPHES),
        ("\u201cit\u201d \u00abit\u00bb &quot;it&ldquo;", '"it" "it" "it"'),
        ("3&nbsp;men&NBSP;of&nbsp M&amp;S AT&T R&amp;D;", "3 men of  M&S AT&T R&D;"),
        ("&amp;nbsp;&amp;amp;nbsp;&amp;#39;&amp;amp;", "  '&"),
        ("&eacute;&Eacute;&scaron;", "éÉš"),
        ("&bogus; &D; &Co; &notit; &lt", "&bogus; &D; &Co; &notit; &lt"),
        ("<b>El</b> <a href=\"x?a=1&amp;b=2\" class='y'>Fasher</a>", "El Fasher"),
        ("Goma<br/>fell<BR>now", "Goma\nfell\nnow"),
        ("<p class=x>Goma</p>", "\n\nGoma\n\n"),
        ("a&lt;br&gt;b", "a\nb"),
        ("<!-- hidden -->x", "x"),
        ("3 <5 a<b and c> <unk> <rebels>", "3 <5 a<b and c> <unk> <rebels>"),
        ("\x1b[1;31mGoma\x1b[0m \x1b[2K\x1b]0;title\x07x ^[[0m\\x1b[31m\\033[0m\x1b(B\x1bGoma", "Goma x Goma"),
        ("\uff27\uff4f\uff4d\uff41\uff0c\u3000\uff11\uff12", "Goma, 12"),
        ("\u0661\u0662 \u06f1\u06f2 \u0967\u0968 \u09e7", "12 12 12 1"),
        ("\u0663\u066b\u0665\u066a", "3.5%"),
        ("\ufb01re \u2167 30\u339e \U0001d406\U0001d428", "fire VIII 30km Go"),
        ("Kha\u00adr\u200bkiv\ufeff \u200fx\u2060", "Kharkiv x"),
        ("a\u200db \u0645\u06cc\u200c\u062e", "ab \u0645\u06cc\u200c\u062e"),
        ("re\u0301bel Ka\u0308mpfer", "rébel Kämpfer"),
        ("a\x07b\x00 c\x0cd\x92s\u2028e\u2029f\x0bg", "ab c\n\nd's\ne\n\nf\ng"),
        ("India\u00e2\u20ac\u2122s \u00e2\u20ac\u0153it\u00e2\u20ac", "India's \"it\""),
        ("5\u00e2\u20ac\u201c6 S\u00c3\u00a3o", "5-6 São"),
        ("\u00c3 \u00e2 \u00c2: LIBERT\u00c9\u00bb", "\u00c3 \u00e2 \u00c2: LIBERT\u00c9\""),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_text_is_normalized(text: str, expected: str) -> None:
    assert normalize(text).text == expected


@deterministic
@given(TEXTS)
def test_offsets_are_monotone_and_inside_the_original(text: str) -> None:
    """Every normalized character has a span in the original, in order; a plain letter has its own."""
    normalized = normalize(text)
    places = np.arange(len(normalized.text))
    starts, ends = normalized.original_offsets(places, places + 1)
    assert len(starts) == len(normalized.text)
    assert (starts < ends).all()
    assert (np.diff(starts) >= 0).all()
    assert (np.diff(ends) >= 0).all()
    assert not len(ends) or ends[-1] <= len(text)
    for char, start, end in zip(normalized.text, starts, ends, strict=True):
        if end - start == 1 and unicodedata.category(text[start]) in ("Lu", "Ll") and text[start].isascii():
            assert char == text[start]


@deterministic
@given(TEXTS)
def test_words_do_not_overlap_in_the_original(text: str) -> None:
    normalized = normalize(text)
    starts, ends = normalized.original_offsets(*split_words(normalized.text))
    assert (starts < ends).all()
    assert (ends[:-1] <= starts[1:]).all()


@deterministic
@given(st.lists(TEXTS, max_size=5))
def test_a_text_is_normalized_alike_alone_and_in_a_batch(texts: list[str]) -> None:
    for text, normalized in zip(texts, normalize_all(texts), strict=True):
        alone = normalize(text)
        places = np.arange(len(normalized.text))
        assert normalized.text == alone.text
        assert np.array_equal(
            normalized.original_offsets(places, places + 1), alone.original_offsets(places, places + 1)
        )


@deterministic
@given(st.text(st.characters(max_codepoint=126, exclude_characters="&<`\\^", categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_has_no_offset_map(text: str) -> None:
    assert normalize(text).starts is None


def test_words_keep_their_offsets_through_normalization(any_tokenizer: PreTrainedTokenizerFast) -> None:
    text = "On&nbsp;Monday <b>Zelens&#39;kyi</b> \x1b[31m\u0661\u0660\u2013\u0661\u0665\x1b[0m men, <br>Kha\u00adrkiv"
    (encoded,) = WindowTokenizer.from_tokenizer(copy_backend(any_tokenizer), 64, 8).encode([text])
    words = [text[a:b] for a, b in zip(encoded.word_starts, encoded.word_ends, strict=True)]
    expected = "On Monday Zelens&#39;kyi \u0661\u0660 \u2013 \u0661\u0665 men , Kha\u00adrkiv"
    assert words == expected.split(" ")
    assert (encoded.first_subwords >= 0).all()
    plain_text = "On Monday Zelens'kyi 10-15 men, \nKharkiv"
    (plain,) = WindowTokenizer.from_tokenizer(copy_backend(any_tokenizer), 64, 8).encode([plain_text])
    assert encoded.token_ids.tolist() == plain.token_ids.tolist()


def test_a_long_run_of_accents_takes_time_in_proportion() -> None:
    text = "Goma e" + "\u0301" * 100_000  # half an hour, if each accent looked at all that follow
    assert len(normalize(text).text) == len(text)


def test_as_many_accents_as_a_character_has_are_composed() -> None:
    most = [char for code in range(0x1F00, 0x2000) if len(unicodedata.normalize("NFD", char := chr(code))) == 4]
    assert most
    for char in most:
        assert normalize(unicodedata.normalize("NFD", char)).text == normalize(char).text
