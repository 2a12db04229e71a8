"""SeenMentions recognizes what training has seen without revealing it."""

from __future__ import annotations

import json

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.seen_mentions import SeenMentions
from pydantic import ValidationError

SEEN = SeenMentions.of(
    [Document("t", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))],
    [Document("v", "Nobody  came.", ())],
)


def test_a_form_is_known_with_its_label_and_its_capitals() -> None:
    assert SEEN.knows("LOCATION", "Goma")
    assert not SEEN.knows("LOCATION", "GOMA")
    assert SEEN.knows_lower("LOCATION", "GOMA")
    assert not SEEN.knows_lower("ACTOR", "goma")


def test_texts_of_training_and_validation_are_known_whatever_their_spaces() -> None:
    assert SEEN.knows_text("rebels left  Goma.\n")
    assert SEEN.knows_text("Nobody came.")
    assert not SEEN.knows_text("Nobody came")


def test_it_is_written_without_text_and_always_the_same_and_read_again() -> None:
    written = SEEN.dump()
    assert "oma" not in written
    assert written == SeenMentions.model_validate_json(written).dump()
    assert SeenMentions.model_validate_json(written) == SEEN
    assert json.loads(written)["forms"] == sorted(json.loads(written)["forms"])


def test_an_incomplete_file_is_refused() -> None:
    with pytest.raises(ValidationError):
        SeenMentions.model_validate_json('{"forms": []}')
