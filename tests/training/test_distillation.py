"""A teacher's answers: over words, computed once, learned beside the labels; what is unusable is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import CheckpointError, ConfigError, DataError, EncoderError, OverwriteError
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import load_model
from conflict_ner.modeling.layers import keep_layers
from conflict_ner.modeling.tokenization import IGNORED, WindowTokenizer
from conflict_ner.training import distillation, run
from conflict_ner.training.distillation import UNLABELED, checkpoint_hashes, distillation_windows, load_teachers
from conflict_ner.training.trainer import _loss, distillation_loss
from helpers.encoders import KINDS
from helpers.runs import make_config
from safetensors.torch import load_file

CPU = Hardware("cpu", "fp32")
OTHER_TEXT = "Police in Sanaa found 30 rebels and a drone after shelling near the coast."


@pytest.fixture
def unlabeled(tmp_path: Path) -> Path:
    file = tmp_path / "archive.jsonl"
    file.write_text(json.dumps({"id": 1, "text": OTHER_TEXT}) + "\n" + json.dumps({"id": 2, "text": " "}) + "\n")
    return file


@pytest.fixture
def tokenizer() -> WindowTokenizer:
    return WindowTokenizer.from_tokenizer(KINDS["wordpiece"]().backend_tokenizer, 24, 8)


def config_of(
    folder: Path, encoder: Path, reports: Path, teacher: Path, unlabeled: list[Path], **settings: Any
) -> Config:
    config = make_config(folder, encoder, reports, teacher=[teacher], **settings)
    return config.model_copy(update={"data": config.data.model_copy(update={"unlabeled": tuple(unlabeled)})})


@pytest.mark.parametrize("kind", list(KINDS))
def test_answers_are_those_of_the_teacher_for_each_word_whatever_the_tokenizer(
    kind: str, tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path, unlabeled: Path
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled], teacher_temperature=1.0)
    data = run.load(config)
    tokenizer = WindowTokenizer.from_tokenizer(KINDS[kind]().backend_tokenizer, 24, 8)
    rows = distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    texts = [*(document.text for document in data["train"]), OTHER_TEXT]
    tagger = Tagger.load(checkpoint_folder, "cpu", precision="fp32")
    logits = [answer for _, answer in tagger.predictor.logits(texts)]
    expected = np.concatenate([torch.tensor(answer).softmax(-1).numpy() for answer in logits])
    answers = np.concatenate([np.array(row["teacher"], dtype=np.float32).reshape(-1, 9) for row in rows])
    labels = [label for row in rows for label in row["labels"] if label != IGNORED]
    assert len(labels) == len(answers)
    # Each word in its order; words that the student's tokenizer drops, or a mention cuts, are left out.
    position = 0
    for answer in answers:
        while np.abs(expected[position] - answer).max() > 2e-3:
            position += 1
        position += 1
    assert len(answers) >= 0.9 * len(expected)
    assert labels.count(UNLABELED) >= 0.9 * len(logits[-1])


def test_the_loss_without_a_teachers_share_is_the_plain_one() -> None:
    torch.manual_seed(3)
    outputs = {"logits": torch.randn(2, 4, 5)}
    labels = torch.tensor([[IGNORED, 1, 0, IGNORED], [2, 4, IGNORED, 3]])
    answers = torch.zeros(5, 5)  # no answer for any word
    assert torch.isclose(distillation_loss(outputs, labels, answers, 2.0, 0.9), _loss(outputs, labels))


def test_the_loss_is_least_where_the_student_answers_as_its_teacher() -> None:
    torch.manual_seed(4)
    teacher = torch.randn(1, 6, 5)
    answers = (teacher / 2).softmax(-1).flatten(0, 1)
    labels = torch.full((1, 6), UNLABELED)
    same = distillation_loss({"logits": teacher}, labels, answers, 2.0, 0.5)
    for _ in range(10):
        assert distillation_loss({"logits": teacher + torch.randn(1, 6, 5)}, labels, answers, 2.0, 0.5) > same


def test_a_word_counts_once_however_the_step_is_divided() -> None:
    torch.manual_seed(5)
    logits, labels = torch.randn(2, 3, 4), torch.tensor([[1, UNLABELED, 0], [IGNORED, 2, UNLABELED]])
    answers = torch.rand(5, 4).softmax(-1)
    whole = distillation_loss({"logits": logits}, labels, answers, 2.0, 0.5)
    parts = [
        distillation_loss({"logits": logits[k : k + 1]}, labels[k : k + 1], answers[rows], 2.0, 0.5, 5)
        for k, rows in enumerate((slice(0, 3), slice(3, 5)))
    ]
    assert torch.isclose(whole, sum(parts, torch.zeros(())))


@pytest.mark.usefixtures("verified_here")
def test_a_student_ends_with_the_same_weights_whenever_it_is_killed_and_its_teacher_answers_once(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    checkpoint_folder: Path,
    unlabeled: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "b").mkdir()
    settings: dict[str, Any] = {"epochs": 2, "patience": None}
    whole = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled], **settings)
    other = config_of(tmp_path / "b", encoder_folder, reports_file, checkpoint_folder, [unlabeled], **settings)
    expected = run.train(whole)
    validate, calls = run._validate, []

    def killed(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) in (1, 3):  # in the first epoch, which leaves answers alone; then in the second
            raise KeyboardInterrupt
        return validate(*arguments, **named)

    monkeypatch.setattr(run, "_validate", killed)
    with pytest.raises(KeyboardInterrupt):
        run.train(other)
    monkeypatch.setattr(distillation, "load_teachers", lambda *_: pytest.fail("the answers are on disk"))
    with pytest.raises(KeyboardInterrupt):
        run.train(other)
    monkeypatch.setattr(run, "_validate", validate)
    resumed = run.train(other, resume=True)
    weights, same = (load_file(c.folder / "model.safetensors") for c in (expected, resumed))
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def test_other_unlabeled_texts_do_not_go_on_with_a_run(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    checkpoint_folder: Path,
    unlabeled: Path,
    tokenizer: WindowTokenizer,
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled])
    data = run.load(config)
    first = distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    unlabeled.write_text(json.dumps({"text": OTHER_TEXT + " Quiet since."}) + "\n")
    with pytest.raises(OverwriteError, match="other teachers or unlabeled texts"):
        distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=True)
    again = distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    assert len(list(tmp_path.glob("teacher-*"))) == 1
    assert sum(map(len, again["input_ids"])) > sum(map(len, first["input_ids"]))


def test_a_file_that_was_only_touched_goes_on_with_a_run(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    checkpoint_folder: Path,
    unlabeled: Path,
    tokenizer: WindowTokenizer,
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled])
    data = run.load(config)
    distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    os.utime(unlabeled, (1, 1))
    distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=True)


def test_all_faults_of_all_unlabeled_files_are_named_before_a_teacher_answers(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    checkpoint_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tokenizer: WindowTokenizer,
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [folder])
    data = run.load(config)
    copies = [{"id": n, "text": data["validation"][n % 2].text} for n in range(1100, 1102)]
    (folder / "a.jsonl").write_text("".join(json.dumps(copy) + "\n" for copy in copies), encoding="utf-8")
    (folder / "b.txt").write_bytes("Général Héctor à Ménaka. Été à la forêt.".encode("cp1252") * 9)
    (folder / "c.csv").write_text("id;text\n1;Rebels left Goma.\n", encoding="utf-8")
    (folder / "d.csv").write_text("id,body\n1,Rebels left Goma.\n", encoding="utf-8")
    (folder / ".hidden.txt").write_text("Rebels left Sake.", encoding="utf-8")
    monkeypatch.setattr(distillation, "load_teachers", lambda *_: pytest.fail("there is nothing to ask it"))
    with pytest.raises(DataError, match="4 problems") as error:
        distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    message, notes = "\n".join(map(str, error.value.problems)), capsys.readouterr().err
    assert f"{folder / 'a.jsonl'}: 1100: has the same text" in message
    assert f"{folder / 'a.jsonl'}: 1101: has the same text" in message
    assert "b.txt: is not UTF-8 and is read as cp1252; save it as UTF-8" in message
    assert "call the column of the texts text" in message
    assert "--" not in message
    assert "c.csv: fields are separated by ';'" in notes
    assert ".hidden.txt" in notes


def test_a_teacher_that_knows_the_test_reports_is_named(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [])
    data = run.load(config)
    assert distillation.warn_of_informed_teachers(config, data) == []
    told = Corpus({**data.splits, "test": data["train"][:2]})
    (warning,) = distillation.warn_of_informed_teachers(config, told)
    assert "knows 2 of the 2 reports of test" in warning


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no text in it"),
        (json.dumps({"id": 7, "text": "[copy]"}), "has the same text as 'v-1' \\(validation\\)"),
        ('{"id": 7, "text": 3}', "no string under 'text'"),
        ("\x00\xff", "JSON|UTF-8"),
    ],
)
def test_texts_that_cannot_be_learned_from_are_refused(
    content: str,
    message: str,
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    checkpoint_folder: Path,
    unlabeled: Path,
    tokenizer: WindowTokenizer,
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled])
    data = run.load(config)
    unlabeled.write_bytes(content.replace("[copy]", data["validation"][0].text.upper()).encode("latin-1"))
    with pytest.raises(DataError, match=message):
        distillation_windows(config, data, tokenizer, tmp_path, CPU, resume=False)
    assert not list(tmp_path.glob("*.arrow"))


def test_a_word_that_one_teacher_cannot_read_has_the_answer_of_the_others() -> None:
    one, other = np.array([[0.5, 0.5], [1, 0], [0, 0]], np.float32), np.array([[0.1, 0.9], [0, 0], [0, 0]], np.float32)
    assert np.allclose(distillation._mean_answer([one, other]), [[0.3, 0.7], [1.0, 0.0], [0.0, 0.0]])
    assert (distillation._mean_answer([one]) == one).all()


def test_a_path_that_does_not_exist_is_an_error_before_a_teacher_is_loaded(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path, tokenizer: WindowTokenizer
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [tmp_path / "none.jsonl"])
    with pytest.raises(DataError, match=r"none\.jsonl: no such file or folder"):
        distillation_windows(config, run.load(config), tokenizer, tmp_path, CPU, resume=False)


@pytest.mark.parametrize("lacking", ["teacher", "text"])
def test_a_run_that_fails_before_its_first_step_leaves_nothing(
    lacking: str, tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path
) -> None:
    teacher = tmp_path / "none" if lacking == "teacher" else checkpoint_folder
    unlabeled = [tmp_path / "none.jsonl"] if lacking == "text" else []
    config = config_of(tmp_path, encoder_folder, reports_file, teacher, unlabeled)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((CheckpointError, DataError), match="none"):
        run.train(config)
    assert sorted(tmp_path.rglob("*")) == before


def test_checkpoints_in_folders_of_one_name_are_told_apart(tmp_path: Path, checkpoint_folder: Path) -> None:
    paths = [tmp_path / name / "best" for name in "ab"]
    for path in paths:
        shutil.copytree(checkpoint_folder, path)
    weights = Checkpoint.load(checkpoint_folder).manifest.weights_sha256
    assert checkpoint_hashes(paths) == [("a/best", weights), ("b/best", weights)]
    assert checkpoint_hashes(paths[:1]) == [("best", weights)]
    assert checkpoint_hashes([paths[0], paths[0], paths[1]]) == checkpoint_hashes(paths)
    assert checkpoint_hashes([]) == []


def test_unlabeled_texts_need_a_teacher(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path, unlabeled: Path
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [unlabeled])
    alone = config.model_copy(update={"training": config.training.model_copy(update={"teacher": ()})})
    with pytest.raises(ConfigError, match=r"data\.unlabeled: nobody labels these texts"):
        run.load(alone)


def test_a_teacher_must_know_the_labels(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [])
    (teacher,) = load_teachers(config, CPU)
    assert teacher.tags.tolist() == list(range(9))
    fewer = config.model_copy(update={"labels": ("ACTOR", "NUMBER")})
    with pytest.raises(ConfigError, match="has WEAPON, LOCATION"):
        load_teachers(fewer, CPU)
    more = config.model_copy(update={"labels": (*config.labels, "DATE")})
    with pytest.raises(ConfigError, match="lacks DATE"):
        load_teachers(more, CPU)
    nobody = config_of(tmp_path, encoder_folder, reports_file, tmp_path / "none", [])
    with pytest.raises(CheckpointError, match="none"):
        load_teachers(nobody, CPU)


def test_a_teacher_computes_in_the_number_format_of_the_run(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, checkpoint_folder: Path
) -> None:
    config = config_of(tmp_path, encoder_folder, reports_file, checkpoint_folder, [])
    text = [OTHER_TEXT]
    answers = {}
    for precision in ("fp32", "bf16", "fp16"):
        (teacher,) = load_teachers(config, Hardware("cpu", precision))
        (answers[precision],) = teacher.answers(text, 2.0, 9)
    assert (answers["fp16"] == answers["fp32"]).all()  # fp16 is a format of GPUs, for training only
    assert 0 < np.abs(answers["bf16"] - answers["fp32"]).max() < 0.02


def test_a_teacher_that_knows_kinds_answers_for_their_label(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = LabelScheme(("ACTOR", "NUMBER.killed", "NUMBER.other"))

    class Fake:
        labels = deep.labels
        checkpoint = SimpleNamespace(scheme=deep, manifest=SimpleNamespace(plain=None))

    monkeypatch.setattr(Tagger, "load", lambda *_, **__: Fake())
    config = Config.model_validate(
        {
            "labels": ["NUMBER", "ACTOR"],
            "data": {"train": [tmp_path], "validation": [tmp_path]},
            "output": tmp_path / "m",
            "training": {"teacher": str(tmp_path)},  # one path is a list of one
        }
    )
    (teacher,) = load_teachers(config, CPU)
    assert teacher.tags.tolist() == [0, 3, 4, 1, 2, 1, 2]


@pytest.mark.parametrize(("layers", "kept"), [(1, [0]), (2, [0, 1]), ((2,), [1])])
def test_a_student_starts_from_some_of_an_encoders_layers(
    layers: int | tuple[int, ...], kept: list[int], encoder_folder: Path, tmp_path: Path
) -> None:
    model = load_model(str(encoder_folder), new_head=True)

    def weights() -> list[torch.Tensor]:
        return [w.clone() for name, w in model.named_parameters() if name.endswith("attention.output.dense.weight")]

    before = weights()
    keep_layers(model, layers)
    after = weights()
    assert [torch.equal(before[k], weight) for k, weight in zip(kept, after, strict=True)] == [True] * len(kept)
    model.save_pretrained(tmp_path)
    assert load_model(str(tmp_path)).config.num_hidden_layers == len(kept)


@pytest.mark.parametrize("layers", [9, (1, 9), (1, 1)])
def test_layers_that_are_not_there_are_refused(layers: int | tuple[int, ...], encoder_folder: Path) -> None:
    with pytest.raises(EncoderError, match="encoder_layers"):
        keep_layers(load_model(str(encoder_folder), new_head=True), layers)
