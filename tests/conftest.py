"""Fixtures that several rooms share: tokenizers, an encoder, a trained checkpoint and its forms.

Everything is made here, in seconds and offline; nothing is downloaded or shipped.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from conflict_ner.inference.tagger import Tagger
from filelock import FileLock
from helpers.encoders import KINDS, make_encoder, wordpiece
from helpers.runs import REPORTS, make_config
from helpers.tracing import traced_once
from hypothesis import HealthCheck, settings
from transformers import PreTrainedTokenizerFast

os.environ["HF_HUB_OFFLINE"] = "1"  # for processes that tests start; this one has read it already
huggingface_hub.constants.HF_HUB_OFFLINE = True
# Models this small lose time to threads, four times as much where other programs want the cores too.
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start
torch.set_num_threads(1)

# The same examples each time, however slow and busy the machine: a test may not pass on one and fail on another.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

MadeOnce = Callable[[str, Callable[[Path], None]], Path]

# The files that take longest, half a minute to some seconds: started first, they leave no worker alone at the end.
# Neighbors need different fixtures, so that two workers do not wait for the same one.
LONGEST = (
    "modeling/test_telemetry.py",
    "training/test_trainer.py",
    "inference/test_portability.py",
    "export/onnx/test_trace.py",
    "cli/test_tag.py",
    "training/test_multirun.py",
    "cli/test_train.py",
    "training/test_run.py",
    "export/onnx/test_export.py",
    "inference/test_plain_models.py",
    "test_api_page.py",
    "test_shipped_model.py",
    "export/test_checkpoint_writer.py",
    "cli/test_standard_streams.py",
    "benchmark/test_fresh_process.py",
    "test_shipped.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Leave what has been imported and collected out of garbage collections: Trainer asks for one in every run."""
    gc.collect()
    gc.freeze()


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
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """A function that gives a folder of a name; the first worker that needs it makes it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # of all workers

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, finished = base / name, base / f"{name}.finished"
        with FileLock(base / f"{name}.lock"):
            if not finished.exists():
                folder.mkdir()
                make(folder)
                finished.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def encoder_folder(made_once: MadeOnce) -> Path:
    """A BERT in miniature."""

    def make(folder: Path) -> None:
        make_encoder(folder)

    return made_once("encoder", make)


@pytest.fixture(scope="session")
def reports_file(made_once: MadeOnce) -> Path:
    """Three labeled reports in the marked-up form."""

    def make(folder: Path) -> None:
        (folder / "reports.md").write_text(REPORTS, encoding="utf-8")

    return made_once("reports", make) / "reports.md"


@pytest.fixture(scope="session")
def checkpoint_folder(made_once: MadeOnce, encoder_folder: Path, reports_file: Path) -> Path:
    """A checkpoint trained until it knows its three reports by heart."""

    def make(folder: Path) -> None:
        from conflict_ner.training import run

        config = make_config(folder, encoder_folder, reports_file, epochs=40, patience=None, dropout=0.0)
        # Here validation is to be what was learned, so that the best epoch is one that knows it all.
        known = REPORTS.replace("=== t-", "=== v-").replace(".\n", ". Over.\n")
        config.data.validation[0].write_text(known, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("conflict_ner.data.validation.NEAR_DUPLICATE_SIMILARITY", 2.0)
            verify_here(patch)
            run.train(config)

    return made_once("checkpoint", make) / "model"


@pytest.fixture(scope="session")
def onnx_folder(made_once: MadeOnce, checkpoint_folder: Path, traces: Path) -> Path:
    """That checkpoint in ONNX form."""
    for needed in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(needed)

    def make(folder: Path) -> None:
        from conflict_ner.export.onnx.export import export_onnx

        with pytest.MonkeyPatch.context() as patch, traced_once(traces):
            verify_here(patch)
            export_onnx(checkpoint_folder, folder / "model", "fp32")

    return made_once("onnx_form", make) / "model"


@pytest.fixture(scope="session")
def traces(made_once: MadeOnce) -> Path:
    """A folder for `traced_once` that all files share: they export the same checkpoint."""
    return made_once("traces", lambda folder: None)


def verify_here(patch: pytest.MonkeyPatch) -> None:
    """Let exports verify themselves in this process: a fresh one takes seconds to import."""
    from conflict_ner.export import checkpoint_writer
    from conflict_ner.export.verify import verify

    patch.setattr(checkpoint_writer, "_verify_in_fresh_process", verify)


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports that verify themselves in this process; that a fresh one does it, their own tests say."""
    verify_here(monkeypatch)


@pytest.fixture(scope="session")
def tagger(checkpoint_folder: Path) -> Tagger:
    """That checkpoint, loaded as users load it."""
    return Tagger.load(checkpoint_folder, "cpu", precision="fp32")
