"""The summary and the progress bar of a job."""

from __future__ import annotations

import pytest
from conflict_ner.cli.tag_progress import format_speed, format_summary, show_progress
from conflict_ner.inference.files.resumable_job import JobCounts


def test_the_summary_is_one_line() -> None:
    assert format_summary(JobCounts(1, 1, 0, 10), 0, 2.0) == (
        "tagged 1 report: 1 mention, 0 reports without one; 2.0 s (0 reports/s, 5 words/s)"
    )
    line = format_summary(JobCounts(30_000, 2, 7, 900), 3, 10.0, before=JobCounts(10_000, 0, 0, 300))
    assert "tagged 30,000 reports: 2 mentions, 7 reports without one; 10,000 of them before" in line
    assert line.endswith("; 3 inputs or rows left out; 10.0 s (2,000 reports/s, 60 words/s)")
    assert "\n" not in line


def test_without_time_there_is_no_speed() -> None:
    assert format_speed(1, 1, 0.0) == ""
    assert format_summary(JobCounts(), 0, 0.0) == "tagged 0 reports: 0 mentions, 0 reports without one; 0.0 s"


@pytest.mark.parametrize("total", [100, None])
def test_a_bar_is_shown_only_where_it_is_visible(total: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(total, visible=False) as watch:
        watch(JobCounts(1), 50)
    assert capsys.readouterr() == ("", "")
    with show_progress(total, visible=True) as watch:
        watch(JobCounts(1), 50)
    assert capsys.readouterr().out == ""
