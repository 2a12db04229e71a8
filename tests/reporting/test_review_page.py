"""The page and the table of a review: both readings, in the order of the ranking, with hostile texts escaped."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.gold.label_errors import AGREED, MISSING_MENTION, SPURIOUS_MENTION, Finding, Review
from conflict_ner.evaluation.matching import WRONG_EDGES
from conflict_ner.reporting import review_page
from helpers.evaluations import ATTACK, LABELS, entity

TEXT = f"Rain fell. Rebels took the Grad rocket in Goma. {ATTACK}"
GOLD = (Mention(11, 17, "ACTOR"), Mention(27, 38, "<b>$W"))


@pytest.fixture
def review() -> Review:
    """A wrong edge, a missing mention and one that both have, in a report whose id and place are hostile."""
    document = Document(ATTACK, TEXT, GOLD, origin=f"{ATTACK}.md:3", places=("a.md:5:11", "a.md:5:27"))
    rocket, goma = entity(TEXT, 27, 31, "<b>$W", 0.8), entity(TEXT, 42, 46, "LOCATION", 0.97)
    rebels = entity(TEXT, 11, 17, "ACTOR", 0.99)
    findings = (
        Finding(document, WRONG_EDGES, GOLD[1], rocket, 0.99, True),
        Finding(document, MISSING_MENTION, None, goma, 0.9, False),
        Finding(document, AGREED, GOLD[0], rebels, 0.01, False),
    )
    return Review(f"model {ATTACK}", f"data {ATTACK}", LABELS, (document,), findings)


def page(review: Review) -> str:
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    stream = StringIO()
    review_page.write(review, stream)
    return stream.getvalue()


def line(shown: str, rank: int, side: str) -> str:
    """The sentence of a finding as one side reads it, with its marks as brackets and its chips as braces."""
    item = shown.partition(f'id="f{rank}"')[2].partition("</div>")[0]
    text = item.partition(f'<span class="side">{side}</span>')[2].partition("</p>")[0]
    text = re.sub(r'<b class="chip[^"]*">(.*?)</b>', lambda m: "{" + re.sub("<[^>]*>|&nbsp;", " ", m[1]) + "}", text)
    return re.sub(r"<span[^>]*>(.*?)</span>", r"[\1]", text)


def test_a_finding_is_shown_as_gold_has_it_and_as_the_model_reads_it(review: Review) -> None:
    shown = page(review)
    assert line(shown, 1, "gold") == "[Rebels] took the [Grad rocket]{&lt;b&gt;$W} in Goma."
    assert re.fullmatch(
        r"\[Rebels\] took the \[Grad\]\{&lt;b&gt;\$W +0\.80 *\} rocket in \[Goma\]\.", line(shown, 1, "model")
    )
    assert line(shown, 2, "gold") == "[Rebels] took the [Grad rocket] in [Goma]{no mention}."
    assert 'class="absent"' in shown.partition('id="f2"')[2].partition("</div>")[0]
    assert re.findall(r'data-kind="([^"]*)"', shown) == [WRONG_EDGES, MISSING_MENTION, AGREED]
    assert "1. wrong edges, likely" in shown
    assert "a.md:5:27" in shown


def test_nothing_of_a_report_is_run(review: Review) -> None:
    shown = page(review)
    assert "<script>window" not in shown
    assert "<img" not in shown
    assert shown.count("<script") == 1


def test_a_long_list_is_cut_and_says_so(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_page, "MOST", 2)
    shown = page(review)
    assert "Shown are the first 2" in shown
    assert 'id="f2"' in shown
    assert 'id="f3"' not in shown


def test_the_table_has_the_first_findings_and_how_many_there_are(
    review: Review, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    review_page.show(review, 2)
    printed = capsys.readouterr().out
    assert re.search(r"1 +0\.9900 +yes +wrong edges +Grad rocket \(<b>\$W\) +Grad \(<b>\$W\) +a\.md:5:27", printed)
    assert re.search(r"2 +0\.9000 +missing mention +- +Goma \(LOCATION\)", printed)
    assert "Rebels (ACTOR)" not in printed
    assert "3 mentions of gold or the model in 1 report; the model reads 2 otherwise than gold" in printed
    assert "Likely errors of gold: 1." in printed


def test_a_mention_of_gold_alone_has_no_model_side(review: Review) -> None:
    document = review.documents[0]
    alone = Finding(document, SPURIOUS_MENTION, GOLD[0], None, 0.95, True)
    shown = page(Review("m", "d", LABELS, (document,), (alone,)))
    assert line(shown, 1, "gold") == "[Rebels]{ACTOR} took the [Grad rocket] in Goma."
    assert line(shown, 1, "model") == "[Rebels]{no mention} took the Grad rocket in Goma."
