"""The whole pipeline: what comes out of it, and what it refuses before its first step."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner import Tagger
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config, DataConfig, load_config
from conflict_ner.data import corpus
from conflict_ner.errors import CheckpointError, ConflictNerError, DataError, TrainingError
from conflict_ner.inference.evaluate import evaluate
from conflict_ner.modeling.cased_vocabulary import EXACT, factor_table
from conflict_ner.modeling.encoder import load_model, load_tokenizer
from conflict_ner.training import run
from helpers.encoders import SENTENCES, make_encoder
from helpers.runs import LABELS, REPORTS, make_config, validation_copy
from rich.console import Console
from transformers import TrainerCallback, pipeline


def test_a_trained_checkpoint_finds_what_it_was_taught(checkpoint_folder: Path, reports_file: Path) -> None:
    documents, _ = corpus.read([reports_file])
    found = Tagger.load(checkpoint_folder).tag([document.text for document in documents])
    gold = [[(m.start, m.end, m.label) for m in document.mentions] for document in documents]
    assert [[(e.start, e.end, e.label) for e in entities] for entities in found] == gold


def test_the_folder_has_all_that_is_promised(checkpoint_folder: Path) -> None:
    names = {file.name for file in checkpoint_folder.iterdir()}
    assert names >= {"model.safetensors", "config.json", "tokenizer.json", "run.yaml", "scores.json", "manifest.json"}
    manifest = Checkpoint.load(checkpoint_folder).manifest
    assert manifest.labels == LABELS
    assert manifest.versions["torch"] != "not installed"
    assert manifest.pipeline is not None
    assert len(manifest.data["train"].sha256) == 64


def test_nothing_of_this_machine_is_in_what_others_read(checkpoint_folder: Path) -> None:
    for name in ("README.md", "config.json", "manifest.json", "tokenizer_config.json"):
        assert str(checkpoint_folder.parent.parent) not in (checkpoint_folder / name).read_text(encoding="utf-8")


def test_the_scores_saved_are_the_scores_of_the_reloaded_model(checkpoint_folder: Path) -> None:
    saved = Checkpoint.load(checkpoint_folder).scores["validation"]
    assert evaluate(checkpoint_folder, [checkpoint_folder.parent / "validation.md"]).report == saved


def test_plain_transformers_finds_the_same_in_reports_that_fit_a_window(
    checkpoint_folder: Path, reports_file: Path
) -> None:
    documents, _ = corpus.read([reports_file])
    tag: Any = pipeline("token-classification", model=str(checkpoint_folder), aggregation_strategy="first")
    theirs = {(e["entity_group"], e["start"], e["end"]) for e in tag(documents[0].text)}
    ours = {(e.label, e.start, e.end) for e in Tagger.load(checkpoint_folder).tag(documents[0].text)}
    assert theirs == ours


@pytest.mark.usefixtures("verified_here")
def test_the_saved_config_trains_the_same_model_again(tmp_path: Path, encoder_folder: Path, reports_file: Path) -> None:
    logs: list[dict[str, float]] = []

    class Recorder(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs_: Any = logs, **values: Any) -> None:
            logs_.append({"step": state.global_step, **values["logs"]})

    first = run.train(make_config(tmp_path, encoder_folder, reports_file), callbacks=[Recorder()])
    assert [log["step"] for log in logs if "loss" in log] == list(range(1, first.manifest.steps + 1))
    by_label = [[epoch[f"f1_{label}"] for label in LABELS] for epoch in first.manifest.history]
    assert by_label == [[log[f"eval_f1_{label}"] for label in LABELS] for log in logs if "eval_strict_f1" in log]
    config = load_config(first.folder / "run.yaml", [f"output={tmp_path / 'again'}"])
    assert run.train(config).manifest.weights_sha256 == first.manifest.weights_sha256


@pytest.mark.usefixtures("verified_here")
def test_any_label_set_and_any_kind_of_encoder_works(tmp_path: Path) -> None:
    labels = [f"L{k}" for k in range(10)]
    body = " ".join(f"[word{chr(97 + k)}](L{k}) said" for k in range(10))
    (tmp_path / "train.md").write_text(f"=== a\n\n{body}.\n", encoding="utf-8")
    (tmp_path / "dev.md").write_text(f"=== b\n\n{body.replace('said', 'did not speak of')}.\n", encoding="utf-8")
    encoder = make_encoder(tmp_path / "encoder", "byte_bpe")
    settings = {"epochs": 30, "learning_rate": 3e-3, "head_learning_rate": 1e-2, "dropout": 0, "device": "cpu"}
    config = Config.model_validate(
        {
            "labels": labels,
            "encoder": str(encoder),
            "data": {"train": [tmp_path / "train.md"], "validation": [tmp_path / "dev.md"]},
            "encoding": {"overlap": 16},
            "training": {**settings, "patience": None},
            "output": tmp_path / "out",
        }
    )
    checkpoint = run.train(config)
    assert len(checkpoint.scheme.tags) == 21
    found = Tagger.load(checkpoint.folder).tag(f"{body}.".replace("[", "").replace("]", ""))
    assert {entity.label for entity in found} <= set(labels)
    assert checkpoint.scores["validation"].strict.micro.gold == 10


@pytest.mark.usefixtures("verified_here")
def test_progress_says_counts_first_and_one_line_an_epoch(
    tmp_path: Path, encoder_folder: Path, reports_file: Path
) -> None:
    stream = io.StringIO()
    run.train(make_config(tmp_path, encoder_folder, reports_file), console=Console(file=stream, width=200))
    lines = stream.getvalue().splitlines()
    assert "3 reports, 3 windows" in lines[0]
    assert "13 mentions (ACTOR 3, WEAPON 3, LOCATION 3, NUMBER 4)" in lines[0]
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/3", "2/3", "3/3"]


@pytest.mark.usefixtures("verified_here")
def test_a_run_that_predicts_nothing_warns(tmp_path: Path, encoder_folder: Path, reports_file: Path) -> None:
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("conflict_ner.inference.predictor.decode", lambda texts, *_: [[] for _ in texts])
        run.train(make_config(tmp_path, encoder_folder, reports_file), console=Console(file=stream, width=300))
    assert "no mention was predicted in 2 epochs" in stream.getvalue()
    assert stream.getvalue().count("no mention was predicted") == 1


@pytest.mark.parametrize(
    ("train", "validation", "kind", "message"),
    [
        ("=== a\n\nNothing marked.\n", REPORTS, TrainingError, "nothing to learn"),
        ("=== a\n\n[Rebels](ACTOR) left.\n", REPORTS, TrainingError, "no mention of WEAPON, LOCATION, NUMBER"),
        (REPORTS, "=== a\n\nNothing marked.\n", TrainingError, "data.validation"),
        (REPORTS, "=== a\n\n[Rebels](ACTORS) left.\n", DataError, "did you mean ACTOR"),
        (REPORTS, REPORTS, DataError, "already used"),
    ],
)
def test_hopeless_data_is_refused_before_any_step(
    tmp_path: Path, encoder_folder: Path, train: str, validation: str, kind: type[ConflictNerError], message: str
) -> None:
    (tmp_path / "train.md").write_text(train, encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.md")
    validation_copy(tmp_path).write_text(validation, encoding="utf-8")
    with pytest.raises(kind, match=message):
        run.train(config)
    assert not (tmp_path / "model.training").exists()


@pytest.mark.usefixtures("verified_here")
def test_lenient_data_leaves_the_faulty_report_out_and_says_so(
    tmp_path: Path, encoder_folder: Path, reports_file: Path
) -> None:
    (tmp_path / "more.md").write_text("=== bad\n\n[Rebels ](ACTOR) left.\n", encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, reports_file, epochs=1)
    data = config.data.model_copy(update={"train": (reports_file, tmp_path / "more.md"), "strict": False})
    stream = io.StringIO()
    run.train(config.model_copy(update={"data": data}), console=Console(file=stream, width=300))
    assert "3 reports" in stream.getvalue()
    assert "left out: " in stream.getvalue()


def test_an_output_that_is_something_else_is_never_replaced(
    tmp_path: Path, encoder_folder: Path, reports_file: Path
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        run.train(make_config(tmp_path, encoder_folder, reports_file, epochs=1))
    assert not (tmp_path / "model.training").exists()  # found out before training, not after
    assert (tmp_path / "model" / "thesis.txt").read_text() == "years of work"


@pytest.mark.usefixtures("verified_here")
def test_a_share_of_the_training_reports_is_all_that_training_sees(
    tmp_path: Path, encoder_folder: Path, reports_file: Path
) -> None:
    total = len(corpus.read([reports_file])[0])
    config = make_config(tmp_path, encoder_folder, reports_file)
    config = config.model_copy(update={"data": config.data.model_copy(update={"train_share": 0.5})})
    manifest = run.train(config).manifest
    assert manifest.data["train"].documents == round(total / 2)
    assert manifest.data["validation"].documents == total


@pytest.mark.usefixtures("verified_here")
def test_validation_can_be_set_aside_and_a_fold_held_out_and_the_manifest_says_so(
    tmp_path: Path, encoder_folder: Path
) -> None:
    reports = "\n".join(REPORTS.replace("=== t-", f"=== {n}-") for n in "abcd")
    (tmp_path / "train.md").write_text(reports, encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.md", epochs=1)
    settings = {"validation_share": 0.5, "fold": {"number": 1, "count": 2}, "allow_copies": True}
    data = DataConfig.model_validate({"train": [tmp_path / "train.md"], **settings})
    checkpoint = run.train(config.model_copy(update={"data": data}))
    facts = checkpoint.manifest.data
    assert {split: facts[split].documents for split in facts} == {"train": 3, "validation": 6, "fold": 3}
    assert facts["validation"].drawn == "0.5 of the training reports, drawn with seed 7"
    assert facts["fold"].drawn == "part 1 of 2 of the training reports"
    assert {split: report.documents for split, report in checkpoint.scores.items()} == {"validation": 6, "fold": 3}
    card = (checkpoint.folder / "README.md").read_text(encoding="utf-8")
    assert "- fold: 3 reports (part 1 of 2 of the training reports); mentions: " in card


@pytest.mark.usefixtures("verified_here")
def test_a_benchmark_goes_all_the_way(tmp_path: Path, encoder_folder: Path) -> None:
    for split in ("train", "dev"):
        words = "Rebels B-ACTOR\nwith O\nmissiles B-WEAPON\n' I-WEAPON\nleft O\nKabul B-LOCATION\nand O\n2 B-NUMBER\n\n"
        (tmp_path / f"{split}.txt").write_text(words * 4, encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.txt", epochs=1)
    paths = {"train": (tmp_path / "train.txt",), "validation": (tmp_path / "dev.txt",)}
    data = {**paths, "allow_copies": True, "guidelines": False}
    checkpoint = run.train(config.model_copy(update={"data": config.data.model_copy(update=data)}))
    assert checkpoint.scores["validation"].mentions == 16
    scored = evaluate(checkpoint.folder, [tmp_path / "dev.txt"]).report
    assert scored == checkpoint.scores["validation"]
    assert scored.slices["report seen in training"]["seen"].documents == 4


@pytest.mark.usefixtures("verified_here")
def test_scores_are_calibrated_before_they_are_counted_and_the_weights_say_so(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conflict_ner.training.temperature_scaling.MIN_SPANS", 5)
    checkpoint = run.train(make_config(tmp_path, encoder_folder, reports_file, epochs=8, patience=None))
    facts = checkpoint.manifest.calibration
    assert facts is not None
    assert facts.fitted_on
    assert facts.temperature == checkpoint.manifest.temperature != 1.0
    calibrated = checkpoint.scores["validation"].calibration
    assert calibrated is not None
    assert calibrated.ece == pytest.approx(facts.ece_after, abs=1e-4)
    assert f"divided by {facts.temperature:.2f}" in (checkpoint.folder / "README.md").read_text(encoding="utf-8")
    # Plain transformers has the same scores, of the same words, wherever each word has its best tag.
    predictor = Tagger.load(checkpoint.folder).predictor
    tag: Any = pipeline("token-classification", model=str(checkpoint.folder), aggregation_strategy="first")
    compared = 0
    for text in (sentence.rstrip(".") for sentence in SENTENCES):
        ((encoded, logits),) = predictor.logits([text])
        is_best = predictor.best_tags(logits, [encoded])[0] == logits.argmax(-1)
        theirs = {(e["start"], e["end"]): float(e["score"]) for e in tag(text)}
        for entity in next(predictor.predict([text])):
            inside = (encoded.word_starts >= entity.start) & (encoded.word_ends <= entity.end)
            if is_best[inside].all() and (entity.start, entity.end) in theirs:
                assert entity.score == pytest.approx(theirs[entity.start, entity.end], abs=1e-4)
                compared += 1
    assert compared


def test_embeddings_that_are_frozen_stay_as_they_were(
    encoder_folder: Path, reports_file: Path, tmp_path: Path, verified_here: None
) -> None:
    models: list[Any] = []
    for epochs in (1, 2):
        config = make_config(tmp_path, encoder_folder, reports_file, epochs=epochs, freeze_embeddings=True)
        models.append(load_model(str(run.train(config, overwrite=True).folder)))
    once, twice = models
    assert torch.equal(once.get_input_embeddings().weight, twice.get_input_embeddings().weight)
    assert not torch.equal(once.classifier.bias, twice.classifier.bias)


def test_embeddings_that_are_trained_move_for_all_cases_of_a_piece_alike(
    encoder_folder: Path, reports_file: Path, tmp_path: Path, verified_here: None
) -> None:
    tables: list[Any] = []
    for epochs in (1, 2):
        config = make_config(tmp_path, encoder_folder, reports_file, epochs=epochs)
        folder = str(run.train(config, overwrite=True).folder)
        model: Any = load_model(folder)
        tables.append(model.get_input_embeddings().weight.detach().numpy())
    vocabulary = load_tokenizer(folder).get_vocab()
    for table in tables:
        factored = factor_table(table, vocabulary, EXACT)
        assert factored is not None
        assert len(factored.rows) == sum(piece == piece.lower() or piece.startswith("[") for piece in vocabulary)
    assert not np.array_equal(*tables)


@pytest.mark.usefixtures("verified_here")
def test_a_run_from_a_checkpoint_knows_what_that_has_learned(tmp_path: Path, checkpoint_folder: Path) -> None:
    """Else a name of the first run counts as unseen, and a report that it learned from passes as new."""
    start = Path(shutil.copytree(checkpoint_folder, tmp_path / "start"))
    manifest = json.loads((start / "manifest.json").read_bytes())
    (start / "manifest.json").write_text(json.dumps({**manifest, "scripts": ["Cyrillic"]}))
    reports = tmp_path / "more.md"
    text = "=== m-1\n\n[Miners](ACTOR) saw [two](NUMBER) [jets](WEAPON) over [Oslo](LOCATION).\n"
    reports.write_text(text, encoding="utf-8")
    begun = run.train(make_config(tmp_path, start, reports, epochs=1))
    seen = begun.seen_mentions()
    assert seen is not None
    assert seen.knows("ACTOR", "Miners")
    assert seen.knows("ACTOR", "Houthi")
    first = Checkpoint.load(checkpoint_folder).seen_mentions()
    assert first is not None
    assert seen.texts > first.texts
    assert begun.manifest.known_scripts == ("Latin", "Cyrillic")
