"""The run_ner.py baseline: words as input, the label on a word's first token, the Trainer's defaults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from conflict_ner.benchmark.run_ner_baseline import RunNerModel
from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.labels import LabelScheme
from helpers.encoders import make_encoder

SCHEME = LabelScheme(("ACTOR", "WEAPON", "LOCATION", "NUMBER"))


@pytest.fixture(scope="module")
def baseline(encoder_folder: Path) -> RunNerModel:
    return RunNerModel.new(str(encoder_folder), SCHEME, 7)


def test_a_model_comes_in_fp32_with_our_labels_and_the_same_for_one_seed(
    baseline: RunNerModel, encoder_folder: Path
) -> None:
    assert baseline.model.dtype == torch.float32
    assert baseline.model.config.id2label == SCHEME.id2label
    assert baseline.window == 64
    again = RunNerModel.new(str(encoder_folder), SCHEME, 7)
    weights = [copy.model.classifier.weight for copy in (baseline, again)]  # type: ignore[union-attr]
    assert torch.equal(*weights)  # type: ignore[arg-type]


def test_only_a_words_first_token_has_a_label(baseline: RunNerModel) -> None:
    # "Xyz" is in no vocabulary of ours: it is x, ##y, ##z.
    document = Document("a", "Xyz fighters near Goma", (Mention(0, 12, "ACTOR"), Mention(18, 22, "LOCATION")))
    (row,) = baseline.training_rows([document], SCHEME)
    b_actor, i_actor, b_place = (SCHEME.tags.index(tag) for tag in ("B-ACTOR", "I-ACTOR", "B-LOCATION"))
    assert row["labels"] == [-100, b_actor, -100, -100, i_actor, 0, b_place, -100]
    assert len(row["input_ids"]) == len(row["attention_mask"]) == 8
    assert baseline.count_tokens(document.text) == 6


def test_a_mention_inside_a_word_takes_it_whole(baseline: RunNerModel) -> None:
    (row,) = baseline.training_rows([Document("a", "near Goma", (Mention(6, 8, "LOCATION"),))], SCHEME)
    assert row["labels"] == [-100, 0, SCHEME.tags.index("B-LOCATION"), -100]


def test_long_reports_are_truncated_and_those_without_words_left_out(baseline: RunNerModel) -> None:
    rows = baseline.training_rows([Document("a", "near " * 200), Document("b", " \n")], SCHEME)
    assert [len(row["input_ids"]) for row in rows] == [64]
    assert baseline.max_tokens == 62
    assert baseline.count_tokens(" \n") == 0


class Oracle(torch.nn.Module):
    """A model that predicts for each token the tag of its id in a table, and records the lengths of its inputs."""

    device = torch.device("cpu")

    def __init__(self, table: dict[int, int]) -> None:
        super().__init__()
        self.table = table
        self.lengths: list[int] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.lengths.append(input_ids.shape[1])
        tags = torch.tensor([[self.table.get(id_, 0) for id_ in row] for row in input_ids.tolist()])
        return SimpleNamespace(logits=torch.nn.functional.one_hot(tags, len(SCHEME.tags)).float())


@pytest.mark.parametrize("kind", ["wordpiece", "byte_bpe"])
def test_a_long_text_is_tagged_to_its_end_with_offsets_in_it(kind: str, tmp_path: Path) -> None:
    baseline = RunNerModel.new(str(make_encoder(tmp_path / "encoder", kind)), SCHEME, 7)
    text = "At least 19 fighters died near El Fasher; " * 20
    assert baseline.count_tokens(text) > 2 * baseline.max_tokens
    first = baseline._tokenize(["fighters"], add_special_tokens=False)["input_ids"][0]
    # In byte BPE the first token of "fighters" may begin other words too: "Fasher" has a capital.
    oracle = Oracle({first: SCHEME.tags.index("B-ACTOR")})
    found = replace(baseline, model=oracle).tag(text, SCHEME, 8)  # type: ignore[arg-type]
    assert max(oracle.lengths) <= baseline.window
    assert [(text[m.start : m.end], m.label) for m in found if text[m.start] == "f"] == [("fighters", "ACTOR")] * 20
    assert baseline.tag(" \n", SCHEME, 8) == []


def test_it_is_trained_with_the_trainers_defaults(
    reports_file: Path, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    class Seen(transformers.TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            seen["args"], seen["optimizer"] = args, rest["optimizer"]

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seen["steps"] = state.global_step

    documents, _ = corpus.read([reports_file])
    baseline = RunNerModel.new(str(encoder_folder), SCHEME, 7)
    before = baseline.model.classifier.weight.detach().clone()  # type: ignore[union-attr, operator]
    baseline.train(baseline.training_rows(documents, SCHEME), 2, 7, tmp_path, [Seen()], on_cpu=True)
    args = seen["args"]
    assert (args.learning_rate, args.per_device_train_batch_size, args.warmup_steps) == (5e-5, 8, 0)
    assert (args.lr_scheduler_type, args.weight_decay, args.bf16, args.fp16) == ("linear", 0.0, False, False)
    assert isinstance(seen["optimizer"].optimizer, torch.optim.AdamW)
    assert seen["steps"] == 2  # three reports are one batch of eight
    assert not torch.equal(before, baseline.model.classifier.weight)  # type: ignore[union-attr, arg-type]
    assert list(tmp_path.iterdir()) == []  # nothing is saved on the way
