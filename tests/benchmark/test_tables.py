"""The results of a benchmark as tables, Markdown and JSON: the same figures in each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conflict_ner.benchmark.results import TaggingBenchmark
from conflict_ner.benchmark.tables import (
    format_ratio,
    format_spread,
    show,
    tagging_grids,
    tradeoff_grid,
    tradeoff_points,
    training_grids,
    write_tradeoff_chart,
)
from conflict_ner.benchmark.timing import Spread
from conflict_ner.errors import BenchmarkError
from conflict_ner.reporting.charts import TradeoffPoint
from helpers.benchmarks import BOTH, TRAINING, benchmark, spread, system


def test_figures_have_their_quartiles_unless_these_equal_the_median() -> None:
    assert format_spread(spread(2000)) == "2,000 (1,800-2,200)"
    assert format_spread(Spread(median=5, low=5, high=5)) == "5"
    assert [format_ratio(Spread(median=x, low=x, high=x)) for x in (0.5, 12.34, 1234.5)] == ["0.50", "12.3", "1,234"]
    assert format_ratio(None) == ""


def test_the_tables_have_a_row_for_each_system_and_a_cell_for_each_heading() -> None:
    tables = list(tagging_grids(BOTH))
    assert [grid.title.split(",")[0].split(" on ")[0] for grid in tables] == [
        "speed",
        "times as fast as",
        "share of the limit",
        "the limit: the encoder's matrix products alone",
        "a fresh process",
        "first report",
        "reports from a generator",
    ]
    assert all(len(row) == len(grid.headings) for grid in tables for row in grid.rows)
    speed, times, share, limit, fresh, _, growth = tables
    assert speed.rows[0] == ("ours", "2,000 (1,800-2,200)", "20.0 (18.0-22.0)", "87.5", "23.0")
    assert speed.rows[1][-2:] == ("n/a", "23.0")
    assert times.headings == ("system", "spaCy")
    assert times.rows == (("ours", "2.00 (1.80-2.20)"), ("spaCy", ""))
    assert share.rows[0][1] == "50.0 (45.0-55.0)"
    assert limit.rows[0][3:] == ("100 (90-110)", "by hand")
    assert fresh.rows[0] == ("ours", "1.50 (1.35-1.65)", "500")
    assert growth.rows == (("ours", "1,000", "1,900", "19.0", "600"),)


def test_the_tradeoff_is_relative_to_the_pipeline_as_it_comes_and_the_quickest_is_first() -> None:
    pipeline = system("pipeline, batch 1", "pipeline", "ours").model_copy(update={"batch": 1})
    ours = system("Tagger ours", "tagger", "pipeline, batch 1")
    grid = tradeoff_grid(benchmark(pipeline, ours))
    assert grid.headings == ("system", "strict F1", "times pipeline, batch 1", "MB on disk", "first report in s")
    assert grid.rows == (
        ("Tagger ours", "87.5", "2.00 (1.80-2.20)", "23.0", "1.50 (1.35-1.65)"),
        ("pipeline, batch 1", "n/a", "1.00", "23.0", "1.50 (1.35-1.65)"),
    )
    points, axis = tradeoff_points(benchmark(pipeline, ours))
    assert points == [TradeoffPoint("ours", 2.0, 0.875, "tagger", "23.0 MB, 1.5 s")]  # the pipeline has no score here
    assert "multiple of transformers.pipeline" in axis


def test_without_the_pipeline_the_tradeoff_has_words_a_second() -> None:
    bare = system("ours", "tagger", "spaCy", cold=False).model_copy(update={"disk": None})
    assert tradeoff_grid(benchmark(bare)).rows == (("ours", "87.5", "2,000 (1,800-2,200)", "n/a", ""),)
    points, axis = tradeoff_points(benchmark(bare))
    assert (points[0].speed, points[0].cost, axis) == (2000, "", "words a second (log scale)")


def test_a_chart_needs_a_score(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no system has a score to draw"):
        write_tradeoff_chart(benchmark(system("spaCy", "spacy", "ours")), tmp_path / "chart.svg")
    assert not list(tmp_path.iterdir())


def test_other_forms_are_compared_with_the_first() -> None:
    two = benchmark(system("ours", "tagger", "onnx"), system("onnx", "tagger", "ours"))
    assert list(tagging_grids(two))[1].headings == ("system", "ours")
    alone = benchmark(system("ours", "tagger", "x", cold=False))
    assert len(list(tagging_grids(alone))) == 3  # no other system, no fresh process


def test_training_shows_each_seed() -> None:
    tables = list(training_grids(TRAINING))
    assert tables[0].rows == (("ours", "900 (810-990)"),)
    assert tables[1].title == "trained in full, 4 epochs, seed 7, 8"
    assert tables[1].rows == (("ours", "100, 120", "86.0, n/a"),)
    untrained = TRAINING.model_copy(update={"seeds": ()})
    assert len(list(training_grids(untrained))) == len(tables) - 1
    assert all(len(row) == len(grid.headings) for grid in tables for row in grid.rows)


def test_markdown_has_every_table_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    show(BOTH, TRAINING, as_markdown=True)
    out = capsys.readouterr().out
    assert "| ours | 2,000 (1,800-2,200) | 20.0 (18.0-22.0) | 87.5 | 23.0 |" in out
    assert "**training as default.yaml says: a turn is an epoch over 100 reports, 20,000 tokens**" in out
    assert "[red]CPU (avx2), 4 cores, 2 used, A GPU; on cuda; Linux x86_64; python 3.11." in out
    assert "Medians of 5 rounds in turn" in out
    assert "spaCy is not measured" in out


def test_a_terminal_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(BOTH, None)
    out = capsys.readouterr().out
    assert "[b]data" in out
    assert "[red]CPU" in out
    assert "2,000 (1,800-2,200)" in out


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    show(BOTH, None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["training"] is None
    assert TaggingBenchmark.model_validate(found["tagging"]) == BOTH
