"""The agreement of two and more annotators, of reports that not all have labeled, and of reports that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import DataError
from conflict_ner.evaluation.annotators.agreement import Agreement, agree, agree_files
from conflict_ner.evaluation.report import score

LABELS = ("ACTOR", "LOCATION")
FIRST = "=== a\n\n[Rebels](ACTOR) left [Goma](LOCATION).\n\n=== b\n\n[Police](ACTOR) came.\n"
ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")
TEXT = "Rebels left Goma."


def agree_texts(folder: Path, *texts: str) -> Agreement:
    files = [folder / f"{name}.md" for name in ("first", "second", "third")]
    for file, text in zip(files, texts, strict=False):
        file.write_text(text, encoding="utf-8")
    return agree_files(files[: len(texts)], LABELS)


def f1(agreement: Agreement) -> float | None:
    return agreement.report.strict.micro.f1


def report(key: str, *mentions: Mention, text: str = TEXT) -> Document:
    return Document(key, text, mentions, origin=f"{key}.md:1")


def test_the_same_labels_agree_in_any_order(tmp_path: Path) -> None:
    a, b = FIRST.split("=== b")
    found = agree_texts(tmp_path, FIRST, f"=== b{b}\n{a}").report
    assert (found.strict.micro.f1, found.alpha.overall.value, found.documents) == (1.0, 1.0, 2)
    assert found.differences == ()


def test_agreement_is_strict_and_the_same_both_ways(tmp_path: Path) -> None:
    second = FIRST.replace("[Rebels](ACTOR) left", "[Rebels left](ACTOR)").replace("[Police](ACTOR)", "Police")
    forward, backward = agree_texts(tmp_path, FIRST, second), agree_texts(tmp_path, second, FIRST)
    assert f1(forward) == f1(backward) == pytest.approx(0.4)
    assert forward.report.alpha == backward.report.alpha
    assert {label: one.f1 for label, one in forward.report.strict.labels.items()} == {"ACTOR": 0, "LOCATION": 1}
    assert forward.report.type.micro.f1 == pytest.approx(0.8)


def test_two_annotators_are_scored_as_a_model_is(tmp_path: Path) -> None:
    anna = [report("a", ACTOR, PLACE), report("b", ACTOR), report("c")]
    ben = [report("a", ACTOR), report("b", Mention(0, 11, "ACTOR")), report("c", PLACE)]
    scores = score(anna, [document.mentions for document in ben], LABELS)
    found = agree({"anna": anna, "ben": ben}, LABELS).report
    assert found.strict.micro == scores.strict.micro
    assert found.strict.labels == scores.strict.labels
    assert (found.type.labels, found.exact) == (scores.type.labels, scores.exact)
    [pair] = found.pairs
    assert (pair.strict, pair.alpha) == (found.strict, found.alpha)


def test_reports_of_one_annotator_are_left_out_and_those_of_some_count_for_them() -> None:
    annotations = {
        "anna": [report("a", ACTOR), report("b", ACTOR), report("alone", PLACE)],
        "ben": [report("a", ACTOR), report("b")],
        "carla": [report("a", ACTOR, PLACE), report("only", PLACE)],
    }
    found = agree(annotations, LABELS).report
    assert (found.documents, found.complete, found.left_out) == (2, 1, ("alone", "only"))
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    assert [pair.documents for pair in pairs.values()] == [2, 1, 1]
    assert pairs["anna", "ben"].strict.micro.f1 == pytest.approx(2 / 3)
    assert pairs["ben", "carla"].strict.micro.f1 == pytest.approx(2 / 3)
    # Of all pairs together 3 mentions are shared; the pairs have 3, 3 and 3 mentions.
    assert found.strict.micro.f1 == pytest.approx(2 * 3 / 9)
    assert found.annotators["carla"].model_dump() == {
        "documents": 1,
        "mentions": 2,
        "labels": {"ACTOR": 1, "LOCATION": 1},
    }
    assert {one.document: [r.annotators for r in one.readings] for one in found.differences} == {
        "a": [("anna", "ben"), ("carla",)],
        "b": [("anna",), ("ben",)],
    }


def test_annotators_without_a_common_report_have_no_figure() -> None:
    annotations = {"anna": [report("a", ACTOR)], "ben": [report("a", ACTOR), report("b")], "carla": [report("b")]}
    pairs = agree(annotations, LABELS).report.pairs
    assert [(pair.documents, pair.strict.micro.f1, pair.alpha.overall.value) for pair in pairs] == [
        (1, 1, 1),
        (0, None, None),
        (1, None, None),
    ]


def test_without_a_common_id_reports_are_the_same_if_their_texts_are(tmp_path: Path) -> None:
    for name, tag in (("anna", "B-ACTOR"), ("ben", "O")):
        lines = f"Rebels {tag}\nleft O\n\nPolice B-ACTOR\ncame O\n\nPolice B-ACTOR\ncame O\n"
        (tmp_path / f"{name}.conll").write_text(lines, encoding="utf-8")
    found = agree_files([tmp_path / "anna.conll", tmp_path / "ben.conll"], ["ACTOR"])
    assert found.report.documents == 3
    assert f1(found) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (FIRST.replace("came", "went"), "differs from that at .*first.md:5, starting at 'went.'"),
        (FIRST.replace(" came.", ""), "differs from that at .*first.md:5, starting at ''"),
    ],
)
def test_a_report_with_two_texts_is_named(tmp_path: Path, second: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        agree_texts(tmp_path, FIRST, second)
    assert [problem.where for problem in caught.value.problems] == [f"{tmp_path / 'second.md'}:5"]


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(DataError, match="anna, ben: no report was labeled by two annotators"):
        agree({"anna": [report("a")], "ben": [report("b", text="Police came.")]}, LABELS)
    with pytest.raises(DataError, match="anna: the labels of one annotator; name those of a second one"):
        agree({"anna": [report("a")]}, LABELS)


def test_problems_of_all_annotators_are_reported_together(tmp_path: Path) -> None:
    wrong = FIRST.replace("(ACTOR) left", "(ACTR) left")
    with pytest.raises(DataError) as caught:
        agree_texts(tmp_path, wrong, FIRST, FIRST.replace("(LOCATION)", "LOCATION"))
    messages = [str(problem) for problem in caught.value.problems]
    assert any("first.md:3:1" in message and "unknown label" in message for message in messages)
    assert any("third.md:3" in message for message in messages)


def test_our_labels_and_guidelines_are_the_default() -> None:
    loose = [Document("a", "Maj. left.", (Mention(0, 4, "ACTOR"),), origin="a.md:1")]
    with pytest.raises(DataError, match="ends with the punctuation"):
        agree({"anna": loose, "ben": loose})
    assert f1(agree({"anna": loose, "ben": loose}, guidelines=False)) == 1
    assert f1(agree({"anna": loose, "ben": loose}, "ACTOR")) == 1
