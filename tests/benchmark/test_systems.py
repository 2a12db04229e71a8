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
from conflict_ner import errors
from conflict_ner.benchmark import systems
from conflict_ner.benchmark.systems import System, is_spacy_installed, list_spacy, pipeline_can_load, spacy_system
from conflict_ner.errors import BenchmarkError, CheckpointError, MissingExtraError
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


class FakePipeline:
    """A pipeline of spaCy with some components; the one called vectors is listened to by the one called ner."""

    path = None

    def __init__(self, *parts: str, fault: str = "") -> None:
        self.pipe_names, self.component_names, self.fault = list(parts), [*parts, "senter"], fault

    def get_pipe_meta(self, part: str) -> SimpleNamespace:
        return SimpleNamespace(assigns=["doc.ents"] if part == "ner" else [])

    def get_pipe(self, part: str) -> SimpleNamespace:
        return SimpleNamespace(listening_components=["ner"]) if part == "vectors" else SimpleNamespace()

    def pipe(self, texts: Any, n_process: int) -> Iterator[Any]:
        assert n_process == 1
        if self.fault:
            raise ValueError(self.fault)
        for text in texts:
            yield SimpleNamespace(ents=[SimpleNamespace(label_="GPE", start_char=0, end_char=len(text))])


@pytest.fixture
def fake_spacy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """spaCy with the pipelines in the dictionary that is returned; under "excluded" is what was left out at last."""
    pipelines: dict[str, Any] = {}

    def load(name: str, exclude: list[str]) -> FakePipeline:
        pipelines["excluded"] = exclude
        found: FakePipeline | Exception = pipelines[name]
        if isinstance(found, Exception):
            raise found
        return found

    spacy = ModuleType("spacy")
    util = SimpleNamespace(is_package=lambda name: name in pipelines, get_installed_models=lambda: ["en_other"])
    vars(spacy).update(load=load, util=util)
    monkeypatch.setitem(sys.modules, "spacy", spacy)
    monkeypatch.setattr(systems, "require_packages", lambda *_: None)
    return pipelines


def test_spacy_loads_what_entities_need_and_nothing_else(fake_spacy: dict[str, Any]) -> None:
    fake_spacy["en_x"] = FakePipeline("vectors", "tagger", "parser", "ner")
    system = spacy_system("en_x")
    assert (system.name, system.exclude) == ("spaCy en_x", ("tagger", "parser", "senter"))
    assert fake_spacy["excluded"] == ["tagger", "parser", "senter"]
    assert list(system.open()(["Goma", "Sake"])) == [[("GPE", 0, 4)], [("GPE", 0, 4)]]
    assert System(**json.loads(json.dumps(system.as_arguments()))) == system


@pytest.mark.parametrize(
    ("name", "pipeline", "message"),
    [
        ("", None, "names no pipeline"),
        ("no_such_pipeline", None, r"neither a folder nor an installed package \(installed are: en_other\)"),
        ("en_x", OSError("[E053] no config\nmore"), r"spacy:en_x cannot be loaded: \[E053\] no config$"),
        ("en_x", FakePipeline("tagger"), r"finds no entities: none of its components does \(tagger\)"),
        ("en_x", FakePipeline("ner", fault="bad shape"), "is loaded but cannot tag a sentence: bad shape"),
    ],
)
def test_a_pipeline_that_cannot_be_measured_is_an_error(
    fake_spacy: dict[str, Any], name: str, pipeline: Any, message: str
) -> None:
    if pipeline:
        fake_spacy[name] = pipeline
    with pytest.raises(BenchmarkError, match=message):
        list_spacy([name])


def test_without_spacy_a_named_pipeline_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"spacy:en_x needs packages[^\n]*\n.*pip install 'spacy>=3.8"):
        list_spacy(["en_x"])


def test_a_pipeline_is_named_once(fake_spacy: dict[str, Any]) -> None:
    fake_spacy["en_x"] = FakePipeline("ner")
    with pytest.raises(BenchmarkError, match="spaCy en_x is named twice"):
        list_spacy(["en_x", "en_x"])


def test_a_real_pipeline_is_loaded_from_its_folder(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    model = spacy.blank("en")
    model.add_pipe("sentencizer")
    model.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "El Fasher"}])
    model.to_disk(tmp_path / "rules")
    system = spacy_system(str(tmp_path / "rules"))
    assert (system.name, system.exclude) == ("spaCy rules", ("sentencizer",))
    assert next(system.open()([TEXT])) == [("GPE", 49, 58)]
    assert system.bytes_on_disk()


def test_all_files_of_a_folder_count(tmp_path: Path) -> None:
    (tmp_path / "ner").mkdir()
    (tmp_path / "ner" / "model").write_bytes(b"12345")
    (tmp_path / "meta.json").write_bytes(b"{}")
    assert System("spacy", "spaCy", str(tmp_path)).bytes_on_disk() == 7
    assert System("spacy", "spaCy").bytes_on_disk() is None


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
