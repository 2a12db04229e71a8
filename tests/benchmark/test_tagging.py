"""The whole of a benchmark on a clock of its own: who is as fast as whom follows from what each was made to take."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from conflict_ner.benchmark import tagging
from conflict_ner.benchmark import tagging as module
from conflict_ner.benchmark.cold_start import Bench
from conflict_ner.benchmark.fresh_process import Fresh
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.results import Benchmark
from conflict_ner.benchmark.roofline import Limit
from conflict_ner.benchmark.systems import PIPELINE_WEIGHTS, Found, Reader, System
from conflict_ner.benchmark.tagging import Workload, count_tokens, list_systems, measure
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import BenchmarkError
from conflict_ner.inference.tagger import Tagger

LABELS = ("ACTOR", "WEAPON")
MACHINE = Machine("A CPU", 2, 2, (), None, "Linux", {})
TEXT = "Rebels left."  # three words
DATA = Reports("x", tuple(Document(f"r{k}", TEXT, (Mention(0, 6, "ACTOR"),)) for k in range(4)), labeled=True)
ENCODER = Workload({(10, 10): 1}, LABELS, tokens=24)  # two tokens a word
OURS, THEIRS, SPACY = System("tagger", "ours"), System("pipeline", "pipeline"), System("spacy", "spaCy")


class Bank:
    """Contenders that take the seconds a text that they are said to, on a clock that only they move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.opened: list[str] = []
        bank = self

        def opened(system: System) -> Reader:
            bank.opened.append(system.name)
            slow = bank.seconds.get(f"{system.kind}{system.batch}", bank.seconds[system.kind])

            def read(texts: Iterable[str]) -> Iterator[list[Found]]:
                for _ in texts:
                    bank.now += slow
                    yield {"tagger": [("ACTOR", 0, 6), ("ACTOR", 0, 6)], "pipeline": [("WEAPON", 0, 6)]}.get(
                        system.kind, [("CITY", 0, 6)]
                    )

            return read

        def limits(*_: object, **__: object) -> tuple[list[Limit], list[str]]:
            return [Limit("fp32", "by hand", 48, self.limit)], ["no limit in int8"]

        monkeypatch.setattr(System, "open", opened)
        monkeypatch.setattr(module, "limits", limits)

    def limit(self) -> None:
        self.now += 1.0

    def measure(self, systems: Sequence[System], data: Reports = DATA, **settings: object) -> Benchmark:
        bench = Bench(rounds=3, clock=lambda: self.now, rest=lambda: None, launch=self.launch, **settings)  # type: ignore[arg-type]
        return measure(systems, data, ENCODER, MACHINE, "cpu", bench)

    def launch(self, system: System, file: Path, reports: int) -> Fresh:
        assert file.read_text(encoding="utf-8").count(TEXT) == 4
        return Fresh(2.0, float(reports), 1_000_000)


def test_speed_ratios_and_shares_follow_from_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(monkeypatch, tagger=0.5, pipeline=2.0, pipeline8=1.0, spacy=4.0)
    found = bank.measure([OURS, THEIRS, SPACY])
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


def test_f1_stands_only_where_labels_are_gold_and_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(monkeypatch, tagger=0.5, pipeline=1.0, spacy=1.0)
    ours, pipeline, spacy = bank.measure([OURS, THEIRS, SPACY]).systems
    assert ours.strict_f1 == 1.0  # one mention said twice is one
    assert (pipeline.strict_f1, spacy.strict_f1) == (0.0, None)
    other = Workload(ENCODER.layers, ("WEAPON",), tokens=24)
    found = measure(
        [OURS], DATA, other, MACHINE, "cpu", Bench(1, cold=False, clock=lambda: bank.now, rest=lambda: None)
    )
    assert found.systems[0].strict_f1 is None  # it has a label that the first checkpoint has not
    plain = Reports("x", DATA.documents, labeled=False)
    assert bank.measure([OURS], plain).systems[0].strict_f1 is None


