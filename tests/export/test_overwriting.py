"""A checkpoint of another config or form is never replaced unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conflict_ner.config import Config, dump_config
from conflict_ner.errors import OverwriteError
from conflict_ner.export.overwriting import refuse_lost_checkpoint
from helpers.command import conflict_ner
from helpers.runs import changed, copy_to_output


@pytest.fixture
def config(tmp_path: Path, checkpoint_folder: Path) -> Config:
    """The config of a checkpoint that stands in its output, `models/mine`."""
    return copy_to_output(checkpoint_folder, tmp_path / "models" / "mine")


def test_another_form_of_the_same_config_is_not_replaced_unasked(config: Config) -> None:
    with pytest.raises(OverwriteError, match=r"another form \(PyTorch weights there, onnx in int8 now\)"):
        refuse_lost_checkpoint(config, config.output, form="onnx in int8", overwrite=False)


def test_what_follows_a_run_makes_no_other_checkpoint(config: Config) -> None:
    refuse_lost_checkpoint(changed(config, report_to=("mlflow",)), config.output, overwrite=False)


def test_an_export_replaces_no_other_checkpoint_unasked(
    config: Config, tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    shutil.copytree(config.output, other)
    (other / "run.yaml").write_text(dump_config(changed(config, seed=9), other), encoding="utf-8")
    for form in ("torch", "onnx"):
        code, _, err = conflict_ner(capsys, "export", checkpoint_folder, other, "--format", form)
        assert code == 2
        assert "other holds a checkpoint of another" in err
        assert f"conflict-ner export {checkpoint_folder} {other} --format {form} --overwrite" in err
