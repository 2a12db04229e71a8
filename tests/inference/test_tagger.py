"""The class that users' scripts import: its results, its thresholds, and the errors for wrong input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.data import corpus
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError, ConfigError, ConflictNerError, DataError, EncoderError
from conflict_ner.inference.evaluate import evaluate, evaluate_pair
from conflict_ner.inference.tagger import Tagger, refuse_wrong_thresholds
from helpers.encoders import SENTENCES
from helpers.runs import LABELS
from hypothesis import given, settings
from hypothesis import strategies as st

REPORT = SENTENCES[0]
KNOWN = [
    ("NUMBER", "At least 19"),
    ("ACTOR", "fighters"),
    ("WEAPON", "drone strike"),
    ("LOCATION", "El Fasher"),
]


@pytest.fixture
def checkpoint_copy(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may damage."""
    return shutil.copytree(checkpoint_folder, tmp_path / "copy")


def found(tagger: Tagger, text: str) -> list[tuple[str, str]]:
    entities = tagger.tag(text)
    for entity in entities:
        assert text[entity.start : entity.end] == entity.text
        assert 0 <= entity.score <= 1
    return [(entity.label, entity.text) for entity in entities]


def test_a_string_gives_a_list_and_a_list_a_list_of_lists(tagger: Tagger) -> None:
    entities = tagger.tag(REPORT)
    assert [(entity.label, entity.text) for entity in entities] == KNOWN
    assert tagger.tag([REPORT]) == [entities]
    assert tagger.tag((REPORT,)) == [entities]
    assert tagger.tag([]) == []


def test_the_taught_reports_are_tagged_as_taught(tagger: Tagger, reports_file: Path) -> None:
    documents, _ = corpus.read([reports_file])
    tagged = tagger.tag([document.text for document in documents])
    for document, entities in zip(documents, tagged, strict=True):
        assert [(e.start, e.end, e.label) for e in entities] == [(m.start, m.end, m.label) for m in document.mentions]


@pytest.mark.parametrize("text", ["", " ", "\r\n\t \u00a0", "\u200f", "\x00\x07"])
def test_a_text_without_words_has_no_entities(tagger: Tagger, text: str) -> None:
    assert tagger.tag(text) == []
    assert tagger.tag([text, REPORT]) == [[], tagger.tag(REPORT)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" ", "\r\n"),
        (" ", "\t"),
        (" ", " \u00a0 "),
        ("drone strike", "drone \u200f strike"),
        ("El Fasher", "\u200fEl \u200eFasher\u200f"),
        ("At least", "At\u200f least"),
        ("fighters", "\x07fighters\x00"),
        ("Fasher", "Fa\u0301she\u0300r"),
    ],
)
def test_what_the_tokenizer_drops_changes_no_entity_and_no_offset(tagger: Tagger, old: str, new: str) -> None:
    dropped = str.maketrans("", "", "\u200e\u200f\x00\x07\u0301\u0300")
    tagged = found(tagger, REPORT.replace(old, new))
    assert [(label, " ".join(text.translate(dropped).split())) for label, text in tagged] == KNOWN
    assert all(text.strip("\u200e\u200f\x00\x07 ") == text for _, text in tagged)


@pytest.mark.parametrize(
    "odd",
    [
        "\U0001f4a3\U0001f1f8\U0001f1e9 \U0001f469\u200d\U0001f680",
        "\r\n\r\n--\r\n",
        "\u0627\u0644\u0641\u0627\u0634\u0631\u200f,",
        "e\u0301" * 30,
        "\u4e2d\u56fd$3m[sic](x)",
        "x" * 500,
        "\ufeff",
    ],
)
def test_offsets_slice_the_text_whatever_stands_in_it(tagger: Tagger, odd: str) -> None:
    text = f"{odd}{REPORT}{odd} {REPORT} {odd}"
    assert {entity.label for entity in tagger.tag(text)}
    assert all(label in LABELS for label, _ in found(tagger, text))


# Reports and their words among characters of every kind: marks, controls, halves of words, line ends, other scripts.
CHARACTERS = st.characters(exclude_categories=["Cs"])
PIECES = st.sampled_from([*SENTENCES, *REPORT.split(), "\n\n", " ", "-", "\u200f", "\ufeff", "e\u0301", "\U0001f4a3"])
ODD_TEXTS = st.lists(PIECES | st.text(CHARACTERS, max_size=6), max_size=12).map("".join)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(ODD_TEXTS, min_size=1, max_size=4))
def test_entities_of_any_text_slice_it_in_order_without_overlap(tagger: Tagger, texts: list[str]) -> None:
    tagged = tagger.tag(texts)
    assert len(tagged) == len(texts)
    for text, entities in zip(texts, tagged, strict=True):
        for entity in entities:
            assert 0 <= entity.start < entity.end <= len(text)
            assert text[entity.start : entity.end] == entity.text
            assert 0 < entity.score <= 1
            assert entity.label in LABELS
        assert all(one.end <= two.start for one, two in pairwise(entities))


