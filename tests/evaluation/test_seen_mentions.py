"""What training has seen is told, and not what it was."""

from __future__ import annotations

import json

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.seen_mentions import SeenMentions
from pydantic import ValidationError

MEMORY = SeenMentions.of(
    [Document("t", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))],
    [Document("v", "Nobody  came.", ())],
)


def test_a_form_is_known_with_its_label_and_its_capitals() -> None:
    assert MEMORY.knows("LOCATION", "Goma")
    assert not MEMORY.knows("LOCATION", "GOMA")
    assert MEMORY.knows_lower("LOCATION", "GOMA")
    assert not MEMORY.knows_lower("ACTOR", "goma")


def test_texts_of_training_and_validation_are_known_whatever_their_spaces() -> None:
    assert MEMORY.knows_text("rebels left  Goma.\n")
    assert MEMORY.knows_text("Nobody came.")
    assert not MEMORY.knows_text("Nobody came")


def test_it_is_written_without_text_and_always_the_same_and_read_again() -> None:
    written = MEMORY.dump()
    assert "oma" not in written
    assert written == SeenMentions.model_validate_json(written).dump()
    assert SeenMentions.model_validate_json(written) == MEMORY
    assert json.loads(written)["forms"] == sorted(json.loads(written)["forms"])


def test_what_is_no_memory_is_refused() -> None:
    with pytest.raises(ValidationError):
        SeenMentions.model_validate_json('{"forms": []}')
