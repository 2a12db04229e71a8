"""The command `benchmark`: one run on a tiny checkpoint, and what is refused before any work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.benchmark import cold_start, roofline, systems, tagging
from conflict_ner.benchmark.fresh_process import ProcessCost
from conflict_ner.benchmark.systems import System
from conflict_ner.config import Config, dump_config
from conflict_ner.errors import MissingExtraError
from helpers.benchmarks import BOTH
from helpers.command import conflict_ner
from helpers.runs import make_config

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process, no spaCy, no large product; this process keeps its threads."""

    def launch(system: System, texts: Path, reports: int) -> ProcessCost:
        assert len(texts.read_text(encoding="utf-8").splitlines()) == 3
        return ProcessCost(1.0, 0.1 * reports, 1_000_000)

    original = cold_start.BenchmarkOptions

    def options(**settings: Any) -> cold_start.BenchmarkOptions:
        return replace(original(**settings), launch=launch, pause=lambda: None)

    monkeypatch.setattr(cold_start, "BenchmarkOptions", options)
    monkeypatch.setattr(roofline, "TOKENS", (8,))
    monkeypatch.setattr(roofline, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(tagging, "set_threads", lambda _: None)
    monkeypatch.setattr(systems, "is_spacy_installed", lambda: False)


def test_a_benchmark_measures_every_system_that_is_installed(
    no_load: None, checkpoint_folder: Path, reports_file: Path, capsys: Captured
) -> None:
    options = ["--rounds=1", "--scale=10,20", "--device=cpu", "--threads=1", "--json"]
    code, out, err = conflict_ner(capsys, "benchmark", checkpoint_folder, reports_file, *options)
    assert code == 0
    result = json.loads(out)["tagging"]
    names = [system["name"] for system in result["systems"]]
    assert names[:2] == ["Tagger model", "pipeline, batch 1 (default)"]
    ours = result["systems"][0]
    assert ours["strict_f1"] == 1.0  # it was trained on these reports
    assert ours["times_as_fast"].keys() == set(names[1:])
    assert [row["reports"] for row in ours["scaled"]] == [10, 20]
    assert ours["cold"]["memory"] == 1_000_000
    assert "fp32" in ours["share"]
    assert ours["disk"] == sum(file.stat().st_size for file in checkpoint_folder.iterdir())
    assert (result["reports"], result["rounds"], result["machine"]["threads"]) == (3, 1, 1)
    assert any("pip install spacy" in note for note in result["notes"])
    assert "round 1 of 1: Tagger model" in err


def test_a_terminal_shows_the_tables(
    no_load: None, checkpoint_folder: Path, reports_file: Path, capsys: Captured
) -> None:
    options = ["--rounds=1", "--no-cold", "--device=cpu", "--precision=fp32", "--precision=auto"]
    code, out, _ = conflict_ner(capsys, "benchmark", checkpoint_folder, reports_file, *options)
    assert code == 0
    assert "share of the limit, in per cent" in out
    assert "Tagger model, fp32" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name a CHECKPOINT, DATA, or a config with --train"),
        (["none", "--train=none.yaml"], 2, "none.yaml"),
        (["none"], 3, "no such checkpoint folder"),
        (["none", "--set=training.epochs=1"], 2, "--set changes the config of --train; name one"),
        (["none", "--precision=fp8"], 2, "--precision is one of auto, fp32, bf16"),
        (["none", "--scale=1000,many"], 2, "numbers of reports with commas between"),
        (["none", "--scale=0"], 2, "numbers of reports with commas between"),
        (["none", "--rounds=0"], 2, "--rounds"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    no_load: None, arguments: list[str], code: int, message: str, capsys: Captured
) -> None:
    exit_code, _, err = conflict_ner(capsys, "benchmark", *arguments)
    assert exit_code == code
    assert message in err


def test_training_is_measured_alone_too(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    arguments: list[Any] = []

    def measured(
        config: Config, name: str, seeds: int, threads: int | None, options: cold_start.BenchmarkOptions
    ) -> None:
        arguments.extend([config.output, config.training.epochs, name, seeds, threads, options.rounds])

    monkeypatch.setattr("conflict_ner.benchmark.training.measure_training", measured)
    options = [f"--train={tmp_path / 'run.yaml'}", "--seeds=2", "--threads=1", "--rounds=3", "--json"]
    options.append("--set=training.epochs=9")
    code, out, _ = conflict_ner(capsys, "benchmark", *options)
    assert code == 0
    assert arguments == [config.output, 9, "run.yaml --set training.epochs=9", 2, 1, 3]
    assert json.loads(out) == {"tagging": None, "training": None}


def test_without_data_the_checkpoints_test_split_is_needed(
    no_load: None, checkpoint_folder: Path, capsys: Captured
) -> None:
    code, _, err = conflict_ner(capsys, "benchmark", checkpoint_folder)
    assert code == 3
    assert "names no test reports; name DATA" in err


def test_the_command_explains_itself(capsys: Captured) -> None:
    code, out, _ = conflict_ner(capsys, "benchmark", "--help")
    assert code == 0
    assert "Usage: conflict-ner benchmark" in out


def test_a_pipeline_of_spacy_that_is_not_there_stops_before_any_timing(
    no_load: None, checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def missing(*_: object) -> None:
        raise MissingExtraError("spacy:en_x needs packages that are not installed")

    monkeypatch.setattr(systems, "require_packages", missing)
    code, out, err = conflict_ner(capsys, "benchmark", checkpoint_folder, reports_file, "--with", "spacy:en_x")
    assert (code, out) == (3, "")
    assert "spacy:en_x needs packages that are not installed" in err
    assert "round 1" not in err


def test_the_tradeoff_is_shown_and_drawn_from_results(tmp_path: Path, capsys: Captured) -> None:
    results = tmp_path / "speed.json"
    results.write_text(json.dumps({"tagging": BOTH.model_dump(mode="json"), "training": None}), encoding="utf-8")
    chart = tmp_path / "tradeoff.svg"
    code, out, err = conflict_ner(capsys, "tradeoff", results, "--markdown", "--svg", chart)
    assert code == 0
    assert "| system | strict F1 | words/s | MB on disk | first report in s |" in out
    assert "wrote" in err
    assert ">ours<" in chart.read_text(encoding="utf-8").replace("\n", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); write it with `conflict-ner benchmark"),
        ("{", "is no JSON"),
        ('{"tagging": null}', "has no results of tagging"),
        ("[]", "has no results of tagging"),
        ('{"tagging": {"device": 1}}', "is not what this version's benchmark writes (machine"),
    ],
)
def test_what_holds_no_results_is_refused(tmp_path: Path, content: str | None, message: str, capsys: Captured) -> None:
    results = tmp_path / "speed.json"
    if content is not None:
        results.write_text(content, encoding="utf-8")
    code, _, err = conflict_ner(capsys, "tradeoff", results)
    assert code == 3
    assert message in err
