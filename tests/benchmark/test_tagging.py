"""A benchmark of tagging on a fake clock: rates and ratios follow from the seconds that each system takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conflict_ner.benchmark import systems, tagging
from conflict_ner.benchmark.cold_start import BenchmarkOptions
from conflict_ner.benchmark.fresh_process import ProcessCost
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.results import TaggingBenchmark
from conflict_ner.benchmark.roofline import Limit
from conflict_ner.benchmark.systems import PIPELINE_WEIGHTS, FoundMention, System, TagTexts
from conflict_ner.benchmark.tagging import Workload, count_tokens, list_systems, measure_systems
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import BenchmarkError
from conflict_ner.inference.tagger import Tagger

LABELS = ("ACTOR", "WEAPON")
MACHINE = Machine("A CPU", 2, 2, (), None, "Linux", {})
TEXT = "Rebels left."  # three words
DATA = Reports(
    "x", tuple(Document(f"r{k}", TEXT, (Mention(0, 6, "ACTOR"),)) for k in range(4)), labeled=True, labels=LABELS
)
WORKLOAD = Workload({(10, 10): 1}, LABELS, tokens=24)  # two tokens a word
OURS, THEIRS, SPACY = System("tagger", "ours"), System("pipeline", "pipeline"), System("spacy", "spaCy")


class FakeSystems:
    """Systems that take a set number of seconds for each text, on a clock that only they advance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.opened: list[str] = []
        self.spacy_finds: list[FoundMention] = [("DATE", 0, 6)]
        fakes = self

        def open_system(system: System) -> TagTexts:
            fakes.opened.append(system.name)
            seconds = fakes.seconds.get(f"{system.kind}{system.batch}", fakes.seconds[system.kind])

            def tag(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
                for _ in texts:
                    fakes.now += seconds
                    yield {"tagger": [("ACTOR", 0, 6), ("ACTOR", 0, 6)], "pipeline": [("WEAPON", 0, 6)]}.get(
                        system.kind, self.spacy_finds
                    )

            return tag

        def find_limits(*_: object, **__: object) -> tuple[list[Limit], list[str]]:
            return [Limit("fp32", "by hand", 48, self.limit)], ["no limit in int8"]

        monkeypatch.setattr(System, "open", open_system)
        monkeypatch.setattr(tagging, "find_limits", find_limits)

    def limit(self) -> None:
        self.now += 1.0

    def measure(self, systems: Sequence[System], data: Reports = DATA, **settings: object) -> TaggingBenchmark:
        options = BenchmarkOptions(rounds=3, clock=lambda: self.now, pause=lambda: None, launch=self.launch, **settings)  # type: ignore[arg-type]
        return measure_systems(systems, data, WORKLOAD, MACHINE, "cpu", options)

    def launch(self, system: System, file: Path, reports: int) -> ProcessCost:
        assert file.read_text(encoding="utf-8").count(TEXT) == 4
        return ProcessCost(2.0, float(reports), 1_000_000)


def test_speed_ratios_and_shares_follow_from_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = FakeSystems(monkeypatch, tagger=0.5, pipeline=2.0, pipeline8=1.0, spacy=4.0)
    found = fakes.measure([OURS, THEIRS, SPACY])
    ours, default, best, spacy = found.systems
    assert [c.name for c in found.systems] == ["ours", "pipeline, batch 1 (default)", "pipeline, batch 8", "spaCy"]
    assert (ours.words_a_second.median, ours.reports_a_second.median) == (6.0, 2.0)
    assert ours.times_as_fast[default.name].median == 4.0
    assert ours.times_as_fast[best.name].median == 2.0
    assert ours.times_as_fast["spaCy"].median == 8.0
    assert ours.times_as_fast.keys() == {default.name, best.name, "spaCy"}
    assert spacy.times_as_fast["ours"].median == 0.125
    # 48 tokens a second are 24 words a second at two tokens a word; 6 words a second are a quarter of them.
    assert found.limits[0].words_a_second.median == 24.0
    assert found.limits[0].operations_a_second.median == 48 * 200
    assert ours.share["fp32"].median == 0.25
    assert found.notes == ("no limit in int8",)


def test_f1_is_given_only_where_labels_are_gold_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = FakeSystems(monkeypatch, tagger=0.5, pipeline=1.0, spacy=1.0)
    ours, pipeline, spacy = fakes.measure([OURS, THEIRS, SPACY]).systems
    assert ours.strict_f1 == 1.0  # a mention found twice counts once
    assert (pipeline.strict_f1, spacy.strict_f1) == (0.0, None)
    fakes.spacy_finds = [("NORP", 0, 6), ("DATE", 7, 11)]  # a NORP is an ACTOR here, a DATE is nothing
    assert fakes.measure([OURS, SPACY]).systems[1].strict_f1 == 1.0
    fakes.spacy_finds = [("NORP", 0, 6), ("ORG", 7, 11)]
    assert fakes.measure([OURS, SPACY]).systems[1].strict_f1 == pytest.approx(2 / 3)
    found = fakes.measure([OURS], replace(DATA, labels=("WEAPON",)))
    assert found.systems[0].strict_f1 is None  # it has a label that the data cannot have
    plain = Reports("x", DATA.documents, labeled=False)
    assert fakes.measure([OURS], plain).systems[0].strict_f1 is None


def test_the_pipeline_is_measured_once_where_its_default_is_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    found = FakeSystems(monkeypatch, tagger=0.5, pipeline=2.0, pipeline1=1.0).measure([OURS, THEIRS])
    assert [(c.name, c.batch) for c in found.systems] == [("ours", None), ("pipeline, batch 1 (default)", 1)]


def test_reports_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    found = FakeSystems(monkeypatch, tagger=0.5).measure([OURS], reports=10)
    assert (found.reports, found.reports_a_turn) == (4, 10)
    assert found.systems[0].reports_a_second.median == 2.0
    assert found.systems[0].words_a_second.median == 6.0


def test_fresh_processes_are_measured_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = FakeSystems(monkeypatch, tagger=0.5, spacy=1.0)
    ours, spacy = fakes.measure([OURS, SPACY], scale=(8,)).systems
    assert ours.cold is not None
    assert ours.cold.first.median == 2.0
    assert ours.cold.times_as_fast["spaCy"].median == 1.0
    assert [row.reports for row in ours.scaled] == [8]
    assert spacy.scaled == ()
    assert fakes.measure([OURS], cold=False).systems[0].cold is None


def test_a_system_that_skips_reports_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_system(_: System) -> TagTexts:
        return lambda texts: ([] for _, _ in zip(range(5), texts, strict=False))

    fakes = FakeSystems(monkeypatch, tagger=0.5)
    monkeypatch.setattr(System, "open", open_system)
    with pytest.raises(AssertionError, match="5 of 10 reports were tagged"):
        fakes.measure([OURS], reports=10)


SHORT = Reports("x", (Document("a", "police near goma"),), labeled=False)
LONG = Reports("x", (Document("a", "police near goma " * 40),), labeled=False)


@pytest.fixture(autouse=True)
def no_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "is_spacy_installed", lambda: False)


