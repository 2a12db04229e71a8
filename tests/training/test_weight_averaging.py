"""The mean of weights is the mean, and what cannot be averaged is refused before the first step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.inference.evaluate import evaluate
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.encoder import load_model
from conflict_ner.training import run
from conflict_ner.training.weight_averaging import average_weights
from helpers.encoders import SENTENCES
from helpers.runs import make_config
from safetensors.torch import load_file


def copy_of(checkpoint: Path, folder: Path) -> Path:
    return Path(shutil.copytree(checkpoint, folder))


def test_the_mean_is_that_of_all_with_each_head_before_its_calibration(
    tmp_path: Path, checkpoint_folder: Path, encoder_folder: Path, reports_file: Path
) -> None:
    others = [copy_of(checkpoint_folder, tmp_path / name) for name in ("a", "b")]
    manifest = json.loads((others[1] / "manifest.json").read_bytes())
    manifest["calibration"] = {
        **(manifest["calibration"] or {"fitted_on": "", "spans": 0, "ece_before": None, "ece_after": None, "note": ""}),
        "temperature": 2.0,
    }
    (others[1] / "manifest.json").write_text(json.dumps(manifest))
    model = load_model(str(checkpoint_folder))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = load_file(checkpoint_folder / "model.safetensors")
    average_weights(model, make_config(tmp_path, encoder_folder, reports_file, average_with=others))
    first = Checkpoint.load(checkpoint_folder).manifest.temperature
    for name, mean in model.state_dict().items():
        scale = first + 2.0 if name.startswith("classifier.") else 2.0
        torch.testing.assert_close(mean, (own[name] + scale * weights[name]) / 3)


@pytest.mark.usefixtures("verified_here")
def test_a_run_exports_the_mean_scores_it_and_records_what_is_in_it(
    tmp_path: Path, checkpoint_folder: Path, encoder_folder: Path, reports_file: Path
) -> None:
    for name in ("alone", "together"):
        (tmp_path / name).mkdir()
    alone = run.train(make_config(tmp_path / "alone", encoder_folder, reports_file, epochs=1))
    together = run.train(
        make_config(tmp_path / "together", encoder_folder, reports_file, epochs=1, average_with=[checkpoint_folder])
    )
    name = "bert.embeddings.word_embeddings.weight"
    read = [load_file(folder / "model.safetensors")[name] for folder in (alone.folder, checkpoint_folder)]
    torch.testing.assert_close(load_file(together.folder / "model.safetensors")[name], (read[0] + read[1]) / 2)
    other = Checkpoint.load(checkpoint_folder).manifest.weights_sha256
    assert together.manifest.averaged_with == {checkpoint_folder.name: other}
    assert together.manifest.history == alone.manifest.history
    assert evaluate(together.folder, tmp_path / "together" / "validation.md").report == together.scores["validation"]


def test_of_nothing_else_a_model_stays_as_it_was(
    tmp_path: Path, tagger: Tagger, encoder_folder: Path, reports_file: Path
) -> None:
    before = [logits for _, logits in tagger.predictor.logits(SENTENCES)]
    average_weights(tagger.predictor.runtime.model, make_config(tmp_path, encoder_folder, reports_file))  # type: ignore[attr-defined]
    for old, (_, new) in zip(before, tagger.predictor.logits(SENTENCES), strict=True):
        np.testing.assert_array_equal(old, new)


def change_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["labels"] = list(reversed(manifest["labels"]))
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["model"]["vocab"]["something-else"] = len(tokenizer["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def test_what_cannot_be_averaged_is_refused_before_the_first_step(
    tmp_path: Path, checkpoint_folder: Path, encoder_folder: Path, reports_file: Path
) -> None:
    labels, tokenizer = (copy_of(checkpoint_folder, tmp_path / name) for name in ("labels", "tokenizer"))
    change_manifest(labels)
    change_tokenizer(tokenizer)
    config = make_config(tmp_path, encoder_folder, reports_file, average_with=[labels, tokenizer])
    with pytest.raises(ConfigError) as refused:
        run.train(config)
    assert "has the labels NUMBER, LOCATION" in str(refused.value)
    assert f"{tokenizer} has another tokenizer" in str(refused.value)
    assert not config.output.exists()


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path: Path, encoder_folder: Path, reports_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere"):
        run.train(make_config(tmp_path, encoder_folder, reports_file, average_with=[tmp_path / "nowhere"]))


def test_damaged_weights_are_named(
    tmp_path: Path, checkpoint_folder: Path, encoder_folder: Path, reports_file: Path
) -> None:
    folder = copy_of(checkpoint_folder, tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match=r"damaged is damaged: model\.safetensors"):
        run.train(make_config(tmp_path, encoder_folder, reports_file, average_with=[folder]))


def test_a_damaged_tokenizer_is_named(
    tmp_path: Path, checkpoint_folder: Path, encoder_folder: Path, reports_file: Path
) -> None:
    folder = copy_of(checkpoint_folder, tmp_path / "damaged")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"damaged is damaged: tokenizer\.json"):
        run.train(make_config(tmp_path, encoder_folder, reports_file, average_with=[folder]))
