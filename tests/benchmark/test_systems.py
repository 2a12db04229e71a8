"""Every system answers alike, whoever it is."""

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
from conflict_ner.benchmark.systems import System, pipeline_can_load, spacy_is_there
from conflict_ner.errors import CheckpointError
from conflict_ner.inference.tagger import Tagger

TEXT = "At least 19 fighters died in a drone strike near El Fasher."
FOUND = [("NUMBER", 0, 11), ("ACTOR", 12, 20), ("WEAPON", 31, 43), ("LOCATION", 49, 58)]


def test_our_tagger_answers_as_its_users_see_it(checkpoint_folder: Path) -> None:
    read = System("tagger", "ours", str(checkpoint_folder)).open()
    assert list(read([TEXT, "Nobody was hurt."])) == [FOUND, []]


@pytest.mark.parametrize("batch", [1, 8])
def test_the_pipeline_answers_for_each_text_in_order(checkpoint_folder: Path, batch: int) -> None:
    read = System("pipeline", "theirs", str(checkpoint_folder), batch=batch).open()
    found = list(read(["Nobody was hurt.", TEXT, "Nobody was hurt."]))
    assert [bool(each) for each in found] == [False, True, False]
    assert set(found[1]) & set(FOUND)


def test_the_pipeline_reads_a_long_text_whole_only_with_a_stride(checkpoint_folder: Path, tagger: Tagger) -> None:
    text = " ".join([TEXT] * 12)
    assert not all(tagger.fit_one_window([text]))
    last = []
    for stride in (0, 8):
        read = System("pipeline", "theirs", str(checkpoint_folder), stride=stride).open()
        last.append(max(end for _, _, end in next(read([text]))))
    assert last[0] < len(text) // 2
    assert last[1] > len(text) - 20


def test_a_folder_that_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        System("tagger", "ours", str(tmp_path / "none")).open()
    assert not pipeline_can_load(tmp_path)


def test_spacy_finds_names_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Model:
        def pipe(self, texts: Any) -> Iterator[Any]:
            for text in texts:
                yield SimpleNamespace(ents=[SimpleNamespace(label_="GPE", start_char=0, end_char=len(text))])

    def load(name: str, disable: list[str]) -> Model:
        asked[name] = disable
        return Model()

    spacy = ModuleType("spacy")
    spacy.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    read = System("spacy", "spaCy").open()
    assert list(read(["Goma", "Sake"])) == [[("GPE", 0, 4)], [("GPE", 0, 4)]]
    assert "parser" in asked["en_core_web_sm"]
    assert "ner" not in asked["en_core_web_sm"]


def test_without_its_model_spacy_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "find_spec", lambda name: None if name == "en_core_web_sm" else object())
    assert not spacy_is_there()
    monkeypatch.setattr(systems, "find_spec", lambda _: object())
    assert spacy_is_there()


def test_a_system_goes_to_another_process_and_imports_nothing_there() -> None:
    system = System("pipeline", "theirs", "models/x", "cpu", "bf16", 8, 128)
    assert System(**json.loads(json.dumps(system.as_arguments()))) == system
    code = "import sys; from conflict_ner.benchmark import systems; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "numpy", "pydantic", "rich"} & set(done.stdout.split())
