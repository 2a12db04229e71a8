"""What entities are worth: filled in on request, for the labels that a config names."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from conflict_ner.config import load_config
from conflict_ner.data.document import Entity
from conflict_ner.data.splits import read_splits
from conflict_ner.errors import ConfigError
from conflict_ner.inference.mention_values import ValueReader
from conflict_ner.inference.tagger import Tagger
from conflict_ner.values import Quantity
from helpers.runs import make_config

TEXT = "At least 19 fighters died in a drone strike near El Fasher."


def test_values_are_filled_only_on_request(checkpoint_folder: Path) -> None:
    plain, valued = (Tagger.load(checkpoint_folder, "cpu", values=values).tag(TEXT) for values in (False, True))
    assert all(entity.value is None and entity.kind is None for entity in plain)
    assert [(e.label, e.start, e.end, e.score) for e in plain] == [(e.label, e.start, e.end, e.score) for e in valued]
    found = {entity.label: entity for entity in valued}
    assert found["NUMBER"].value == Quantity(19, low=19)
    assert (found["NUMBER"].kind, found["WEAPON"].kind, found["WEAPON"].value) == (None, "uav", None)
    assert (found["ACTOR"].kind, found["LOCATION"].value) == (None, None)


def test_a_copy_of_a_tagger_fills_values_too(checkpoint_folder: Path) -> None:
    copy = pickle.loads(pickle.dumps(Tagger.load(checkpoint_folder, "cpu", values=True)))
    assert any(entity.value for entity in copy.tag(TEXT))


def test_thresholds_go_before_values(checkpoint_folder: Path) -> None:
    tagger = Tagger.load(checkpoint_folder, "cpu", {"NUMBER": 1.0}, values=True)
    assert [entity.label for entity in tagger.tag(TEXT) if entity.value] == []


@pytest.mark.parametrize(
    ("label", "value", "kind"),
    [
        ("COUNT", 3, None),
        ("COUNT.dead", 3, "dead"),
        ("ARM", None, None),  # no weapon is called three
        ("NUMBER", None, None),
    ],
)
def test_any_label_can_be_that_of_numbers(label: str, value: int | None, kind: str | None) -> None:
    (entity,) = ValueReader(number="COUNT", weapon="ARM").fill([Entity(label, "three", 0, 5, 0.5)])
    assert (entity.value and entity.value.value, entity.kind) == (value, kind)


@pytest.mark.parametrize(
    ("text", "value", "low"),
    [
        ("At&nbsp;least&nbsp;19", 19, 19),
        ("At least <b>19</b>", 19, 19),
        ("1&nbsp;200", 1200, 1200),
        ("Some 10&#8211;15", None, 10),
        ("10 \u00e2\u20ac\u201c 15", None, 10),
        ("At least\0 19", 19, 19),
    ],
)
def test_values_are_of_the_text_as_the_model_reads_it(text: str, value: float | None, low: float) -> None:
    (entity,) = ValueReader().fill([Entity("NUMBER", text, 0, len(text), 0.5)])
    assert entity.value is not None
    assert (entity.text, entity.value.value, entity.value.low) == (text, value, low)


def test_a_whole_label_with_a_dot_can_be_that_of_numbers() -> None:
    (entity,) = ValueReader(number="N.people").fill([Entity("N.people", "three", 0, 5, 0.5)])
    assert (entity.value and entity.value.value, entity.kind) == (3, None)


def test_a_config_names_the_labels_and_a_wrong_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    reports = tmp_path / "r.md"
    reports.write_text("=== r\n\n[Three](COUNT.dead) died.\n")
    file.write_text(
        "labels: [COUNT.dead, ARM]\ndata: {train: [r.md], validation_share: 0.5}\noutput: m\nvalues: {number: COUNT}\n"
    )
    assert ValueReader.of(load_config(file)) == ValueReader("COUNT", "WEAPON")
    assert read_splits(load_config(file))["train"]
    with pytest.raises(ConfigError, match=r"values\.weapon: no label 'ARMS'; the labels are COUNT\.dead, ARM"):
        read_splits(load_config(file, ["values.weapon=ARMS"]))
    with pytest.raises(ConfigError, match=r"values\.weapon: no label 'ARMS'"):
        ValueReader.of(load_config(file, ["values.weapon=ARMS"]))
    with pytest.raises(ConfigError, match=r"COUNT is the label of both"):
        ValueReader.of(load_config(file, ["values.weapon=COUNT"]))


def test_the_default_config_has_numbers_and_weapons(tmp_path: Path) -> None:
    config = make_config(tmp_path, tmp_path, tmp_path / "r.md")
    assert ValueReader.of(config) == ValueReader("NUMBER", "WEAPON")
