"""Who takes part, and in words who does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conflict_ner.benchmark import benchentry
from conflict_ner.benchmark.benchentry import Encoder, count_tokens, entrants
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.systems import PIPELINE_WEIGHTS
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Document
from conflict_ner.errors import BenchmarkError
from conflict_ner.inference.tagger import Tagger

SHORT = Reports("x", (Document("a", "police near goma"),), labeled=False)
LONG = Reports("x", (Document("a", "police near goma " * 40),), labeled=False)


@pytest.fixture(autouse=True)
def no_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchentry, "spacy_is_there", lambda: False)


def test_ours_come_first_a_precision_each_then_the_pipeline(checkpoint_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "exported"
    shutil.copytree(checkpoint_folder, other)
    found, notes = entrants(checkpoint_folder, [other], ["auto", "fp32", "auto"], "cpu", SHORT)
    names = [contender.name for contender in found]
    assert names == ["Tagger model", "Tagger model, fp32", "Tagger exported", "pipeline"]
    assert [contender.precision for contender in found] == ["auto", "fp32", "auto", "auto"]
    assert found[-1].stride == 0
    assert len(notes) == 1
    assert "pip install spacy" in notes[0]


def test_a_text_longer_than_the_window_gives_the_pipeline_a_stride(checkpoint_folder: Path, tagger: Tagger) -> None:
    for data in (SHORT, LONG):
        found, notes = entrants(checkpoint_folder, [], ["auto"], "cpu", data)
        long = not all(tagger.fit_one_window(data.texts))
        assert (found[-1].stride > 0) == long == any("stride" in note for note in notes)


def test_a_form_that_transformers_cannot_load_has_no_pipeline(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchentry, "pipeline_can_load", lambda _: False)
    found, notes = entrants(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert [contender.kind for contender in found] == ["tagger"]
    assert notes[0].startswith("transformers.pipeline is not measured: ")
    assert notes[0].endswith(f"model has no {PIPELINE_WEIGHTS}")
    assert found[0].device == "auto"  # it says itself what it computes on


def test_spacy_takes_part_where_it_is(checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchentry, "spacy_is_there", lambda: True)
    found, notes = entrants(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert found[-1].name == "spaCy en_core_web_sm"
    assert "its own labels" in notes[-1]


def test_a_folder_named_twice_is_refused(checkpoint_folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="model is named twice"):
        entrants(checkpoint_folder, [checkpoint_folder / ".." / checkpoint_folder.name], ["auto"], "cpu", SHORT)


def test_tokens_are_the_texts_own(checkpoint_folder: Path) -> None:
    # "police", "near" and "goma" are in the vocabulary; the file's truncation and padding to 16 are not obeyed.
    assert count_tokens(checkpoint_folder, [*SHORT.texts, *LONG.texts]) == [3, 120]
    encoder = Encoder.of(Checkpoint.load(checkpoint_folder), SHORT.texts)
    assert encoder.tokens == 3
    assert encoder.labels == ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
    assert encoder.layers[32, 9] == 1
