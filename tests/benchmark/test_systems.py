"""All systems have one interface."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conflict_ner.benchmark import systems
from conflict_ner.benchmark.systems import System, is_spacy_installed, pipeline_can_load
from conflict_ner.errors import CheckpointError
from conflict_ner.inference.tagger import Tagger

TEXT = "At least 19 fighters died in a drone strike near El Fasher."
FOUND = [("NUMBER", 0, 11), ("ACTOR", 12, 20), ("WEAPON", 31, 43), ("LOCATION", 49, 58)]


def test_our_tagger_gives_the_mentions_that_its_users_see(checkpoint_folder: Path) -> None:
    tag_texts = System("tagger", "ours", str(checkpoint_folder)).open()
    assert list(tag_texts([TEXT, "Nobody was hurt."])) == [FOUND, []]


@pytest.mark.parametrize("batch", [1, 8])
def test_the_pipeline_gives_the_mentions_of_each_text_in_order(checkpoint_folder: Path, batch: int) -> None:
    tag_texts = System("pipeline", "theirs", str(checkpoint_folder), batch=batch).open()
    found = list(tag_texts(["Nobody was hurt.", TEXT, "Nobody was hurt."]))
    assert [bool(mentions) for mentions in found] == [False, True, False]
    assert set(found[1]) & set(FOUND)


def test_the_pipeline_reads_a_long_text_to_its_end_only_with_a_stride(checkpoint_folder: Path, tagger: Tagger) -> None:
    text = " ".join([TEXT] * 12)
    assert not all(tagger.fit_one_window([text]))
    last_ends = []
    for stride in (0, 8):
        tag_texts = System("pipeline", "theirs", str(checkpoint_folder), stride=stride).open()
        last_ends.append(max(end for _, _, end in next(tag_texts([text]))))
    assert last_ends[0] < len(text) // 2
    assert last_ends[1] > len(text) - 20


def test_a_folder_that_is_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        System("tagger", "ours", str(tmp_path / "none")).open()
    assert not pipeline_can_load(tmp_path)


def test_spacy_finds_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    disabled: dict[str, Any] = {}

    class Model:
        def pipe(self, texts: Any) -> Iterator[Any]:
            for text in texts:
                yield SimpleNamespace(ents=[SimpleNamespace(label_="GPE", start_char=0, end_char=len(text))])

    def load(name: str, disable: list[str]) -> Model:
        disabled[name] = disable
        return Model()

    spacy = ModuleType("spacy")
    spacy.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    tag_texts = System("spacy", "spaCy").open()
    assert list(tag_texts(["Goma", "Sake"])) == [[("GPE", 0, 4)], [("GPE", 0, 4)]]
    assert "parser" in disabled["en_core_web_sm"]
    assert "ner" not in disabled["en_core_web_sm"]


def test_without_its_model_spacy_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "find_spec", lambda name: None if name == "en_core_web_sm" else object())
    assert not is_spacy_installed()
    monkeypatch.setattr(systems, "find_spec", lambda _: object())
    assert is_spacy_installed()


def test_a_system_goes_to_another_process_and_imports_nothing_there() -> None:
    system = System("pipeline", "theirs", "models/x", "cpu", "bf16", 8, 128)
    assert System(**json.loads(json.dumps(system.as_arguments()))) == system
    code = "import sys; from conflict_ner.benchmark import systems; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "numpy", "pydantic", "rich"} & set(done.stdout.split())
