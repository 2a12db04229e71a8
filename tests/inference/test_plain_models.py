"""Token classifiers that were trained elsewhere are tagged with, evaluated and compared, whatever their tags are."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError, ConfigError, DataError
from conflict_ner.evaluation.comparison import compare
from conflict_ner.export.verify import pipeline_spans
from conflict_ner.inference import tagger as tagger_module
from conflict_ner.inference.evaluate import evaluate, evaluate_pair
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.device import Hardware
from conflict_ner.training.distillation import load_teachers
from helpers.encoders import SENTENCES
from helpers.plain_models import KINDS, change_json, make_plain_model
from helpers.runs import make_config
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

Captured = pytest.CaptureFixture[str]
MAP = {"PER": "ACTOR", "LOC": "LOCATION"}
# Words alone: marks are where the Tagger and the pipeline differ on purpose.
PLAIN = [" ".join(re.findall(r"\w+", sentence)) for sentence in SENTENCES]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A plain model of each kind."""
    return {kind: make_plain_model(tmp_path_factory.mktemp("plain") / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def plain_folder(folders: Mapping[str, Path]) -> Path:
    return folders["bert-uncased"]


@pytest.fixture
def copy(plain_folder: Path, tmp_path: Path) -> Path:
    """A copy of a plain model that a test may change."""
    return shutil.copytree(plain_folder, tmp_path / "copy")


def load(folder: Path, **options: Any) -> Tagger:
    return Tagger.load(folder, "cpu", precision="fp32", **options)


def spans(entities: Sequence[Entity]) -> set[tuple[str, int, int]]:
    return {(entity.label, entity.start, entity.end) for entity in entities}


def words_of_the_vocabulary(folder: Path, texts: Sequence[str]) -> list[str]:
    """The texts without the words that begin with a token for the space alone, which the pipeline takes for a word."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def is_whole(word: str) -> bool:
        return tokenizer.tokenize(f" {word}")[0] not in ("\u2581", "\u0120")

    return [" ".join(word for word in text.split() if is_whole(word)) for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_entities_and_scores_are_those_of_the_pipeline_where_texts_are_plain(
    kind: str, folders: Mapping[str, Path]
) -> None:
    texts = words_of_the_vocabulary(folders[kind], PLAIN)
    found = load(folders[kind]).tag(texts)
    theirs = pipeline_spans(folders[kind], texts, ("first",))["first"]
    for text, entities, expected in zip(texts, found, theirs, strict=True):
        # SentencePiece's token for a word holds the space before it, and so do the pipeline's entities.
        stripped = {(label, end - len(text[start:end].lstrip()), end) for label, start, end in expected}
        assert spans(entities) == stripped
    labels = {entity.label for entities in found for entity in entities}
    assert labels == {"MISC", "PER", "LOC"}, "or the test shows little"


def test_a_model_of_ours_without_its_manifest_tags_as_before_where_its_tags_spell_mentions(
    checkpoint_folder: Path, tmp_path: Path, tagger: Tagger
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(checkpoint_folder / name, folder / name)
    bare = load(folder)
    assert bare.checkpoint.is_plain
    assert bare.labels == tagger.labels
    # Its `I-` may begin a mention (IOB1 has the same tags), so its words' best tags are read as they stand.
    scheme, start = tagger.predictor.scheme, np.array([0])
    same = [not scheme.stray_inside(logits.argmax(-1), start).size for _, logits in tagger.predictor.logits(SENTENCES)]
    assert any(same)
    for found, before in compress(zip(bare.tag(SENTENCES), tagger.tag(SENTENCES), strict=True), same):
        assert found == before


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (("B-PER", "E-PER", "O", "I-PER", "S-PER"), "BIOES"),
        (("U-PER", "L-PER", "I-PER", "B-PER", "O"), "BILOU"),
        (("I-PER", "I-LOC", "O"), "IO"),
        (("PER", "O", "LOC"), "IO"),
    ],
)
def test_tags_of_any_scheme_and_order_are_read(tags: tuple[str, ...], scheme: str, tmp_path: Path) -> None:
    model = load(make_plain_model(tmp_path, "bert-cased", tags))
    plain = model.checkpoint.manifest.plain
    assert plain is not None
    assert (plain.scheme, plain.tags) == (scheme, tags)
    for text, entities in zip(PLAIN, model.tag(PLAIN), strict=True):
        ((encoded, logits),) = model.predictor.logits([text])
        named = [tags[tag] for tag in logits.argmax(-1)]
        # Written again from the tags alone: where a word begins a mention, and which words are in one.
        expected: list[tuple[str, int, int]] = []
        previous = "O"
        for tag, start, end in zip(named, encoded.word_starts.tolist(), encoded.word_ends.tolist(), strict=True):
            label = tag.rpartition("-")[2]
            begins = tag[:2] in ("B-", "S-", "U-") or previous[:2] in ("E-", "S-", "L-", "U-")
            if tag != "O" and (begins or label != previous.rpartition("-")[2]):
                expected.append((label, start, end))
            elif tag != "O":
                expected[-1] = (label, expected[-1][1], end)
            previous = tag
        assert [(entity.label, entity.start, entity.end) for entity in entities] == expected
        assert all(0 < entity.score <= 1 for entity in entities)


def test_words_without_a_subword_are_read_where_o_is_not_the_first_tag(tmp_path: Path) -> None:
    model = load(make_plain_model(tmp_path, tags=("B-PER", "I-PER", "O")))
    text = "El \u200e Fasher \u200e near Goma"  # direction marks, which the tokenizer drops
    assert spans(model.tag(text)) >= {("PER", e.start, e.end) for e in model.tag(text) if e.text.isalpha()}
    assert all(text[e.start : e.end] == e.text != "\u200e" for e in model.tag(text))


def test_labels_are_renamed_and_left_out(plain_folder: Path) -> None:
    own, mapped = load(plain_folder), load(plain_folder, label_map={**MAP, "MISC": None})
    assert (own.labels, mapped.labels) == (("MISC", "PER", "LOC"), ("ACTOR", "LOCATION"))
    for before, after in zip(own.tag(PLAIN), mapped.tag(PLAIN), strict=True):
        kept = [entity for entity in before if entity.label in MAP]
        assert [(MAP[e.label], e.start, e.end, e.score) for e in kept] == [
            (e.label, e.start, e.end, e.score) for e in after
        ]
    assert load(plain_folder, label_map=MAP).tag(PLAIN) == mapped.tag(PLAIN)


@pytest.mark.parametrize(
    ("label_map", "message"),
    [({"PRE": "ACTOR"}, "the model has no label 'PRE'; did you mean PER"), ({"PER": ""}, "leaves no label")],
)
def test_a_wrong_map_is_refused(label_map: dict[str, str], message: str, plain_folder: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load(plain_folder, label_map=label_map)


def test_a_map_is_a_mapping(plain_folder: Path) -> None:
    with pytest.raises(TypeError, match="label_map is a name for each label, such as"):
        load(plain_folder, label_map="PER=ACTOR")


def test_a_checkpoint_with_a_manifest_takes_no_map(checkpoint_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"has a manifest, which says what its labels are: .*leave the map out"):
        load(checkpoint_folder, label_map={"ACTOR": "PER"})


def test_a_model_without_an_outside_tag_needs_a_map(copy: Path) -> None:
    tags = {str(number): tag for number, tag in enumerate(("NOUN", "VERB", "X", "ADJ", "ADV", "DET", "NUM"))}
    change_json(copy / "config.json", id2label=tags)
    with pytest.raises(CheckpointError, match=r"has no tag O, .* \(--map NOUN=NAME\)"):
        load(copy)
    assert load(copy, label_map={"NUM": "NUMBER"}).labels == ("NUMBER",)


def test_what_was_not_verified_is_said_once(copy: Path, capsys: Captured) -> None:
    model = load(copy, label_map=MAP)
    said = capsys.readouterr().err
    assert said.startswith(
        "note: copy is a plain transformers model (BIO tags; read are PER as ACTOR, LOC as LOCATION; left out are "
        "MISC). It has no manifest and no stored predictions: "
    )
    assert said.count("\n") == 1
    again = pickle.loads(pickle.dumps(model))
    assert again.tag(PLAIN) == load(copy, label_map=MAP).tag(PLAIN) == model.tag(PLAIN)
    assert again.labels == ("ACTOR", "LOCATION")
    assert capsys.readouterr().err == ""


def test_a_label_may_have_a_name_that_ours_cannot_have(tmp_path: Path) -> None:
    model = load(make_plain_model(tmp_path, tags=("O", "B-Date of birth", "I-Date of birth")))
    assert model.labels == ("Date of birth",)
    assert pickle.loads(pickle.dumps(model)).tag(PLAIN) == model.tag(PLAIN)


def test_a_checkpoint_with_a_manifest_needs_no_such_note(checkpoint_folder: Path, capsys: Captured) -> None:
    assert Checkpoint.load(checkpoint_folder).unverified is None
    load(checkpoint_folder)
    assert capsys.readouterr().err == ""


def test_a_plain_model_is_a_checkpoint_with_few_facts(plain_folder: Path) -> None:
    loaded = Checkpoint.load(plain_folder)
    assert (loaded.name, loaded.is_plain, loaded.scores, loaded.seen_mentions()) == ("bert-uncased", True, {}, None)
    assert (loaded.manifest.window, loaded.manifest.encoder) == (64, "bert-uncased")
    assert len(loaded.weights_sha256) == 64
    with pytest.raises(ConfigError, match=r"(?s)a model that was trained elsewhere.*run\.yaml"):
        loaded.config()


def test_long_texts_are_read_in_windows(plain_folder: Path) -> None:
    model = load(plain_folder)
    text = " ".join(PLAIN * 4)
    assert model.fit_one_window([text, PLAIN[0]]) == [False, True]
    assert model.tag(text)[-1].end > len(text) // 2


def test_a_hub_id_is_found_in_the_local_cache(
    plain_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--org--ner"
    shutil.copytree(plain_folder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    model = load("org/ner")  # type: ignore[arg-type]
    assert (model.checkpoint.name, model.checkpoint.manifest.encoder) == ("org/ner", "org/ner")
    assert model.tag(PLAIN) == load(plain_folder).tag(PLAIN)
    assert capsys.readouterr().err.startswith("note: org/ner is a plain transformers model")
    (repository / "snapshots" / ("0" * 40) / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="`hf download org/ner` completes it"):
        load("org/ner")  # type: ignore[arg-type]


def drop_the_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({name: w for name, w in weights.items() if "classifier" not in name}, folder / "model.safetensors")


def pickle_the_weights(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def keep_only_a_slow_tokenizer(folder: Path) -> None:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "basic"})
    )


def give_inputs_types(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    for piece in tokenizer["post_processor"]["single"]:
        for part in piece.values():
            part["type_id"] = 1
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def add_tokens(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary |= {f"new{number}": len(vocabulary) + number for number in range(3)}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (pickle_the_weights, r"pickled \(pytorch_model\.bin\), and loading those can run any code"),
        (drop_the_head, "lacks weights, for example classifier"),
        (keep_only_a_slow_tokenizer, "has no fast tokenizer.*AutoTokenizer"),
        (give_inputs_types, "reads token types"),
        (add_tokens, "the tokenizer has 133 tokens, and the model knows 130; it is that of another model"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "tokenizer cannot be loaded"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), r"manifest\.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest\.json cannot be read"),
        (lambda folder: (folder / "training_memory.json").touch(), r"not a conflict-ner checkpoint: manifest\.json"),
    ],
)
def test_a_damaged_model_is_refused(copy: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(copy)
    with pytest.raises(CheckpointError, match=message):
        load(copy)


def test_our_checkpoint_without_its_manifest_is_not_taken_for_a_plain_model(
    checkpoint_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint_folder, tmp_path / "copy")
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"not a conflict-ner checkpoint: manifest\.json missing"):
        load(folder)


GOLD = """\
=== g-1

[Rebels](ACTOR) left [Goma](LOCATION) with [two](NUMBER) [missiles](WEAPON).

=== g-2

[Police](ACTOR) in [Kabul](LOCATION) found [30 kg](NUMBER) of explosives.
"""


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    file = tmp_path / "gold.md"
    file.write_text(GOLD)
    return file


def test_a_plain_model_is_scored_on_the_labels_that_it_knows(
    copy: Path, gold: Path, tmp_path: Path, capsys: Captured
) -> None:
    saved = tmp_path / "saved.jsonl"
    scored = evaluate(copy, gold, device="cpu", label_map=MAP, predictions=saved)
    left_out = "not scored: 2 mentions of NUMBER, 1 mention of WEAPON; scored are ACTOR, LOCATION"
    unverified, note = capsys.readouterr().err.splitlines()
    assert note == f"note: {left_out}"
    assert (scored.name, scored.labels, scored.report.mentions) == ("copy", ("ACTOR", "LOCATION"), 4)
    assert [mention.label for mention in scored.documents[0].mentions] == ["ACTOR", "LOCATION"]
    assert scored.report.notes == (unverified.removeprefix("note: "), left_out)
    assert compare(saved, scored).notes == scored.report.notes


def test_without_a_map_nothing_in_common_is_an_error(copy: Path, gold: Path) -> None:
    with pytest.raises(DataError, match=r"\(MISC, PER, LOC\): there are 2 mentions of .*; map .* --map MISC="):
        evaluate(copy, gold, device="cpu")


def test_any_checkpoint_is_scored_on_chosen_labels(checkpoint_folder: Path, gold: Path, capsys: Captured) -> None:
    scored = evaluate(checkpoint_folder, gold, device="cpu", labels=["LOCATION"])
    assert (scored.labels, scored.report.mentions) == (("LOCATION",), 2)
    assert {entity.label for entities in scored.predicted for entity in entities} <= {"LOCATION"}
    assert "not scored: 2 mentions of ACTOR, 2 mentions of NUMBER, 1 mention of WEAPON" in capsys.readouterr().err
    for labels in (["PLACE"], []):
        with pytest.raises(ConfigError, match="the choice of labels"):
            evaluate(checkpoint_folder, gold, device="cpu", labels=labels)


def test_a_plain_model_is_compared_on_the_labels_that_both_know(
    checkpoint_folder: Path, copy: Path, gold: Path, tmp_path: Path, capsys: Captured
) -> None:
    ours, theirs = evaluate_pair(checkpoint_folder, copy, [gold], "cpu", label_map=MAP)
    assert ours.labels == theirs.labels == ("ACTOR", "LOCATION")
    assert "note: compared on ACTOR, LOCATION, the labels that both know\n" in capsys.readouterr().err
    assert compare(ours, theirs).notes[0].startswith("not scored")
    saved = tmp_path / "ours.jsonl"
    evaluate(checkpoint_folder, gold, device="cpu", predictions=saved)
    with pytest.raises(DataError, match="`evaluate --labels ACTOR,LOCATION --predictions FILE`"):
        evaluate_pair(saved, copy, [gold], "cpu", label_map=MAP)
    evaluate(checkpoint_folder, gold, device="cpu", labels=["ACTOR", "LOCATION"], predictions=saved)
    assert compare(*evaluate_pair(saved, copy, [gold], "cpu", label_map=MAP)).labels.keys() == {"ACTOR", "LOCATION"}


def test_each_of_two_plain_models_takes_its_part_of_the_map(copy: Path, gold: Path, tmp_path: Path) -> None:
    other = make_plain_model(tmp_path / "other", tags=("O", "B-person", "I-person"))
    pair = evaluate_pair(copy, other, [gold], "cpu", label_map={**MAP, "person": "ACTOR"})
    assert [side.labels for side in pair] == [("ACTOR",), ("ACTOR",)]
    with pytest.raises(ConfigError, match="--map PRESON: no model has this label; their labels are MISC, PER"):
        evaluate_pair(copy, other, [gold], "cpu", label_map={"PRESON": "ACTOR"})


def test_a_map_without_a_plain_model_is_refused(checkpoint_folder: Path, gold: Path) -> None:
    with pytest.raises(ConfigError, match="--map: is not used: no plain transformers model is compared"):
        evaluate_pair(checkpoint_folder, checkpoint_folder, [gold], "cpu", label_map=MAP)


def test_a_plain_model_is_no_teacher(checkpoint_folder: Path, plain_folder: Path, tmp_path: Path) -> None:
    config = make_config(tmp_path, checkpoint_folder, tmp_path / "reports.md", teacher=[plain_folder])
    with pytest.raises(ConfigError, match="was trained elsewhere"):
        load_teachers(config, Hardware("cpu", "fp32"))


def test_values_of_a_plain_model_are_read_by_the_usual_labels(plain_folder: Path) -> None:
    model = load(plain_folder, values=True, label_map=dict.fromkeys(("PER", "LOC", "MISC"), "NUMBER"))
    found = {entity.text: entity.value for text in PLAIN for entity in model.tag(text)}
    assert any(value is not None for value in found.values())


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said in one test is to be said again in the next."""
    monkeypatch.setattr(tagger_module, "_said", set())
