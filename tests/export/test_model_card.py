"""The model card: valid metadata, the measured figures, nothing that was not measured."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from conflict_ner.checkpoint import CalibrationFacts, Manifest, PipelineFacts, SplitFacts
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.report import Report, score
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.export.model_card import model_card
from conflict_ner.reporting.tables import markdown

LABELS = ("ACTOR", "LOCATION", "NUMBER")
GOLD = Document("r", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
SCORES = {
    "validation": score([GOLD], [GOLD.mentions], LABELS),
    "test": score([GOLD] * 2, [GOLD.mentions[:1], [Mention(7, 16, "LOCATION")]], LABELS),
}
PIPELINE = PipelineFacts(
    strategy="average",
    texts=30,
    mentions=200,
    identical_texts={"first": 20, "average": 24},
    shared_mentions={"first": 150, "average": 195},
)
MANIFEST = Manifest(
    labels=LABELS,
    encoder="someone/some-encoder",
    window=256,
    overlap=64,
    data={"train": SplitFacts(documents=1234, mentions={"ACTOR": 5678, "LOCATION": 9}, sha256="0123456789abcdef" * 4)},
    best_epoch=2,
    steps=4321,
    history=({"epoch": 1}, {"epoch": 2}, {"epoch": 3}),
    hardware="cpu in fp32",
    versions={"conflict-ner": "0.1.0", "torch": "2.8"},
    weights_sha256="f" * 64,
    pipeline=PIPELINE,
)


def card(name: str = "m", scores: dict[str, Report] = SCORES, **changes: object) -> tuple[dict[str, Any], str]:
    """A card's metadata and its text."""
    content = model_card(name, MANIFEST.model_copy(update=changes), scores)
    assert content.startswith("---\n")
    _, metadata, text = content.split("---\n", 2)
    return yaml.safe_load(metadata), text


@pytest.mark.parametrize("name", ["m", "m: [1] #2", "mod\u00e8le"])
def test_the_metadata_is_yaml_that_tells_what_the_model_is(name: str) -> None:
    metadata, text = card(name)
    assert metadata["pipeline_tag"] == "token-classification"
    assert metadata["library_name"] == "transformers"
    assert "language" not in metadata  # the labels do not tell it
    assert metadata["model-index"][0]["name"] == name
    assert f"# {name}\n" in text


@pytest.mark.parametrize(("encoder", "base"), [("someone/some-encoder", "someone/some-encoder"), ("my-folder", None)])
def test_a_hub_id_is_the_base_model_and_a_folder_is_not(encoder: str, base: str | None) -> None:
    metadata, text = card(encoder=encoder)
    assert metadata.get("base_model") == base
    assert f"Fine-tuned from `{encoder}`" in text


def test_the_metadata_has_the_strict_figures_of_each_split() -> None:
    results = {result["dataset"]["split"]: result["metrics"] for result in card()[0]["model-index"][0]["results"]}
    figures = {split: {metric["type"]: metric["value"] for metric in metrics} for split, metrics in results.items()}
    assert figures == {
        "validation": {"precision": 1.0, "recall": 1.0, "f1": 1.0},
        "test": {"precision": 0.5, "recall": 0.25, "f1": 0.3333},
    }


def test_a_figure_that_is_undefined_is_left_out_of_the_metadata() -> None:
    metadata, _ = card(scores={"test": score([GOLD], [[]], LABELS)})
    metrics = metadata["model-index"][0]["results"][0]["metrics"]
    assert [metric["type"] for metric in metrics] == ["recall", "f1"]


def test_the_card_shows_the_table_of_each_split() -> None:
    _, text = card()
    for split, reports in (("validation", "1 report"), ("test", "2 reports")):
        assert f"**{split}**, {reports}\n\n{markdown(SCORES[split])}\n" in text


@pytest.mark.parametrize(
    ("labels", "listed"),
    [(("ACTOR",), "Tags ACTOR in"), (("A", "B"), "Tags A and B in"), (("A", "B", "C"), "Tags A, B and C in")],
)
def test_the_labels_are_listed(labels: tuple[str, ...], listed: str) -> None:
    assert listed in card(labels=labels)[1]


def test_the_card_says_how_the_model_came_about() -> None:
    _, text = card()
    for fact in ("1,234 reports", "ACTOR 5,678", "0123456789abcdef", "best of 3 epochs", ": 2; 4,321 steps"):
        assert fact in text
    assert "windows of 256 tokens" in text
    assert "cpu in fp32" in text
    assert "torch 2.8" in text


def test_the_card_recommends_the_strategy_that_agrees_best_and_says_how_well() -> None:
    _, text = card()
    assert text.count('aggregation_strategy="average"') == 2
    assert "97.5 % of the Tagger's 200 mentions in 30 of the evaluated reports" in text


@pytest.mark.parametrize("facts", [None, PIPELINE.model_copy(update={"mentions": 0, "strategy": "first"})])
def test_without_a_measured_agreement_none_is_claimed(facts: PipelineFacts | None) -> None:
    _, text = card(pipeline=facts)
    assert 'aggregation_strategy="first"' in text
    assert " % of" not in text
    assert "cuts a text off after 256 tokens" in text


def test_the_card_says_what_a_score_is_worth() -> None:
    facts = CalibrationFacts(temperature=1.694, fitted_on="spans", spans=99, ece_before=0.0921, ece_after=0.0404)
    found = [Entity("ACTOR", "Rebels", 0, 6, 0.75)]
    _, text = card(calibration=facts, scores={"validation": score([GOLD], [found], LABELS), "test": SCORES["test"]})
    assert "calibrated on validation: the logits are divided by 1.69, in the weights" in text
    assert "Expected calibration error: 25.0 points on validation (9.2 before). On texts" in text
    assert "not calibrated" not in text


@pytest.mark.parametrize(
    ("facts", "claim"),
    [
        (None, "not calibrated."),
        (
            CalibrationFacts(temperature=1, fitted_on="", spans=3, ece_before=None, ece_after=None, note="few spans"),
            "not calibrated (few spans).",
        ),
    ],
)
def test_the_card_claims_no_calibration_that_was_not_done(facts: CalibrationFacts | None, claim: str) -> None:
    assert f"the mean of its words' probabilities, {claim}" in card(calibration=facts)[1]


def test_the_card_warns_that_hashes_can_be_guessed_where_there_are_any() -> None:
    known = score([GOLD], [GOLD.mentions], LABELS, seen=SeenMentions.of([GOLD]))
    assert "Hashes of short strings can be guessed" in card(scores={"validation": known})[1]
    assert "training_memory" not in card()[1]
