# ruff: noqa: RUF001 (dashes and digits of all kinds are what is tested)
"""Every row of the conventions in docs/values.md, bad input, and properties that hold for any text."""

from __future__ import annotations

import doctest
import re
import time
from decimal import Decimal
from pathlib import Path

import pytest
from conflict_ner.values import Quantity, Unknown, explain_number, parse_number
from hypothesis import example, given, settings
from hypothesis import strategies as st

few = settings(max_examples=60, deadline=None)


def exact(value: float, unit: str | None = None) -> Quantity:
    return Quantity.exact(value, unit)


def span(low: float, high: float, unit: str | None = None, *, approximate: bool = False) -> Quantity:
    return Quantity(None, low, high, approximate, unit)


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        *(("19", 19), ("nineteen", 19), ("NINE", 9), ("zero", 0), ("01", 1), ("3.5", 3.5), ("0.125", 0.125)),
        *(("1,200", 1200), ("1 200", 1200), ("96\u202f000", 96000), ("1\xa0200,", 1200), ("8,214,077", 8214077)),
        *(("٣", 3), ("١٬٢٠٠", 1200), ("٣٫٥", 3.5), ("12,34,567", 1234567), ("1.200.000", 1200000)),
        *(("forty-four", 44), ("FORTY ONE", 41), ("fortyfour", 44), ("hundred and ten", 110), ("hundred", 100)),
        *(("Four thousand one hundred and six", 4106), ("nineteen hundred and four", 1904)),
        *(("two million, three hundred thousand and one", 2300001), ("five thousand million", 5 * 10**9)),
        *(
            ("1.1 million", 1100000),
            ("1.5m", 1500000),
            ("2.3bn", 2300000000),
            ("20k", 20000),
            ("1.125 million", 1125000),
        ),
        *(("dozen", 12), ("two dozen", 24), ("half a dozen", 6), ("dozen and a half", 18), ("score", 20)),
        *(("two and a half", 2.5), ("2½", 2.5), ("a million and a half", 1500000), ("half a million", 500000)),
        *(("one-and-a-half million", 1500000), ("three quarters of a million", 750000), ("½ million", 500000)),
        *(("4 lakh", 400000), ("2.10 lacs", 210000), ("ONE CRORE", 10000000), ("2 crore 50 lakh", 25000000)),
        *(("one point two five million", 1250000), ("only 3", 3), ("another 19", 19)),
        *(("(19)", 19), ("twenty-\nfive", 25), ("the two", 2), ("nil", 0)),
        *(("thou\xad\nsand", 1000), (".5 million", 500000), ("1,000-strong", 1000), ("12 in total", 12)),
    ],
)
def test_an_exact_figure_is_its_own_bounds(text: str, figure: float) -> None:
    assert parse_number(text) == exact(figure)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, Quantity(19, low=19)) for text in ("at least 19", "no fewer than 19", "not less than 19", "19-plus")),
        *((text, Quantity(60, low=60)) for text in ("60+", "60 or more", "upwards of 60", "minimum of 60", ">= 60")),
        *((text, Quantity(20, low=20)) for text in ("more than 19", "OVER 19", ">19", "far more than 19", "above 19")),
        *((text, Quantity(18, high=18)) for text in ("fewer than 19", "less than 19", "under 19", "<19", "below 19")),
        *((text, Quantity(15, high=15)) for text in ("up to 15", "as many as 15", "no more than 15", "15 at most")),
        ("as high as 50,000 CFA francs", Quantity(50000, high=50000, unit="CFA francs")),
        *((f"{word} one million", Quantity(10**6, None, 10**6, approximate=True)) for word in ("nearly", "close to")),
        *((f"{word} 60", Quantity(60, approximate=True)) for word in ("about", "some", "est.", "c.", "~", "perhaps")),
        *((f"sixty {words}", Quantity(60, approximate=True)) for words in ("or so", "more or less")),
        ("ap-\nprox 150", Quantity(150, approximate=True)),
        *((text, Quantity(30, 30, approximate=True)) for text in ("30-odd", "thirty-odd", "thirty and some")),
        ("20-odd thousand", Quantity(20000, 20000, approximate=True)),
        ("barely 15", Quantity(15, None, 15, approximate=True)),
        ("just over 15", Quantity(16, 16, approximate=True)),
        ("just under 90", Quantity(89, None, 89, approximate=True)),
        ("more than a dozen", Quantity(13, 13)),
        ("no more than a dozen", Quantity(12, None, 12)),
        ("at least about 20", Quantity(20, 20, approximate=True)),
        ("at least dozens", Quantity(None, 12, approximate=True)),
        *((f"hundreds{plus}", Quantity(None, 100, approximate=True)) for plus in (" plus", "+", "-plus")),
        ("dozens plus", Quantity(None, 12, approximate=True)),
        ("near 20", Quantity(20, approximate=True)),
        ("hundreds some", Quantity(None, 100, approximate=True)),
        ("up to several hundred", Quantity(None, None, 999, approximate=True)),
        ("more than $1 billion", Quantity(10**9, 10**9, unit="USD")),
        ("less than 40%", Quantity(40, None, 40, unit="percent")),
        ("more than half", Quantity(0.5, 0.5, unit="share")),
        ("fewer than a third", Quantity(1 / 3, None, 1 / 3, unit="share")),
        ("more than 1.5", Quantity(1.5, 1.5)),
        ("less than one", Quantity(0, None, 0)),
        ("all but a tenth", exact(0.9, "share")),
    ],
)
def test_bounds_stay_open_where_the_words_leave_them_open(text: str, expected: Quantity) -> None:
    assert parse_number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, span(20, 30)) for text in ("between 20 and 30", "20 to 30", "from 20 to 30", "20-30", "20–30")),
        *((text, span(20, 30)) for text in ("20 or 30", "btwn 20 & 30", "between 20 – 30", "twenty−thirty")),
        *((text, span(20, 30, approximate=True)) for text in ("about 20-30", "some 20 to 30", "est. 20-30")),
        *(("five or six", span(5, 6)), ("five-six", span(5, 6)), ("twenty-twenty-five", span(20, 25))),
        *(("five, six, seven", span(5, 7)), ("seven, eight", span(7, 8)), ("one, two or three", span(1, 3))),
        *(("five-to-six", span(5, 6)), ("5, 6 or 7", span(5, 7))),
        *(("two or three hundred", span(200, 300)), ("10 to 15 million", span(10**7, 15 * 10**6))),
        *(("five hundred to two thousand", span(500, 2000)), ("five to a hundred", span(5, 100))),
        ("five hundred to six hundred thousand", span(500000, 600000)),
        ("between one hundred and ten and one hundred and fifty", span(110, 150)),
        ("70,000 to a third of a million", span(70000, 10**6 / 3)),
        *(("€2.5–3 million", span(2500000, 3000000, "EUR")), ("K25,000 to K30,000", span(25000, 30000, "K"))),
        ("between 2 million and 3 million baht", span(2000000, 3000000, "baht")),
        ("20 to 30 percent", span(20, 30, "percent")),
        ("dozens, perhaps hundreds", span(12, 999, approximate=True)),
    ],
)
def test_ranges_have_bounds_and_no_figure(text: str, expected: Quantity) -> None:
    assert parse_number(text) == expected


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        *(("tens", 10, 99), ("dozens", 12, 99), ("SCORES", 20, 99), ("hundreds", 100, 999), ("thousands", 1000, 9999)),
        *(("tens of thousands", 10000, 99999), ("hundreds of thousands", 100000, 999999), ("lakhs", 10**5, 10**7 - 1)),
        *(("millions", 10**6, 10**9 - 1), ("hundreds and hundreds", 100, 999), ("many thousands", 1000, 9999)),
        *(("several dozen", 24, 99), ("several hundred", 200, 999), ("few thousand", 2000, 9999)),
    ],
)
def test_vague_words_have_documented_bounds(text: str, low: int, high: int) -> None:
    assert parse_number(text) == span(low, high, approximate=True)


