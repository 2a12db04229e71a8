"""What `from conflict_ner import ...` offers: these names and no others, loaded on first use."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import conflict_ner
import pytest
from conflict_ner import (
    Corpus,
    Document,
    Evaluation,
    Mention,
    Tagger,
    compare,
    evaluate,
    load_config,
    load_corpus,
    train,
)
from conflict_ner.data import corpus
from conflict_ner.errors import ConfigError, DataError
from helpers.runs import LABELS, REPORTS, validation_copy

HEAVY = ("numpy", "pydantic", "torch", "transformers", "datasets", "typer", "rich")


def test_exported_members() -> None:
    expected = [
        "Tagger",
        "Entity",
        "Config",
        "load_config",
        "train",
        "Corpus",
        "Document",
        "Mention",
        "load_corpus",
        "convert",
        "evaluate",
        "Evaluation",
        "Report",
        "compare",
        "Comparison",
        "agree",
        "Agreement",
        "review",
        "Review",
        "choose_next",
        "Tag",
        "Checkpoint",
        "export_onnx",
        "ConflictNerError",
        "__version__",
    ]
    assert sorted(conflict_ner.__all__) == sorted(expected)
    assert dir(conflict_ner) == sorted(expected)


@pytest.mark.parametrize("name", sorted({*conflict_ner.__all__} - {"__version__"}))
def test_every_name_loads_from_the_module_that_defines_it(name: str) -> None:
    exported = getattr(conflict_ner, name)
    assert getattr(import_module(exported.__module__), name) is exported


def test_no_exported_name_is_that_of_a_module() -> None:
    """Else what `conflict_ner.NAME` gives would depend on what was imported before."""
    modules = {module.name for module in pkgutil.iter_modules(conflict_ner.__path__)}
    assert {"training", "evaluation", "checkpoint"} <= modules
    assert modules & set(conflict_ner.__all__) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'conflict_ner' has no attribute 'tagger_of'"):
        _ = conflict_ner.tagger_of


def test_the_import_loads_no_library() -> None:
    script = f"import conflict_ner, json, sys; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a train and a validation folder in it."""
    for split in ("train", "validation"):
        (tmp_path / "data" / split).mkdir(parents=True)
    (tmp_path / "data" / "train" / "reports.md").write_text(REPORTS, encoding="utf-8")
    validation_copy(tmp_path / "data" / "validation")
    return tmp_path / "data"


def test_a_corpus_is_loaded_from_a_file_a_folder_or_splits(data: Path) -> None:
    expected = corpus.load({"train": [data / "train"], "validation": [data / "validation"]}, LABELS)
    assert load_corpus(data) == load_corpus(str(data)) == expected
    assert load_corpus(train=str(data / "train"), validation=[data / "validation"]) == expected
    assert load_corpus(data / "train" / "reports.md")["data"] == load_corpus(data / "train").documents
    assert expected.documents == (*expected["train"], *expected["validation"])


def test_a_corpus_is_loaded_as_a_config_says(data: Path) -> None:
    file = data.parent / "run.yaml"
    file.write_text("labels: [ACTOR]\ndata: {train: [data/train], validation: [data/validation]}\noutput: model\n")
    with pytest.raises(DataError, match="NUMBER"):
        load_corpus(file)
    assert load_corpus(file, labels=LABELS) == load_corpus(data)
    copies = "data: {train: [data/train], validation: [data/train], allow_copies: true, guidelines: false}"
    file.write_text(f"labels: [ACTOR, WEAPON, LOCATION, NUMBER]\n{copies}\noutput: model\n")
    with pytest.raises(DataError, match="the id 't-1' is already used"):
        load_corpus(file)


def test_a_corpus_needs_a_path_or_splits_and_not_both(data: Path) -> None:
    message = "either one path, or files and folders of train=, validation= or test="
    with pytest.raises(TypeError, match=message):
        load_corpus()
    with pytest.raises(TypeError, match=message):
        load_corpus(data, train=data)


