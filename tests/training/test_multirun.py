"""Several trainings of one config: each is the run that it would be alone, none is done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config, load_config
from conflict_ner.data.splits import divide_corpus, read_splits
from conflict_ner.errors import CheckpointError, DataError, OverwriteError, TrainingError
from conflict_ner.evaluation.series import outcomes as series
from conflict_ner.evaluation.series.outcomes import Outcome, summary
from conflict_ner.inference.tagger import Tagger
from conflict_ner.training import multirun, run
from conflict_ner.training.multirun import config_for_files, table, train_all, with_folds, with_seeds
from helpers.runs import REPORTS, make_config


@pytest.fixture
def config(tmp_path: Path, encoder_folder: Path) -> Config:
    """A run of an epoch on a dozen reports of four conflicts."""
    places = {"a": "Chad", "b": "Mali", "c": "Peru", "d": "Fiji"}
    reports = (
        REPORTS.replace("=== t-", f"=== {n}-").replace("El Fasher", f"{n} town").replace("Nowhere", p)
        for n, p in places.items()
    )
    text = "\n".join(reports).replace("Elsewhere", "Chad")
    (tmp_path / "train.md").write_text(text, encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.md", epochs=1)
    return config.model_copy(update={"data": config.data.model_copy(update={"allow_copies": True})})


def weights(folder: Path) -> str:
    return Checkpoint.load(folder).manifest.weights_sha256


@pytest.mark.usefixtures("verified_here")
def test_every_seed_is_trained_as_it_would_be_alone(config: Config, tmp_path: Path) -> None:
    outcomes = train_all(with_seeds(config, 2))
    assert [outcome.checkpoint for outcome in outcomes.runs] == ["model-seed7", "model-seed8"]
    assert weights(tmp_path / "model-seed7") != weights(tmp_path / "model-seed8")
    alone = load_config(tmp_path / "model-seed8" / "run.yaml", [f"output={tmp_path / 'alone'}"])
    assert weights(run.train(alone).folder) == weights(tmp_path / "model-seed8")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("verified_here")
def test_every_fold_is_scored_by_the_run_that_has_not_seen_it(config: Config, tmp_path: Path) -> None:
    outcomes = train_all(with_folds(config, 2, "theatre"))
    held = [set(outcome.held_out) for outcome in outcomes.runs]
    assert held[0] | held[1] == {"Chad", "Mali", "Peru", "Fiji"}
    assert not held[0] & held[1]
    reports = [Checkpoint.load(tmp_path / f"model-fold{k}").manifest.data for k in (1, 2)]
    assert [facts["train"].documents + facts["fold"].documents for facts in reports] == [12, 12]
    assert sum(facts["fold"].documents for facts in reports) == 12
    assert list(outcomes.mean) == ["validation", "fold"]
    written = Checkpoint.load(tmp_path / "model-fold2").scores["fold"]
    assert outcomes.runs[1].figures["fold"] == {
        "strict_f1": written.strict.micro.f1,
        "seqeval_default_f1": written.seqeval_default_f1,
    }
    assert outcomes.runs[1].label_f1["fold"] == {label: one.f1 for label, one in written.strict.labels.items()}
    assert [run.data["fold"] for run in outcomes.runs] == [facts["fold"].sha256 for facts in reports]


@pytest.mark.usefixtures("verified_here")
def test_resumed_runs_that_are_finished_are_not_trained_again(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_all(with_seeds(config, 1))
    trained: list[str] = []
    train = run.train

    def train_and_record(config: Config, **options: object) -> Checkpoint:
        trained.append(config.output.name)
        return train(config, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "train", train_and_record)
    assert train_all(with_seeds(config, 1), resume=True) == first
    assert trained == []
    # One that was never begun, one of another config, one whose data has changed.
    assert train_all(with_seeds(config, 2), resume=True).runs[0] == first.runs[0]
    assert trained == ["model-seed8"]
    longer = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 2})})
    with pytest.raises(OverwriteError, match=r"training\.epochs: 1 there, 2 now"):
        train_all(with_seeds(longer, 1), resume=True)
    train_all(with_seeds(longer, 1), resume=True, overwrite=True)
    assert trained == ["model-seed8", "model-seed7"]
    file = tmp_path / "train.md"
    file.write_text(file.read_text(encoding="utf-8") + "\n=== more\ntheatre: Chad\n\nNothing.\n", encoding="utf-8")
    train_all(with_seeds(longer, 1), resume=True)  # of the same config: it replaces the old one unasked
    assert trained == ["model-seed8", "model-seed7", "model-seed7"]


def test_what_the_last_run_would_refuse_is_refused_before_the_first(config: Config, tmp_path: Path) -> None:
    (tmp_path / "model-seed8").mkdir()
    (tmp_path / "model-seed8" / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        train_all(with_seeds(config, 2))
    with pytest.raises(DataError, match="too few for 5 folds"):
        train_all(with_folds(config, 5, "theatre"))
    with pytest.raises(DataError, match="has no 'genre'"):
        train_all(with_folds(config, 2, "genre"))
    labels = config.model_copy(update={"labels": (*config.labels, "OTHER")})
    with pytest.raises(TrainingError, match=r"^fold 1: data\.train: no mention of OTHER"):
        train_all(with_folds(labels, 2, None))
    assert not list(tmp_path.glob("*.training"))


def outcome(name: str, test: float | None) -> Outcome:
    figures = {"test": {"strict_f1": test, "seqeval_default_f1": 0.5}}
    return Outcome(run=name, checkpoint=f"m-{name}", held_out=(), figures=figures)


def test_mean_and_deviation_are_a_samples() -> None:
    found = summary([outcome("a", 0.5), outcome("b", 0.7), outcome("c", 0.9)])
    assert found.mean["test"]["strict_f1"] == pytest.approx(0.7)
    assert found.sd["test"] == {"strict_f1": pytest.approx(0.2), "seqeval_default_f1": 0}
    assert summary([outcome("a", 0.5)]).sd["test"]["strict_f1"] is None
    undefined = summary([outcome("a", 0.5), outcome("b", None), outcome("c", 0.6)])
    assert undefined.mean["test"]["strict_f1"] is None
    assert undefined.sd["test"]["strict_f1"] is None


def test_the_table_has_a_row_a_run_and_one_for_mean_and_deviation() -> None:
    headings, body = table(summary([outcome("a", 0.5), outcome("b", 0.7)]))
    assert headings == ("run", "test F1", "test seqeval default", "checkpoint")
    assert body == [
        ("a", "50.0", "50.0", "m-a"),
        ("b", "70.0", "50.0", "m-b"),
        ("mean", "60.0", "50.0", ""),
        ("standard deviation", "14.1", "0.0", ""),
    ]
    held = outcome("fold 1", 0.5).model_copy(update={"held_out": ("Chad", "Mali")})
    headings, body = table(summary([held]))
    assert (headings[-1], body[0][-1], body[2][-2]) == ("held out", "Chad, Mali", "")


def test_what_is_written_is_what_was_found(tmp_path: Path) -> None:
    found = summary([outcome("a", None)])
    series.write(found, tmp_path / "m-seeds.json")
    written = json.loads((tmp_path / "m-seeds.json").read_text(encoding="utf-8"))
    assert series.Outcomes.model_validate(written) == found
    assert written["mean"]["test"]["strict_f1"] is None


def test_each_training_report_is_reviewed_by_the_run_that_has_not_learned_it(
    config: Config, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[list[str], dict[str, object]]] = []
    loaded: list[str] = []

    def train_all(runs: list[multirun.Run], **options: object) -> None:
        trained.append(([run.config.output.name for run in runs], options))

    def load(folder: Path, *_: object, **__: object) -> Tagger:
        loaded.append(folder.name)
        return tagger

    monkeypatch.setattr(multirun, "train_all", train_all)
    monkeypatch.setattr(Tagger, "load", load)
    found = multirun.review_folds(config, 3, "theatre")
    names = ["model-fold1", "model-fold2", "model-fold3"]
    options = {"resume": True, "restart": False, "overwrite": False, "base": config.output, "console": None}
    assert trained == [(names, options)]
    assert loaded == names
    files = read_splits(config)
    held_out = [divide_corpus(files, r.config.data, 7)["fold"] for r in with_folds(config, 3, "theatre")]
    assert [document.id for document in found.documents] == [document.id for fold in held_out for document in fold]
    assert len(found.documents) == 12
    assert {finding.document.id for finding in found.findings} == {document.id for document in found.documents}
    assert (found.name, found.labels) == ("model, 3 folds", config.labels)


def test_training_reports_without_a_mention_are_not_reviewed(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multirun, "train_all", lambda *_, **__: pytest.fail("trained"))
    config.data.train[0].write_text("=== a\n\nRain.\n\n=== b\n\nSnow.\n", encoding="utf-8")
    with pytest.raises(DataError, match="no report has a mention"):
        multirun.review_folds(config, 2)


def test_reports_that_are_set_aside_are_read_by_the_first_model(
    config: Config, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No model has learned them, so no report of the data goes without review."""
    data = config.data.model_copy(update={"validation": (), "validation_share": 0.2})
    monkeypatch.setattr(multirun, "train_all", lambda *_, **__: None)
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: tagger)
    found = multirun.review_folds(config.model_copy(update={"data": data}), 3)
    reports = read_splits(config)["train"]
    assert len(found.documents) == len(reports) == 12
    assert {document.id for document in found.documents} == {document.id for document in reports}


def test_labeled_files_are_a_config_of_their_own(tmp_path: Path) -> None:
    files = [tmp_path / "a.md", tmp_path / "b.md"]
    for file in files:
        file.write_text(f"=== {file.stem}\n\n[Rebels](ACTOR) took [Goma](TOWN) in {file.stem}.\n", encoding="utf-8")
    made = config_for_files(files, tmp_path / "m", ["training.seed=3"])
    assert made.labels == ("ACTOR", "TOWN")
    assert (list(made.data.train), made.output) == (files, tmp_path / "m")
    assert (made.training.seed, made.training.epochs, made.training.learning_rate) == (3, 30, 3e-4)
    reports = [f"=== {n}\n\n[Rebels](ACTOR) left on day {n}.\n" for n in range(1000)]
    files[0].write_text("\n".join(reports), encoding="utf-8")
    assert config_for_files(files[:1], tmp_path / "m").training.epochs == 6
    assert config_for_files(files[:1], tmp_path / "m", ["training.epochs=2"]).training.epochs == 2
