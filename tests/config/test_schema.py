"""Configs are validated, with all errors at once."""

from __future__ import annotations

from typing import Any

import pytest
from conflict_ner.config import Config
from pydantic import ValidationError

TEN = ["ACTOR", "WEAPON", "LOCATION", "NUMBER", "DATE", "EVENT", "FACILITY", "VEHICLE", "GROUP", "CASUALTY"]


def tree(**sections: Any) -> dict[str, Any]:
    base = {"labels": ["ACTOR"], "data": {"train": ["a.md"], "validation": ["b.md"]}, "output": "m"}
    return {**base, **sections}


def faults(**sections: Any) -> dict[str, str]:
    """Return the places of the errors in a tree, with their types."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(tree(**sections))
    return {".".join(map(str, detail["loc"])): detail["type"] for detail in caught.value.errors()}


def test_labels_data_and_output_are_enough() -> None:
    config = Config.model_validate(tree())
    assert config.data.strict
    assert config.data.test == ()
    assert config.training.epochs >= 1


@pytest.mark.parametrize("section", ["", "data", "encoding", "training"])
def test_unknown_keys_are_forbidden_in_every_section(section: str) -> None:
    wrong: dict[str, Any] = tree()
    (wrong.setdefault(section, {}) if section else wrong)["colour"] = 1
    assert faults(**wrong) == {f"{section}.colour".strip("."): "extra_forbidden"}


def test_required_keys_are_named_when_missing() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"data": {}})
    missing = {".".join(map(str, detail["loc"])) for detail in caught.value.errors()}
    assert missing == {"labels", "data.train", "output"}


def test_all_faults_of_a_tree_come_at_once() -> None:
    found = faults(labels=["A B"], training={"epochs": 0, "speed": 1}, encoding={"window": 20, "overlap": 11})
    assert set(found) == {"labels", "training.epochs", "training.speed", "encoding"}


@pytest.mark.parametrize("precision", ["auto", "fp32", "fp16"])
def test_weights_in_bf16_are_not_computed_in_another_format(precision: str) -> None:
    assert list(faults(training={"torch_dtype": "bfloat16", "precision": precision})) == ["training"]


@pytest.mark.parametrize("label", ["", "A B", "A(B", "A)", "[A", "A]", "A\tB", "O", "A.", ".A", "A..b"])
def test_a_label_that_the_marked_up_form_cannot_carry_is_refused(label: str) -> None:
    assert list(faults(labels=["ACTOR", label])) == ["labels"]


@pytest.mark.parametrize("labels", [[], ["A", "A"], "ACTOR"], ids=["none", "twice", "a string"])
def test_labels_are_a_list_of_different_names(labels: object) -> None:
    assert list(faults(labels=labels)) == ["labels"]


def test_ten_labels_keep_their_order() -> None:
    assert Config.model_validate(tree(labels=TEN)).labels == tuple(TEN)


@pytest.mark.parametrize("label", ["actor", "KÄMPFER", "فاعل", "CIVILIAN-HARM", "a_b", "2ND"])
def test_labels_may_be_of_any_script(label: str) -> None:
    assert Config.model_validate(tree(labels=[label])).labels == (label,)


def test_training_data_cannot_be_empty() -> None:
    assert list(faults(data={"train": [], "validation": ["b.md"]})) == ["data.train"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_tokens", 1),
        ("gradient_accumulation", 0),
        ("learning_rate", 0),
        ("head_learning_rate", -1e-3),
        ("weight_decay", -0.1),
        ("warmup", 1),
        ("dropout", 1.0),
        ("attention_dropout", -0.1),
        ("max_grad_norm", 0),
        ("patience", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("schedule", "quadratic"),
        ("precision", "fp8"),
        ("device", "toaster"),
    ],
)
def test_training_settings_have_bounds(key: str, value: object) -> None:
    assert list(faults(training={key: value})) == [f"training.{key}"]


@pytest.mark.parametrize(("overlap", "fits"), [(0, True), (32, True), (33, False)])
def test_the_overlap_is_at_most_half_a_window(overlap: int, fits: bool) -> None:
    encoding = {"window": 64, "overlap": overlap}
    if fits:
        assert Config.model_validate(tree(encoding=encoding)).encoding.overlap == overlap
    else:
        assert list(faults(encoding=encoding)) == ["encoding"]


def test_patience_and_window_may_be_null() -> None:
    config = Config.model_validate(tree(training={"patience": None}, encoding={"window": None}))
    assert config.training.patience is None
    assert config.encoding.window is None


def test_a_config_cannot_be_changed() -> None:
    config = Config.model_validate(tree())
    with pytest.raises(ValidationError, match="frozen"):
        config.training.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"train": ["a"], "validation": ["b"], "validation_share": 0.2}, "data.validation_share"),
        ({"train": ["a"], "validation_share": 0.0}, "data.validation_share"),
        ({"train": ["a"], "validation_share": 1.0}, "data.validation_share"),
        ({"train": ["a"], "validation_share": 0.2, "fold": {"number": 3, "count": 2}}, "data.fold"),
        ({"train": ["a"], "validation_share": 0.2, "fold": {"number": 1, "count": 1}}, "data.fold.count"),
        ({"train": ["a"], "validation_share": 0.2, "fold": {"number": 0, "count": 2}}, "data.fold.number"),
    ],
)
def test_validation_comes_from_one_place_and_a_fold_is_one_of_several(data: dict[str, Any], fault: str) -> None:
    assert list(faults(data=data)) == [fault]


def test_a_share_stands_in_for_validation_files() -> None:
    config = Config.model_validate(tree(data={"train": ["a"], "validation_share": 0.2}))
    assert config.data.validation == ()
    assert config.data.validation_share == 0.2
    assert Config.model_validate(tree(data={"train": ["a"]})).data.validation_share == 0.2
    assert Config.model_validate(tree(data={"train": ["a"], "validation": ["b"]})).data.validation_share is None
