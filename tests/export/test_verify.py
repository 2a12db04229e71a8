"""A checkpoint finds the same entities as before, and plain transformers agrees as the manifest says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.checkpoint import PipelineFacts
from conflict_ner.data import corpus
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError
from conflict_ner.export import verify
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.encoder import quiet_transformers
from helpers.encoders import SENTENCES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import pipeline

Expected = list[tuple[str, Sequence[Entity]]]


def verified(folder: Path, expected: Expected) -> PipelineFacts:
    facts = verify.verify(folder, expected, "cpu")
    assert facts is not None
    return facts


@pytest.fixture(scope="module")
def evaluated(checkpoint_folder: Path, tagger: Tagger) -> Expected:
    """What the Tagger finds in the texts that the checkpoint was evaluated on."""
    documents, _ = corpus.read([checkpoint_folder.parent / "validation.md"])
    return [(document.text, tagger.tag(document.text)) for document in documents]


def test_a_checkpoint_that_tags_as_it_did_passes_and_its_manifest_says_how_transformers_does(
    checkpoint_folder: Path, evaluated: Expected, tagger: Tagger
) -> None:
    facts = verified(checkpoint_folder, evaluated)
    assert facts == tagger.checkpoint.manifest.pipeline
    assert facts.texts == len(evaluated)
    assert facts.mentions == sum(len(entities) for _, entities in evaluated) > 0
    assert facts.shared_mentions[facts.strategy] == max(facts.shared_mentions.values())


def test_plain_transformers_agrees_by_the_manifests_strategy(
    checkpoint_folder: Path, evaluated: Expected, tagger: Tagger
) -> None:
    facts = tagger.checkpoint.manifest.pipeline
    assert facts is not None
    with quiet_transformers():
        tag: Any = pipeline(
            "token-classification", model=str(checkpoint_folder), aggregation_strategy=facts.strategy, device="cpu"
        )
    shared = identical = 0
    for text, entities in evaluated:
        ours = {(entity.label, entity.start, entity.end) for entity in entities}
        theirs = {(found["entity_group"], found["start"], found["end"]) for found in tag(text)}
        shared += len(ours & theirs)
        identical += ours == theirs
    assert shared == facts.shared_mentions[facts.strategy] >= 0.9 * facts.mentions
    assert identical == facts.identical_texts[facts.strategy] > 0


@pytest.mark.parametrize(
    "tamper",
    [
        lambda found: found[1:],
        lambda found: [replace(found[0], label="WEAPON"), *found[1:]],
        lambda found: [replace(found[0], end=found[0].end - 1), *found[1:]],
        lambda found: [replace(found[0], score=found[0].score - 0.01), *found[1:]],
        lambda found: [*found, Entity("NUMBER", ".", len(SENTENCES[0]) - 1, len(SENTENCES[0]), 0.5)],
    ],
    ids=["one less", "another label", "another edge", "another score", "one more"],
)
def test_a_checkpoint_that_tags_otherwise_fails_and_the_text_is_named(
    checkpoint_folder: Path, tagger: Tagger, tamper: Callable[[list[Entity]], list[Entity]]
) -> None:
    expected: Expected = [("Goma", tagger.tag("Goma")), (SENTENCES[0], tamper(tagger.tag(SENTENCES[0])))]
    with pytest.raises(CheckpointError, match="tags 'At least 19 fighters"):
        verified(checkpoint_folder, expected)


def test_scores_may_differ_in_the_last_bits(checkpoint_folder: Path, tagger: Tagger) -> None:
    entities = [replace(entity, score=entity.score - 1e-5) for entity in tagger.tag(SENTENCES[0])]
    assert verified(checkpoint_folder, [(SENTENCES[0], entities)]).texts == 1


def test_the_pipeline_is_asked_only_what_it_can_read_whole(checkpoint_folder: Path, tagger: Tagger) -> None:
    texts = ["", SENTENCES[0], " ".join(SENTENCES * 3), "\u200f"]
    facts = verified(checkpoint_folder, list(zip(texts, tagger.tag(texts), strict=True)))
    assert facts.texts == 2
    assert facts.mentions == len(tagger.tag(SENTENCES[0]))


def test_the_pipeline_is_asked_a_limited_number_of_texts(
    checkpoint_folder: Path, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "PIPELINE_TEXTS", 2)
    entities = tagger.tag(SENTENCES[0])
    facts = verified(checkpoint_folder, [(SENTENCES[0], entities)] * 3)
    assert (facts.texts, facts.mentions) == (2, 2 * len(entities))


def test_nothing_to_compare_is_no_failure(checkpoint_folder: Path) -> None:
    facts = verified(checkpoint_folder, [])
    assert (facts.texts, facts.mentions, facts.strategy) == (0, 0, "first")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(), st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)), max_size=4))
@example([("Go\r\nma\u2028\u0085\x0b\x1c \U0001f4a3 \u200f \"'{}\\", 1, 3, 0.123456789)])
def test_any_text_and_score_survives_the_file_of_expected_entities(rows: list[tuple[str, int, int, float]]) -> None:
    expected = [(text, [Entity("ACTOR", text[start:end], start, end, score)]) for text, start, end, score in rows]
    expected.append(("Beni", []))
    assert verify.load_expected(verify.dump_expected(expected)) == expected