def test_the_pipeline_is_measured_once_where_its_default_is_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Bank(monkeypatch, tagger=0.5, pipeline=2.0, pipeline1=1.0).measure([OURS, THEIRS])
    assert [(c.name, c.batch) for c in found.systems] == [("ours", None), ("pipeline, batch 1 (default)", 1)]


def test_reports_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Bank(monkeypatch, tagger=0.5).measure([OURS], reports=10)
    assert (found.reports, found.reports_a_turn) == (4, 10)
    assert found.systems[0].reports_a_second.median == 2.0
    assert found.systems[0].words_a_second.median == 6.0


def test_fresh_processes_stand_beside_or_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = Bank(monkeypatch, tagger=0.5, spacy=1.0)
    ours, spacy = bank.measure([OURS, SPACY], scale=(8,)).systems
    assert ours.cold is not None
    assert ours.cold.first.median == 2.0
    assert ours.cold.times_as_fast["spaCy"].median == 1.0
    assert [row.reports for row in ours.scaled] == [8]
    assert spacy.scaled == ()
    assert bank.measure([OURS], cold=False).systems[0].cold is None


def test_a_system_that_answers_too_little_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(_: System) -> Reader:
        return lambda texts: ([] for _, _ in zip(range(5), texts, strict=False))

    bank = Bank(monkeypatch, tagger=0.5)
    monkeypatch.setattr(System, "open", opened)
    with pytest.raises(AssertionError, match="5 of 10 reports were answered"):
        bank.measure([OURS], reports=10)


SHORT = Reports("x", (Document("a", "police near goma"),), labeled=False)
LONG = Reports("x", (Document("a", "police near goma " * 40),), labeled=False)


@pytest.fixture(autouse=True)
def no_spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "spacy_is_there", lambda: False)


def test_ours_come_first_a_precision_each_then_the_pipeline(checkpoint_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "exported"
    shutil.copytree(checkpoint_folder, other)
    found, notes = list_systems(checkpoint_folder, [other], ["auto", "fp32", "auto"], "cpu", SHORT)
    names = [system.name for system in found]
    assert names == ["Tagger model", "Tagger model, fp32", "Tagger exported", "pipeline"]
    assert [system.precision for system in found] == ["auto", "fp32", "auto", "auto"]
    assert found[-1].stride == 0
    assert len(notes) == 1
    assert "pip install spacy" in notes[0]


def test_a_text_longer_than_the_window_gives_the_pipeline_a_stride(checkpoint_folder: Path, tagger: Tagger) -> None:
    for data in (SHORT, LONG):
        found, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", data)
        long = not all(tagger.fit_one_window(data.texts))
        assert (found[-1].stride > 0) == long == any("stride" in note for note in notes)


def test_a_form_that_transformers_cannot_load_has_no_pipeline(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagging, "pipeline_can_load", lambda _: False)
    found, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert [system.kind for system in found] == ["tagger"]
    assert notes[0].startswith("transformers.pipeline is not measured: ")
    assert notes[0].endswith(f"model has no {PIPELINE_WEIGHTS}")
    assert found[0].device == "auto"  # it says itself what it computes on


def test_spacy_takes_part_where_it_is(checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "spacy_is_there", lambda: True)
    found, notes = list_systems(checkpoint_folder, [], ["auto"], "cpu", SHORT)
    assert found[-1].name == "spaCy en_core_web_sm"
    assert "its own labels" in notes[-1]


def test_a_folder_named_twice_is_refused(checkpoint_folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="model is named twice"):
        list_systems(checkpoint_folder, [checkpoint_folder / ".." / checkpoint_folder.name], ["auto"], "cpu", SHORT)


def test_tokens_are_the_texts_own(checkpoint_folder: Path) -> None:
    # "police", "near" and "goma" are in the vocabulary; the file's truncation and padding to 16 are not obeyed.
    assert count_tokens(checkpoint_folder, [*SHORT.texts, *LONG.texts]) == [3, 120]
    encoder = Workload.of(Checkpoint.load(checkpoint_folder), SHORT.texts)
    assert encoder.tokens == 3
    assert encoder.labels == ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
    assert encoder.layers[32, 9] == 1