def test_a_report_of_any_length_is_read_to_its_end(tagger: Tagger) -> None:
    text = f"{REPORT}\n" * (200_000 // len(REPORT))
    assert tagger.fit_one_window([text, REPORT]) == [False, True]
    tagged = tagger.tag(text)
    assert tagged[0].start == 0
    assert text.rindex("El Fasher") <= tagged[-1].start
    assert all(text[entity.start : entity.end] == entity.text for entity in tagged)
    assert all(one.end <= two.start for one, two in pairwise(tagged))


def test_a_megabyte_and_texts_without_words_share_a_batch(tagger: Tagger) -> None:
    filler = ("x" * 199 + " ") * (1_000_000 // 200)  # words that are one token each, so that this takes no minute
    megabyte = f"{REPORT}\n\n{filler}\n\n{REPORT}"
    assert len(megabyte) > 1_000_000
    alone = found(tagger, REPORT)
    none, all_of_it, blank, short = tagger.tag(["", megabyte, " \r\n", REPORT])
    assert (none, blank) == ([], [])
    assert [(entity.label, entity.text) for entity in short] == alone
    assert [(entity.label, entity.text) for entity in all_of_it[: len(alone)]] == alone
    assert all_of_it[-1].start > len(megabyte) - len(REPORT)  # read to its end
    assert all(megabyte[entity.start : entity.end] == entity.text for entity in all_of_it)


def test_a_notebook_shows_a_text_in_color(tagger: Tagger) -> None:
    shown = tagger.show(f"<i>{REPORT}")
    assert [entity.text for entity in shown.entities] == [text for _, text in KNOWN]
    assert shown._repr_html_().startswith('<div dir="auto"')
    assert "&lt;i&gt;<mark" in shown._repr_html_()
    with pytest.raises(TypeError, match="show takes one text, not list"):
        tagger.show([REPORT])  # type: ignore[arg-type]


def test_a_stream_answers_as_the_texts_come(tagger: Tagger) -> None:
    def texts() -> Iterator[str]:
        while True:
            yield REPORT

    streamed, alone = next(tagger.stream(texts())), tagger.tag(REPORT)
    # PyTorch may add in another order where a batch has other rows: on CPUs without AVX-512 the last bit moves.
    assert [replace(entity, score=0) for entity in streamed] == [replace(entity, score=0) for entity in alone]
    assert [entity.score for entity in streamed] == pytest.approx([entity.score for entity in alone], abs=1e-5)


@pytest.mark.parametrize("wrong", [None, 3, b"Goma", ["Goma", None], [["Goma"]], Path("Goma")])
def test_what_is_no_string_is_a_type_error(tagger: Tagger, wrong: Any) -> None:
    with pytest.raises(TypeError):
        tagger.tag(wrong)


def test_the_message_says_which_text_is_no_string(tagger: Tagger) -> None:
    wrong: Any = ["Goma", 3]
    with pytest.raises(TypeError, match="number 1 is int"):
        tagger.tag(wrong)


def test_the_labels_are_those_of_the_config(tagger: Tagger) -> None:
    assert tagger.labels == LABELS


def test_a_folder_may_be_a_string(checkpoint_folder: Path) -> None:
    assert Tagger.load(str(checkpoint_folder), "cpu").checkpoint.folder == checkpoint_folder


def test_without_a_folder_the_model_of_the_package_is_loaded(
    checkpoint_folder: Path, tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conflict_ner.checkpoint.SHIPPED_MODEL", checkpoint_folder)
    loaded = Tagger.load(device="cpu", precision="fp32")
    assert loaded.checkpoint.folder == checkpoint_folder
    assert loaded.tag(REPORT) == tagger.tag(REPORT)
    monkeypatch.setattr("conflict_ner.checkpoint.SHIPPED_MODEL", tmp_path / "none")
    for use in (Tagger.load, lambda: evaluate(None, tmp_path)):
        with pytest.raises(CheckpointError, match="this package was built without its model"):
            use()


def test_a_device_that_is_not_here_is_said(checkpoint_folder: Path) -> None:
    with pytest.raises(ConflictNerError, match="nonsense"):
        Tagger.load(checkpoint_folder, "nonsense")


@pytest.mark.parametrize("make", ["nothing", "empty folder", "file"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, make: str) -> None:
    place = tmp_path / "place"
    if make == "empty folder":
        place.mkdir()
    elif make == "file":
        place.write_text("{}")
    with pytest.raises(CheckpointError, match="checkpoint"):
        Tagger.load(place)


def test_a_pretrained_encoder_is_no_checkpoint(encoder_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a BertModel, which does not tag words"):
        Tagger.load(encoder_folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_file_is_an_error_of_the_checkpoint(checkpoint_copy: Path, name: str) -> None:
    content = (checkpoint_copy / name).read_bytes()
    (checkpoint_copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError):
        Tagger.load(checkpoint_copy, "cpu")


@pytest.mark.parametrize("lost", ["tokenizer.json", "tokenizer*"])
def test_a_checkpoint_without_its_tokenizer_is_not_whole(checkpoint_copy: Path, lost: str) -> None:
    for file in checkpoint_copy.glob(lost):
        file.unlink()
    with pytest.raises(CheckpointError):
        Tagger.load(checkpoint_copy, "cpu")


def rewrite(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_config_and_manifest_must_name_the_same_labels(checkpoint_copy: Path) -> None:
    rewrite(checkpoint_copy / "manifest.json", labels=LABELS[::-1])
    with pytest.raises(CheckpointError, match="different labels"):
        Tagger.load(checkpoint_copy, "cpu")


def test_tags_that_are_not_iob2_in_order_are_refused(checkpoint_copy: Path) -> None:
    tags = [*(f"{prefix}-{label}" for label in LABELS for prefix in "BI"), "O"]
    rewrite(
        checkpoint_copy / "config.json", id2label=dict(enumerate(tags)), label2id={tag: k for k, tag in enumerate(tags)}
    )
    with pytest.raises(CheckpointError, match="IOB2"):
        Tagger.load(checkpoint_copy, "cpu")


def test_a_threshold_drops_a_labels_entities_below_it_and_no_others(tagger: Tagger) -> None:
    folder = tagger.checkpoint.folder
    entities = tagger.tag(SENTENCES)
    actors = sorted(e.score for found in entities for e in found if e.label == "ACTOR")
    middle = actors[len(actors) // 2]
    assert actors[0] < middle
    strict = Tagger.load(folder, "cpu", {"ACTOR": middle}, precision="fp32")
    expected = [[e for e in found if e.label != "ACTOR" or e.score >= middle] for found in entities]
    assert strict.tag(SENTENCES) == expected != entities
    assert any(e.label == "ACTOR" and e.score == middle for found in expected for e in found)
    assert Tagger.load(folder, "cpu", dict.fromkeys(LABELS, 0), "fp32").tag(SENTENCES) == entities


def test_a_threshold_is_that_of_the_kinds_too(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = ("ACTOR", "NUMBER.killed", "NUMBER.other")
    refuse_wrong_thresholds({"NUMBER": 0.6, "NUMBER.other": 0.2}, labels)
    with pytest.raises(ConfigError, match="not a label"):
        refuse_wrong_thresholds({"NUMBER.arms": 0.6}, labels)
    found = [Entity(label, "x", 0, 1, 0.5) for label in labels]
    monkeypatch.setattr(Tagger, "labels", property(lambda _: labels))
    filtered = Tagger(tagger.checkpoint, SimpleNamespace(predict=lambda _: iter([found])), {"NUMBER": 0.6})  # type: ignore[arg-type]
    assert [entity.label for entity in filtered.tag("x")] == ["ACTOR"]
    filtered.thresholds = {"NUMBER": 0.6, "NUMBER.other": 0.2}
    filtered._predictor = SimpleNamespace(predict=lambda _: iter([found]))  # type: ignore[assignment]
    assert [entity.label for entity in filtered.tag("x")] == ["ACTOR", "NUMBER.other"]


@pytest.mark.parametrize("value", [-0.1, 1.01, float("nan"), float("inf"), "0.5", None, True])
def test_a_threshold_that_is_no_score_is_refused(tagger: Tagger, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"threshold ACTOR=.*: not a score; give a number from 0 to 1"):
        Tagger.load(tagger.checkpoint.folder, "cpu", {"ACTOR": value})


def test_a_threshold_may_be_a_number_of_numpy(tagger: Tagger) -> None:
    assert Tagger.load(tagger.checkpoint.folder, "cpu", {"ACTOR": np.float64(1)}).thresholds == {"ACTOR": 1}


def test_all_that_is_wrong_with_thresholds_comes_at_once(tagger: Tagger) -> None:
    with pytest.raises(ConfigError, match="the labels are ACTOR, WEAPON, LOCATION, NUMBER") as caught:
        Tagger.load(tagger.checkpoint.folder, "cpu", {"actor": 0.5, "WEAPON": 2})
    assert [problem.where for problem in caught.value.problems] == ["threshold actor=0.5", "threshold WEAPON=2"]


WRONG_INPUTS: list[tuple[object, str]] = [
    (b"Goma fell.", "cannot read bytes: decode it first"),
    (bytearray(b"Goma fell."), "cannot read bytearray: decode it first"),
    ({"a": "Goma fell."}, r"cannot read dict: pass its texts, for example list\(texts.values\(\)\)"),
    ({"Goma fell."}, "cannot read set: it has no order"),
    (None, "cannot read NoneType: pass a string, or a list of strings"),
    (5, "cannot read int: pass a string, or a list of strings"),
    (Path("report.txt"), r"cannot read PosixPath: read it first|cannot read WindowsPath: read it first"),
    (np.array([["Goma fell."]]), "cannot read ndarray: pass a list or an array of one dimension"),
    (np.array("Goma fell."), "cannot read ndarray: pass a list or an array of one dimension"),
    ([b"Goma fell."], r"number 0 is bytes; decode it first"),
    (["Goma fell.", None], r"number 1 is NoneType \(a missing value\)"),
    (["Goma fell.", float("nan")], r"number 1 is float \(a missing value\)"),
    ([5], "number 0 is int$"),
]


@pytest.mark.parametrize(("texts", "message"), WRONG_INPUTS, ids=lambda value: type(value).__name__)
def test_what_is_no_text_is_named_by_its_type_with_what_to_give(tagger: Tagger, texts: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tagger.tag(texts)


def test_any_series_of_strings_is_tagged(tagger: Tagger) -> None:
    expected = tagger.tag(SENTENCES)
    by_key = dict(enumerate(SENTENCES))
    series: list[Any] = [
        tuple(SENTENCES),
        (text for text in SENTENCES),
        np.array(SENTENCES),
        np.array(SENTENCES, dtype=object),
        by_key.values(),
        dict.fromkeys(SENTENCES).keys(),
    ]
    for texts in series:
        assert tagger.tag(texts) == expected
    assert tagger.tag(np.str_(SENTENCES[0])) == tagger.tag(SENTENCES[0])
    assert {type(e.text) for e in tagger.tag([np.str_(SENTENCES[0])])[0]} == {str}


def test_columns_of_pandas_are_tagged_and_tables_are_not(tagger: Tagger) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": SENTENCES}, index=range(7, 7 + len(SENTENCES)))
    assert tagger.tag(table["text"]) == tagger.tag(SENTENCES)
    with pytest.raises(TypeError, match=r"cannot read DataFrame: pass the column with the texts"):
        tagger.tag(table)


def test_one_string_is_not_streamed_letter_by_letter(tagger: Tagger) -> None:
    with pytest.raises(TypeError, match=r"pass \[text\]"):
        tagger.stream("Goma fell.")


@pytest.mark.parametrize("device", ["meta", "bogus", "", "cuda:99", "CPU", "mkldnn", "privateuseone", "fpga", "vulkan"])
def test_a_device_that_cannot_compute_is_named(checkpoint_folder: Path, device: str) -> None:
    with pytest.raises(EncoderError, match=f"^device {device!r} cannot be used: "):
        Tagger.load(checkpoint_folder, device)


def test_a_device_may_be_pytorchs_own(checkpoint_folder: Path, tagger: Tagger) -> None:
    other = Tagger.load(checkpoint_folder, torch.device("cpu"), precision="fp32")  # type: ignore[arg-type]
    assert other.tag(SENTENCES) == tagger.tag(SENTENCES)


@pytest.mark.parametrize(
    "name", ["org/model", "https://huggingface.co/org/model", "hf://org/model", "hf://models/org/model"]
)
def test_a_hub_id_is_told_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"If org/model is an id on the Hugging Face hub: nothing is fetched"):
        Tagger.load(name)
    with pytest.raises(DataError, match=r"`hf download org/model`, and the same command finds it"):
        evaluate_pair(Path(name), Path(name))


@pytest.mark.parametrize("name", ["models/default", "default", "../a/b", "/nowhere/model", "a/b/c"])
def test_a_path_is_not_taken_for_a_hub_id(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no such checkpoint folder; `conflict-ner train CONFIG` makes one$"):
        Tagger.load(name)