@pytest.mark.parametrize(
    ("text", "figure", "unit"),
    [
        *((text, 40, "percent") for text in ("40 percent", "forty per cent", "40 pct", "40%", "40percent")),
        *(("One point four percent", 1.4, "percent"), ("half a percent", 0.5, "percent")),
        *(("half", 0.5, "share"), ("third", 1 / 3, "share"), ("TWO-THIRDS", 2 / 3, "share"), ("½", 0.5, "share")),
        *(("one in five", 0.2, "share"), ("1 in four", 0.25, "share"), ("nine out of ten", 0.9, "share")),
        *(("21 of every 100", 0.21, "share"), ("one in a hundred", 0.01, "share"), ("ten out of ten", 1, "share")),
        *(("$3 million", 3 * 10**6, "USD"), ("US$ 35,000", 35000, "USD"), ("U.S. $40", 40, "USD")),
        *(("$1,914,277.06", 1914277.06, "USD"), ("one dollar", 1, "USD"), ("£1,150,000.00", 1150000, "GBP")),
        *(
            ("R$ 50", 50, "BRL"),
            ("R10", 10, "ZAR"),
            ("Rs.80,000", 80000, "rupees"),
            ("Rp. 61,000,000", 61 * 10**6, "IDR"),
        ),
        *(("K20", 20, "K"), ("P200", 200, "P"), ("N2 million", 2 * 10**6, "NGN"), ("40 p.c.", 40, "percent")),
        *(("K400", 400, "K"), ("N500m", 5 * 10**8, "NGN"), ("50p", 50, "pence"), ("zl. 48,000", 48000, "PLN")),
        *(
            ("640,000 Sudanese pounds", 640000, "SDG"),
            ("25 pounds", 25, "pounds"),
            ("CFA 400,000", 400000, "CFA francs"),
        ),
        *(("30 millions of francs", 30 * 10**6, "francs"), ("3.6 million rubles", 3600000, "roubles")),
        *(("22,000 yuan", 22000, "CNY"), ("ETB 700,000", 700000, "ETB"), ("$5 million dollars", 5 * 10**6, "USD")),
    ],
)
def test_units_are_named(text: str, figure: float, unit: str) -> None:
    assert parse_number(text) == exact(figure, unit)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "empty") for text in ("", " ", "\n", "...", "\u200b")),
        *((text, "misread") for text in ("l9", "5O", "l2", "tw0", "4OO", "more than l00", "1e5", "5b")),
        *(
            (text, "is not part of a number")
            for text in ("l,62O,000", "eleve n", "o ne", "NaN", "20 km", "\ud800", "5²")
        ),
        *((text, "is a currency only before") for text in ("5 k", "K5", "5 p", "P5", "N5", "R18", "5 million k")),
        *(("C5", "misread"), ("10s", "may be a decade"), ("12km", "'km' is not part"), ("None", "is not part")),
        *((".5", "is not part"), ("5, 6", "belong together"), ("a couple hundred", "belong together")),
        *((text, "slash") for text in ("2/3", "31/48", "60/70 percent")),
        *((text, "two ways") for text in ("1.200,50", "407,5", "2,3", "1,20")),
        *((text, "decimal point") for text in ("1.150", "44.300", "$1.150")),
        *((text, "does not rise") for text in ("31-26", "between 30 and 20", "5-5")),
        *((text, "share the zeros") for text in ("30-50,000", "2-300")),
        *(
            (text, "belong together")
            for text in ("20 30", "two three", "20, 30", "1 200 50", "three of four", "two and", "5 half")
        ),
        *((text, "no numeral") for text in ("several", "many", "a", "couple", "thirds", "%", "$", "at least")),
        *((text, "ordinal") for text in ("second", "19th", "third million", "thirty-third")),
        *((text, "units") for text in ("$5 to €10", "$5 euros", "half to 60 percent")),
        *((text, "sign") for text in ("-5", "5-", "between 20")),
        ("1٣", "two scripts"),
        ("3 in 2", "between nothing and all"),
        ("900 to 1 million", "leaves open"),
        ("more than several hundred", "leaves the bound open"),
        ("less than zero", "fewer than nothing"),
        ("all but three", "how many"),
        ("20 to at least 30", "itself open"),
        *((text, "a lower and an upper") for text in ("at least 20 at most", "up to 20+", "barely 20 min")),
        ("9999999999999999", "15 digits"),
        ("1" * 10_000, "longer than 200"),
    ],
)
def test_what_cannot_be_told_has_a_reason(text: str, reason: str) -> None:
    result = explain_number(text)
    assert isinstance(result, Unknown)
    assert reason in result.reason
    assert parse_number(text) is None


