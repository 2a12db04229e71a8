"""Fixtures that several rooms share: tokenizers, an encoder, a trained checkpoint and its forms.

Everything is made here, in seconds and offline; nothing is downloaded or shipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import KINDS, make_encoder, wordpiece
from helpers.runs import REPORTS, make_config
from transformers import PreTrainedTokenizerFast

os.environ["HF_HUB_OFFLINE"] = "1"  # for processes that tests start; this one has read it already
huggingface_hub.constants.HF_HUB_OFFLINE = True
# Models this small lose time to threads, four times as much where other programs want the cores too.
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line with the reasons why tests were skipped; pytest alone prints their number."""
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped")}
    if reasons:
        terminalreporter.write_line(f"SKIPPED: {'; '.join(sorted(reasons))}")


@pytest.fixture(scope="session", params=list(KINDS))
def any_tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    """Each kind of tokenizer in turn."""
    return KINDS[request.param]()


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The default kind."""
    return wordpiece()


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT in miniature."""
    return make_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def reports_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labeled reports in the marked-up form."""
    file = tmp_path_factory.mktemp("reports") / "reports.md"
    file.write_text(REPORTS, encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path, reports_file: Path) -> Path:
    """A checkpoint trained until it knows its three reports by heart."""
    from conflict_ner.training import run

    folder = tmp_path_factory.mktemp("checkpoint")
    config = make_config(folder, encoder_folder, reports_file, epochs=40, patience=None, dropout=0.0)
    # Here validation is to be what was learned, so that the best epoch is one that knows it all.
    known = REPORTS.replace("=== t-", "=== v-").replace(".\n", ". Over.\n")
    config.data.validation[0].write_text(known, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conflict_ner.data.validation.NEAR_DUPLICATE_SIMILARITY", 2.0)
        return run.train(config).folder


@pytest.fixture(scope="session")
def onnx_folder(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That checkpoint in ONNX form."""
    for needed in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(needed)
    from conflict_ner.export.onnx.export import export_onnx

    return export_onnx(checkpoint_folder, tmp_path_factory.mktemp("onnx_form") / "model", "fp32").folder


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports verify themselves in this process: a fresh one takes seconds to import."""
    from conflict_ner.export import checkpoint_writer
    from conflict_ner.export.verify import verify

    monkeypatch.setattr(checkpoint_writer, "_verify_in_fresh_process", verify)


@pytest.fixture(scope="session")
def tagger(checkpoint_folder: Path) -> Tagger:
    """That checkpoint, loaded as users load it."""
    return Tagger.load(checkpoint_folder, "cpu", precision="fp32")
