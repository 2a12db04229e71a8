"""Reviewing labels with a checkpoint: what it finds, in data of any depth, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.labels import LabelScheme, ModelTags
from conflict_ner.errors import DataError
from conflict_ner.evaluation.gold.label_errors import AGREED, MISSING_MENTION, rank_findings
from conflict_ner.evaluation.matching import WRONG_EDGES, WRONG_LABEL
from conflict_ner.inference.labeling.review import read, review, softmax
from conflict_ner.inference.tagger import Tagger
from helpers.runs import REPORTS


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    """The reports that the checkpoint knows by heart, with one wrong label and one mention less."""
    file = tmp_path / "wrong.md"
    text = REPORTS.replace("[missiles](WEAPON)", "[missiles](ACTOR)").replace("[KABUL](LOCATION)", "KABUL")
    file.write_text(text, encoding="utf-8")
    return file


def test_wrong_labels_come_first(checkpoint_folder: Path, wrong_file: Path) -> None:
    found = review(checkpoint_folder, wrong_file, device="cpu")
    first, second, *others = found.findings
    assert {first.kind, second.kind} == {WRONG_LABEL, MISSING_MENTION}
    label, missing = sorted((first, second), key=lambda finding: finding.kind, reverse=True)
    assert label.document.slice(label.pair) == "missiles"
    assert label.place.startswith(f"{wrong_file}:10:")
    assert missing.predicted is not None
    assert missing.predicted.text == "KABUL"
    assert min(first.score, second.score) > 0.8
    assert {finding.kind for finding in others} == {AGREED}
    assert (found.name, found.data) == (checkpoint_folder.name, str(wrong_file))


def test_what_is_read_is_what_the_tagger_finds(tagger: Tagger) -> None:
    text = "At least 19 fighters died in a drone strike near El Fasher."
    documents = [Document("a", text), Document("b", "")]
    first, empty = read(tagger.predictor, documents, LabelScheme(tagger.labels))
    assert [(e.start, e.end, e.label) for e in first.entities] == [(e.start, e.end, e.label) for e in tagger.tag(text)]
    assert first.probabilities.sum(1) == pytest.approx(1)
    assert [text[a:b] for a, b in zip(first.word_starts[:2], first.word_ends[:2], strict=True)] == ["At", "least"]
    assert empty.probabilities.shape == (0, 9)
    assert empty.entities == []


def test_kinds_of_a_label_are_summed_where_the_data_has_none(tagger: Tagger) -> None:
    """Four labels stand for kinds of two: the probabilities of both kinds are those of the label above them."""
    coarse = LabelScheme(("A", "B"))
    fine = LabelScheme(("A.x", "A.y", "B.x", "B.y"))
    predictor = tagger.predictor
    kinds = type(predictor)(predictor.runtime, predictor.window_tokenizer, fine)
    text = "At least 19 fighters died."
    [both] = read(kinds, [Document("a", text)], fine)
    [summed] = read(kinds, [Document("a", text)], coarse)
    assert summed.probabilities[:, 1] == pytest.approx(both.probabilities[:, 1] + both.probabilities[:, 3])
    assert summed.probabilities[:, 4] == pytest.approx(both.probabilities[:, 6] + both.probabilities[:, 8])
    assert {entity.label for entity in summed.entities} <= {"A", "B"}


def test_tags_of_another_scheme_are_read_as_ours(tagger: Tagger) -> None:
    """A plain model with BIOES tags: S and B begin a mention, I and E are inside; what is not mapped is outside."""
    tags = ("O", "S-PER", "B-PER", "I-PER", "E-PER", "S-MISC", "B-MISC", "I-MISC", "E-MISC")
    model = ModelTags.parse(dict(enumerate(tags))).renamed({"PER": "ACTOR"})
    plain = replace(tagger.predictor, scheme=model.output, model_tags=model)
    document = Document("a", "At least 19 fighters died.")
    [(_, logits)] = plain.logits([document.text])
    own = softmax(logits)
    [found] = read(plain, [document], LabelScheme(("ACTOR", "TOWN")))
    assert found.probabilities[:, 1] == pytest.approx(own[:, 1] + own[:, 2])
    assert found.probabilities[:, 2] == pytest.approx(own[:, 3] + own[:, 4])
    assert found.probabilities.sum(1) == pytest.approx(1)
    assert {entity.label for entity in found.entities} <= {"ACTOR"}


def test_softmax_holds_for_logits_of_any_size() -> None:
    logits = np.array([[1000.0, 999.0], [-1000.0, -1000.0]], dtype=np.float32)
    assert softmax(logits) == pytest.approx(np.array([[0.7311, 0.2689], [0.5, 0.5]]), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=== a\n\n[Rebels](PERSON) left.\n", r"a\.md:3:1: 'Rebels' \(PERSON, 0:6\) has an unknown label"),
        ("=== a\n\nRebels left.\n", "no report has a mention, so there is no label to review; label some first"),
        ("# nothing\n", "no report"),
    ],
)
def test_data_that_cannot_be_reviewed_is_refused(
    checkpoint_folder: Path, tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "a.md"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        review(checkpoint_folder, file, device="cpu")


def test_reports_at_fault_are_left_out_if_asked(checkpoint_folder: Path, wrong_file: Path) -> None:
    text = wrong_file.read_text(encoding="utf-8").replace("[police](ACTOR)", "[police](PERSON)")
    wrong_file.write_text(text, encoding="utf-8")
    skipped: list[object] = []
    found = review(checkpoint_folder, wrong_file, device="cpu", strict=False, on_skipped=skipped.append)
    assert len(found.documents) == 2
    assert len(skipped) == 1


def test_a_mention_that_ends_inside_a_word_is_judged_by_its_words(tagger: Tagger) -> None:
    text, scheme = "At least 19 fighters died.", LabelScheme(tagger.labels)
    readings = list(read(tagger.predictor, [Document("a", text)], scheme))
    whole, cut = (
        next(f for f in rank_findings([Document("a", text, (Mention(12, end, "ACTOR"),))], readings, scheme) if f.gold)
        for end in (20, 19)
    )
    assert (whole.kind, cut.kind) == (AGREED, WRONG_EDGES)
    assert whole.score == cut.score