@pytest.mark.parametrize("cell", [None, float("nan"), 3, True, b"19", ["19"], object()])
def test_what_is_no_string_is_no_text(cell: object) -> None:
    assert explain_number(cell) == Unknown("no text")
    assert parse_number(cell) is None


def test_a_figure_is_a_whole_number_where_it_can_be() -> None:
    million, share = parse_number("1.1 million"), parse_number("one in three")
    assert million
    assert share
    assert (type(million.value), type(share.value)) == (int, float)


# Properties

WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
"""
ONES = WORDS.split()[:20]
TENS = ["", "", *WORDS.split()[20:]]


def words(number: int) -> str:
    """Write a cardinal as British English does: "one thousand two hundred and six"."""
    for scale, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            count, rest = divmod(number, scale)
            link = "" if not rest else " and " if rest < 100 else " "
            return f"{words(count)} {name}{link}{words(rest) if rest else ''}"
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")


NUMBERS = st.one_of(st.integers(0, 2000), st.integers(0, 10**9))


@few
@given(NUMBERS)
@example(10**9)
def test_numbers_are_read_as_they_were_written(number: int) -> None:
    grouped = f"{number:,}"
    written = [str(number), grouped, words(number), words(number).replace("-", " ")]
    written += [grouped.replace(",", space) for space in (" ", "\xa0", "\u2009", "\u202f")]
    for text in written:
        assert parse_number(text) == exact(number), text


@few
@given(
    st.decimals(0, 10**5, places=2),
    st.sampled_from([("", 1), (" thousand", 10**3), (" million", 10**6), ("bn", 10**9)]),
)
def test_decimals_are_exact(number: Decimal, scale: tuple[str, int]) -> None:
    assert parse_number(f"{number}{scale[0]}") == exact(float(number * scale[1]))


PARTS = """
    at least|more than|fewer than|up to|nearly|about|some|between|and|or|from|of|in|out of|every|to|-|–|+|%|$|£|Rs|K|m
    bn|k|p|,|.|1|2|30|4.5|1,200|1.150|½|two|twenty|hundred|thousand|million|lakh|dozens|hundreds|half|third|quarter|a|odd|so
    plus|several|few|percent|per cent|dollars|pounds|all but|just|l|O
