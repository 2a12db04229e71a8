"""What a model's files say is read without its weights, and what cannot be tagged with is refused with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.errors import CheckpointError
from conflict_ner.modeling.model_files import is_model_folder, longest_input, read_token_classifier

CONFIG: dict[str, Any] = {
    "architectures": ["BertForTokenClassification"],
    "model_type": "bert",
    "max_position_embeddings": 512,
    "id2label": {"0": "O", "1": "B-PER", "2": "I-PER"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A token classifier as far as its files say what it is; the weights are never read here."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).touch()
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 128}')
    return tmp_path


def configure(folder: Path, **changes: Any) -> None:
    config = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))


def replace_weights(folder: Path, *names: str) -> None:
    (folder / "model.safetensors").unlink()
    for name in names:
        (folder / name).touch()


def test_a_token_classifier_says_what_it_is(folder: Path) -> None:
    model = read_token_classifier(folder)
    assert (model.tags.scheme, model.tags.labels, model.window) == ("BIO", ("PER",), 128)
    assert model.files == ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    assert is_model_folder(folder)


def test_a_config_that_names_no_architecture_is_taken_at_its_word(folder: Path) -> None:
    configure(folder, architectures=None)
    assert read_token_classifier(folder).tags.labels == ("PER",)


@pytest.mark.parametrize(
    ("limit", "config", "longest"),
    [
        (10**30, {"model_type": "bert", "max_position_embeddings": 512}, 512),
        (256, {"model_type": "bert", "max_position_embeddings": 512}, 256),
        (None, {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        (None, {"model_type": "xlm-roberta", "max_position_embeddings": 514}, 512),
        (None, {"model_type": "gpt2", "n_positions": 1024}, 1024),
        (None, {"model_type": "xlnet", "max_position_embeddings": -1}, 512),
        (None, {}, 512),
    ],
)
def test_the_longest_input_is_what_tokenizer_and_encoder_allow(
    limit: int | None, config: dict[str, Any], longest: int
) -> None:
    assert longest_input(limit, config) == longest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: configure(f, id2label=None), "id2label is missing, so nothing says what"),
        (lambda f: configure(f, id2label={}), "id2label is missing"),
        (lambda f: configure(f, id2label=["O", "B-PER"]), "id2label is missing"),
        (lambda f: configure(f, id2label={"0": "LABEL_0", "1": "LABEL_1"}), "only LABEL_0, LABEL_1 .*write the name"),
        (lambda f: configure(f, id2label={"0": "O", "1": "B-A", "2": "X"}), "B-A has a prefix and X has none; tags"),
        (lambda f: configure(f, id2label={"0": "O", "1": 7}), "not the numbers from 0 to 1, each with a tag"),
        (lambda f: configure(f, architectures=["BertModel"]), "holds a BertModel, which does not tag words"),
        (lambda f: configure(f, architectures=["BertForSequenceClassification"]), "does not tag words"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[]"), r"config\.json cannot be read: it is not an object"),
        (lambda f: (f / "config.json").unlink(), r"is no model: it has neither a manifest\.json"),
        (lambda f: (f / "tokenizer_config.json").write_text("nothing"), r"tokenizer_config\.json cannot be read"),
        (lambda f: (f / "tokenizer.json").unlink(), r"has no tokenizer \(tokenizer\.json\); save that of the model"),
        (replace_weights, r"model\.safetensors is missing, the weights of the model$"),
        (lambda f: replace_weights(f, "pytorch_model.bin"), r"pickled \(pytorch_model\.bin\).*as safetensors"),
        (lambda f: replace_weights(f, "tf_model.h5"), r"another framework \(tf_model\.h5\) are not read, so save the"),
        (lambda f: replace_weights(f, "model.safetensors.index.json"), r"in several files .* max_shard_size="),
        (lambda f: (f / "adapter_config.json").touch(), r"holds an adapter \(PEFT\), not a whole model; merge it"),
    ],
)  # fmt: skip
def test_what_cannot_be_tagged_with_is_refused(folder: Path, change: Callable[[Path], object], message: str) -> None:
    change(folder)
    with pytest.raises(CheckpointError, match=message):
        read_token_classifier(folder)


def test_pickled_weights_beside_safe_ones_do_not_matter(folder: Path) -> None:
    (folder / "pytorch_model.bin").touch()
    assert read_token_classifier(folder).files[1] == "model.safetensors"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "tf_model.h5", "adapter_config.json", "model.onnx"])
def test_a_folder_with_weights_of_any_form_holds_a_model(tmp_path: Path, name: str) -> None:
    assert not is_model_folder(tmp_path)
    (tmp_path / name).touch()
    assert is_model_folder(tmp_path)


def test_a_folder_of_reports_may_hold_a_config_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"text": "Rebels left."}')
    assert not is_model_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert is_model_folder(tmp_path)
    assert not is_model_folder(tmp_path / "config.json")
