"""What the checkout ships: configs that run as they are, data that is what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from conflict_ner.config import load_config
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats import jsonl, markup
from conflict_ner.data.label_levels import NUMBER_KINDS, resolve_labels
from conflict_ner.data.silver import divide_gold_and_silver
from conflict_ner.evaluation.annotators.agreement import agree_files
from conflict_ner.reporting import agreement_tables, tables

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
BENCHMARKS = sorted((ROOT / "configs" / "benchmarks").glob("*.yaml"))
FILES = sorted((ROOT / "data").rglob("*.md"))
LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
KINDS = tuple(f"NUMBER.{kind}" for kind in NUMBER_KINDS)

any_config = pytest.mark.parametrize("file", CONFIGS + BENCHMARKS, ids=[file.stem for file in CONFIGS + BENCHMARKS])
each_benchmark = pytest.mark.parametrize("file", BENCHMARKS, ids=[file.stem for file in BENCHMARKS])
each_config = pytest.mark.parametrize("file", CONFIGS, ids=[file.stem for file in CONFIGS])


@pytest.fixture(scope="module")
def typed() -> Corpus:
    """All of data/ with the kinds of numbers; any problem, or a conflict in two splits, is an error."""
    return corpus.load(corpus.find_splits(ROOT / "data"), (*LABELS[:3], *KINDS), group="theatre")


@pytest.fixture(scope="module")
def shipped(typed: Corpus) -> Corpus:
    """The same at the first level."""
    return replace(typed, splits={split: resolve_labels(typed[split], LABELS) for split in typed.splits})


@pytest.fixture(scope="module")
def documents(shipped: Corpus) -> list[Document]:
    return list(shipped.documents)


def test_configs_are_shipped() -> None:
    assert "default" in [file.stem for file in CONFIGS]
    assert [file.stem for file in BENCHMARKS] == ["cameo", "re3d"]


@each_config
def test_a_shipped_config_names_only_what_is_there(file: Path) -> None:
    config = load_config(file)
    named = [*config.data.train, *config.data.validation, *config.data.test]
    assert [path for path in named if not path.exists() or not path.is_relative_to(ROOT)] == []
    # Checkpoints that a run begins with are made by other shipped configs, which its header names.
    checkpoints = [*config.training.teacher, *config.training.average_with]
    checkpoints += [Path(config.encoder)] if Path(config.encoder).is_absolute() else []
    makers = {load_config(other).output: other.name for other in CONFIGS if other != file}
    header = file.read_text(encoding="utf-8").partition("\n\n")[0]
    assert [path for path in checkpoints if f"configs/{makers.get(path)}" not in header] == []
    assert config.output.is_relative_to(ROOT)


@each_benchmark
def test_a_benchmark_is_read_from_where_git_ignores_it(file: Path) -> None:
    config = load_config(file)
    named = [*config.data.train, *config.data.validation, *config.data.test]
    assert {path.parent for path in named} == {ROOT / "benchmarks" / file.stem}
    assert "/benchmarks/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert config.output == ROOT / "models" / file.stem
    assert config.data.test


@any_config
def test_a_shipped_config_begins_with_how_to_run_it(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    header = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    assert any(f"conflict-ner train {file.relative_to(ROOT)}" in line for line in header)


def test_shipped_configs_do_not_write_over_each_other() -> None:
    outputs = [load_config(file).output for file in CONFIGS + BENCHMARKS]
    assert len(set(outputs)) == len(outputs)


def test_the_shipped_data_has_every_label_in_every_split(shipped: Corpus) -> None:
    for split in shipped.splits:
        assert set(shipped.counts(split)) == set(LABELS)


def test_the_shipped_data_is_as_large_as_promised(shipped: Corpus, documents: list[Document]) -> None:
    counts = sum((shipped.counts(split) for split in shipped.splits), Counter[str]())
    assert len(documents) >= 1_000
    assert sum(len(document.text.split()) for document in documents) >= 90_000
    assert counts.total() >= 15_000
    assert counts["WEAPON"] >= 2_200
    assert counts["NUMBER"] >= 2_500


def test_the_shipped_data_is_as_varied_as_promised(shipped: Corpus, documents: list[Document]) -> None:
    lengths = [len(document.text.split()) for document in documents]
    assert min(lengths) <= 10
    assert max(lengths) >= 600
    assert sum(not document.mentions for document in documents) >= 20
    assert len({document.metadata["genre"] for document in documents}) >= 12
    assert len({document.metadata["theatre"] for document in documents}) >= 24
    assert len({document.metadata["theatre"] for document in shipped["test"]}) >= 5


def test_every_shipped_report_says_what_it_is(documents: list[Document]) -> None:
    assert {document.metadata.get("source") for document in documents} == {"synthetic"}
    assert {document.metadata.get("licence") for document in documents} == {"CC-BY-4.0"}
    assert all(isinstance(document.metadata.get("year"), int) for document in documents)


def test_no_conflict_of_validation_or_test_stands_elsewhere(typed: Corpus) -> None:
    """The field `theatre` is what the load groups by; `release` tells of held-out conflicts too and says so."""
    held_out = {document.metadata["theatre"] for split in ("validation", "test") for document in typed[split]}
    elsewhere = [
        document
        for split in typed.splits
        if split not in ("validation", "test", "release")
        for document in typed[split]
    ]
    settings = {document.metadata.get("setting", document.metadata["theatre"]) for document in elsewhere}
    assert len(held_out) >= 12
    assert not held_out & settings
    assert {document.metadata["setting"] for document in typed["release"]} >= held_out


def test_the_data_card_says_what_the_command_counts(shipped: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    tables.show_counts(shipped.summary(LABELS), LABELS, as_markdown=True)
    assert capsys.readouterr().out in (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def test_the_data_card_says_how_far_two_labelings_agree() -> None:
    folder = ROOT / "docs" / "agreement"
    report = agree_files([folder / "first.md", folder / "second.md"], LABELS).report
    assert report.documents >= 80
    assert agreement_tables.markdown(report) in (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def test_the_data_card_says_how_many_numbers_count_what_and_how_far_two_readers_agree(typed: Corpus) -> None:
    card = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    for split in typed.splits:
        counts = typed.counts(split)
        assert f"| {split} | {' | '.join(f'{counts[kind]:,}' for kind in KINDS)} |\n" in card
    folder = ROOT / "docs" / "agreement"
    report = agree_files([folder / "numbers-first.md", folder / "numbers-second.md"], KINDS).report
    assert {one.mentions for one in report.annotators.values()} == {300}
    assert agreement_tables.markdown(report) in card


def test_the_shipped_data_survives_a_journey_through_both_forms(documents: list[Document]) -> None:
    gold, silver = divide_gold_and_silver(documents)
    chosen = [*gold, *silver[::10]]
    there, _ = jsonl.parse(jsonl.dump(chosen), "f")
    assert there == chosen
    assert markup.parse(markup.dump(there), "f") == (chosen, [])