"""
MENTIONS = st.builds(
    str.join, st.sampled_from(["", " "]), st.lists(st.sampled_from(re.split(r"\||\s{2,}", PARTS)), max_size=8)
)


@settings(max_examples=120, deadline=None)
@given(st.one_of(MENTIONS, MENTIONS, st.text(), st.text("0123456789.,-–  \n½٣٫l²\ud800")))
def test_any_text_is_worth_figures_in_order_or_has_a_reason(text: str) -> None:
    result = explain_number(text)  # Quantity raises where low <= value <= high does not hold
    assert result.reason if isinstance(result, Unknown) else result == parse_number(text)


@few
@given(MENTIONS)
@example("20K")
def test_case_and_outer_spaces_change_nothing(text: str) -> None:
    for other in (text.upper(), text.title(), f" {text}\n", f"\xa0{text}\t"):
        assert parse_number(other) == parse_number(text), other


@pytest.mark.parametrize("part", ["1 ", "1,", "1.000", "and ", "between 1 and ", "hundred ", "-", "a-\n", "½", "of "])
def test_time_is_bounded(part: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        assert parse_number((part * 200)[:length]) is None
        return time.process_time() - start

    # The quickest of several, each of another text: a busy machine may stop any one of them for long.
    assert min(map(seconds, range(196, 201))) < 0.25


PAGE = Path(__file__).parents[2] / "docs" / "values.md"
NUMBERS_SECTION = PAGE.read_text(encoding="utf-8").partition("\n## Numbers\n")[2].partition("\n## ")[0]
HEADER = "| words | value | low | high | approximate | unit |"


def documented() -> list[tuple[str, list[str]]]:
    """The words of every row of the page's tables, with the cells that follow them."""
    rows = []
    for block in NUMBERS_SECTION.split("\n\n"):
        lines = block.splitlines()
        if lines[0] == HEADER:
            for line in lines[2:]:
                cell, *cells = [each.strip() for each in line.strip("|").split("|")]
                rows += [(text, cells) for text in re.findall(r"`(.*?)`", cell)]
    return rows


@pytest.mark.parametrize(("text", "cells"), documented(), ids=[text for text, _ in documented()])
def test_the_page_says_what_the_rules_do(text: str, cells: list[str]) -> None:
    quantity = parse_number(text)
    assert quantity
    figures = ["" if each is None else f"{each:.2f}" for each in (quantity.value, quantity.low, quantity.high)]
    assert figures == [each and f"{float(each):.2f}" for each in cells[:3]]
    assert ["yes" if quantity.approximate else "no", quantity.unit or ""] == cells[3:]


def test_the_page_names_texts_that_have_no_value() -> None:
    table = NUMBERS_SECTION.partition("### What has no value")[2].partition("###")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    texts = [text for cell in cells for text in re.findall(r"`(.*?)`", cell)]
    assert len(texts) > 20
    assert [text for text in texts if parse_number(text)] == []


def test_the_examples_of_the_page_run() -> None:
    failed, attempted = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert (failed, attempted > 4) == (0, True)