def test_our_taggers_in_each_precision_come_before_the_pipeline(checkpoint_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "exported"
    shutil.copytree(checkpoint_folder, other)
    systems, notes = list_systems(checkpoint_folder, [other], ["auto", "fp32", "auto"], "cpu", SHORT)
    names = [system.name for system in systems]
    assert names == ["Tagger model", "Tagger model, fp32", "Tagger exported", "pipeline"]
    assert [system.precision for system in systems] == ["auto", "fp32", "auto", "auto"]
    assert systems[-1].stride == 0
    assert len(notes) == 1
    assert "pip install spacy" in notes[0]


def test_a_text_longer_than_the_window_gives_the_pipeline_a_stride(checkpoint_folder: Path, tagger: Tagger) -> None:
    for data in (SHORT, LONG):
        systems, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", data)
        long = not all(tagger.fit_one_window(data.texts))
        assert (systems[-1].stride > 0) == long == any("stride" in note for note in notes)


def test_a_form_that_transformers_cannot_load_has_no_pipeline(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "pipeline_can_load", lambda _: False)
    systems, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert [system.kind for system in systems] == ["tagger"]
    assert notes[0].startswith("transformers.pipeline is not measured: ")
    assert notes[0].endswith(f"model has no {PIPELINE_WEIGHTS}")
    assert systems[0].device == "auto"  # the runtime chooses


def test_spacy_is_measured_where_it_is_installed_or_named(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    def describe(name: str) -> System:
        named.append(name)
        if name == "en_core_web_sm":
            raise BenchmarkError("spacy:en_core_web_sm cannot be loaded")
        return System("spacy", f"spaCy {name}", exclude=("parser",))

    monkeypatch.setattr(systems, "spacy_system", describe)
    found, notes = list_systems(checkpoint_folder, ["spacy:en_x", "spacy:./mine"], ["auto"], "cpu", SHORT)
    assert [system.name for system in found[-2:]] == ["spaCy en_x", "spaCy ./mine"]
    assert "all off that finding entities does without (parser)" in notes[0]
    assert named == ["en_x", "./mine"]
    monkeypatch.setattr(systems, "is_spacy_installed", lambda: True)
    found, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert {system.kind for system in found} == {"tagger", "pipeline"}
    assert notes == ["spaCy is not measured: spacy:en_core_web_sm cannot be loaded"]


def test_a_checkpoint_with_other_layers_is_named(checkpoint_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "wide"
    shutil.copytree(checkpoint_folder, other)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    (other / "config.json").write_text(json.dumps(config | {"intermediate_size": 8}), encoding="utf-8")
    _, notes = list_systems(checkpoint_folder, [other], ["auto"], "cpu", SHORT)
    assert "wide has other layers than" in notes[0]


def test_a_folder_named_twice_is_refused(checkpoint_folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="model is named twice"):
        list_systems(checkpoint_folder, [checkpoint_folder / ".." / checkpoint_folder.name], ["auto"], "cpu", SHORT)


def test_tokens_are_counted_without_special_ones(checkpoint_folder: Path) -> None:
    # "police", "near" and "goma" are in the vocabulary; the file's truncation and padding to 16 are ignored.
    assert count_tokens(checkpoint_folder, [*SHORT.texts, *LONG.texts]) == [3, 120]
    workload = Workload.of(Checkpoint.load(checkpoint_folder), SHORT.texts)
    assert workload.tokens == 3
    assert workload.labels == ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
    assert workload.layers[32, 9] == 1
