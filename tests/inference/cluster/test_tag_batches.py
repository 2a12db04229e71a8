"""A function for batches of Ray Data and Spark: every form of batch gets the entities that a Tagger finds."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conflict_ner import Tag
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.inference.cluster import tag_batches
from conflict_ner.inference.names import Name, NameMatcher
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import SENTENCES

TEXTS = [SENTENCES[0], None, ""]


@pytest.fixture
def tag(checkpoint_folder: Path, tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> Tag:
    monkeypatch.setattr(tag_batches, "_loaded", {})
    monkeypatch.setattr(Tagger, "load", lambda *_: tagger)
    return Tag(checkpoint_folder)


@pytest.fixture
def expected(tagger: Tagger) -> list[list[tuple[str, str, int, int]]]:
    return [[(e.label, e.text, e.start, e.end) for e in tagger.tag(text or "")] for text in TEXTS]


def found(entities: Any) -> list[list[tuple[str, str, int, int]]]:
    return [[(e["label"], e["text"], e["start"], e["end"]) for e in of_text] for of_text in entities]


def test_every_form_of_batch_gets_a_column(tag: Tag, expected: list[list[tuple[str, str, int, int]]]) -> None:
    columns = {"id": [1, 2, 3], "text": TEXTS}
    from_arrays = tag({name: np.array(values, dtype=object) for name, values in columns.items()})
    assert (list(from_arrays), found(from_arrays["entities"])) == (["id", "text", "entities"], expected)
    frame = pd.DataFrame(columns, index=[7, 8, 9])
    tagged = tag(frame)
    assert (list(tagged.index), found(tagged["entities"])) == ([7, 8, 9], expected)
    assert list(frame) == ["id", "text"]  # what was passed is as it was
    table = tag(pa.table(columns))
    assert found(table.column("entities").to_pylist()) == expected
    assert tag(table).equals(table)  # a column of that name is replaced
    assert tag(pa.RecordBatch.from_pydict(columns)).schema == table.schema


def test_a_series_becomes_a_series_of_lists(tag: Tag, expected: list[list[tuple[str, str, int, int]]]) -> None:
    entities = tag(pd.Series(TEXTS, index=[7, 8, 9]))
    assert (list(entities.index), found(entities)) == ([7, 8, 9], expected)


def test_a_batch_without_entities_has_the_same_type(tag: Tag) -> None:
    assert tag(pa.table({"text": [""]})).schema.field("entities").type == tag.arrow_type
    assert tag(pa.table({"text": pa.array([], pa.string())})).schema.field("entities").type == tag.arrow_type


def test_the_types_have_the_columns_that_are_asked_for(checkpoint_folder: Path) -> None:
    names = NameMatcher([Name("Goma", "LOCATION")])
    tag = Tag(checkpoint_folder, "body", "found", values=True, names=names, device="cpu")
    table = tag(pa.table({"body": ["At least 19 died in Goma."]}))
    entities = table.column("found").to_pylist()[0]
    assert [entity["source"] for entity in entities if entity["text"] == "Goma"] == ["names"]
    assert ",value:double," in tag.spark_type
    assert tag.spark_type.endswith(",source:string>>")


def test_a_copy_in_the_same_process_finds_the_model(tag: Tag, checkpoint_folder: Path) -> None:
    tag({"text": TEXTS})
    assert len(pickle.dumps(tag)) < 2000
    assert pickle.loads(pickle.dumps(tag)).tagger is tag.tagger
    assert len(tag_batches._loaded) == 1


def test_a_model_that_was_trained_again_is_loaded_again(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.json").touch()
    monkeypatch.setattr(Tagger, "load", lambda *_: object())
    first = Tag(tmp_path).tagger
    assert Tag(tmp_path).tagger is first
    os.utime(tmp_path / "manifest.json", (1, 1))
    assert Tag(tmp_path).tagger is not first


def test_what_is_wrong_with_a_batch_is_said(tag: Tag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no column 'text'; the columns are id, body; name one with column="):
        tag({"id": [1], "body": ["Goma"]})
    with pytest.raises(TypeError, match="a dictionary of columns, a DataFrame, a Table or a Series, not list"):
        tag(["Goma"])
    with pytest.raises(TypeError, match="texts must be strings; number 0 is int"):
        tag({"text": [7]})
    with pytest.raises(TypeError, match="texts must be strings; number 1 is float"):
        tag({"text": [float("nan"), 1.5]})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        Tag(tmp_path / "none")({"text": ["Goma"]})