def test_reports_at_fault_are_left_out_if_asked(data: Path) -> None:
    loaded = load_corpus(data / "train", labels=["ACTOR", "WEAPON", "LOCATION"], strict=False)
    assert loaded.documents == ()
    assert len(loaded.skipped) == 4


@pytest.mark.parametrize("name", ["all.md", "all.jsonl"])
def test_a_saved_corpus_is_read_back(data: Path, tmp_path: Path, name: str) -> None:
    loaded = load_corpus(data)
    loaded.save(tmp_path / name)
    assert load_corpus(tmp_path / name).documents == loaded.documents
    loaded.save(str(tmp_path / name), "train")
    assert load_corpus(tmp_path / name).documents == loaded["train"]


def test_a_corpus_is_saved_in_a_form_that_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"name it \.md or \.jsonl"):
        Corpus({"data": (Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),)),)}).save(tmp_path / "a.conll")


def test_paths_may_be_strings(checkpoint_folder: Path, reports_file: Path, tmp_path: Path, verified_here: None) -> None:
    file = tmp_path / "saved.jsonl"
    evaluation = evaluate(str(checkpoint_folder), str(reports_file), device="cpu", predictions=str(file))
    assert evaluate(checkpoint_folder, [str(reports_file)], device="cpu") == evaluation
    assert compare(str(file), evaluation).micro.difference == 0
    assert isinstance(evaluation, Evaluation)
    overrides = ["training.epochs=1", "data.allow_copies=true", f"output={tmp_path / 'model'}"]
    config = load_config(str(checkpoint_folder / "run.yaml"), overrides)
    trained = tmp_path / "run.yaml"
    trained.write_text(config.model_dump_json(), encoding="utf-8")  # JSON is YAML
    assert train(str(trained)).folder == tmp_path / "model"


def test_a_file_of_predictions_that_cannot_be_written_is_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        evaluate(tmp_path / "no-checkpoint", tmp_path, predictions=tmp_path / "none" / "saved.jsonl")


def test_a_split_that_does_not_exist_writes_nothing(data: Path, tmp_path: Path) -> None:
    corpus_ = load_corpus(train=data, labels=LABELS)
    file = tmp_path / "kept.jsonl"
    file.write_text("years of work")
    with pytest.raises(ValueError, match="there is no split 'validaton'; the splits are train"):
        corpus_.save(file, "validaton")
    assert file.read_text() == "years of work"
    with pytest.raises(ValueError, match="there is no split 'test'"):
        corpus_.sample("test", 0.5, 7)
    with pytest.raises(ValueError, match="at most 1, not 2"):
        corpus_.sample("train", 2, 7)


def test_one_string_is_one_value_never_its_characters(data: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the labels are ACTOR"):
        load_corpus(data, labels="ACTOR")
    config = tmp_path / "run.yaml"
    config.write_text("labels: [A]\ndata: {train: [x], validation: [y]}\noutput: m\nencoder: minilm\n")
    assert load_config(config, "training.epochs=2").training.epochs == 2
    with pytest.raises(DataError, match="no report has the field 'year'"):
        evaluate(checkpoint_folder, data, device="cpu", fields="year")


def test_wrong_arguments_are_explained(data: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="either one path, or files and folders of train="):
        load_corpus([data])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a score for each label"):
        Tagger.load(checkpoint_folder, thresholds=0.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="precision: unknown: 'fp8'; use one of auto, fp32, bf16"):
        Tagger.load(checkpoint_folder, precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"pass evaluate\(folder, data\)"):
        compare(checkpoint_folder, checkpoint_folder)
    file = tmp_path / "four.conll"
    file.write_text("1 Rebels NNS B-ACTOR\n2 left VBD O\n")
    assert load_corpus(file, labels=LABELS, columns={"word": 2, "tag": 4}).counts("data") == {"ACTOR": 1}
