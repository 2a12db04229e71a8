"""What is said of a long job: counts as they are, a speed only where there is one."""

from __future__ import annotations

import pytest
from conflict_ner.cli.tag_progress import rates, shown, summary
from conflict_ner.inference.files.resumable_job import JobCounts


def test_one_line_says_what_was_done() -> None:
    assert summary(JobCounts(1, 1, 0, 10), 0, 2.0) == (
        "tagged 1 report: 1 mention, 0 reports without one; 2.0 s (0 reports/s, 5 words/s)"
    )
    said = summary(JobCounts(30_000, 2, 7, 900), 3, 10.0, before=JobCounts(10_000, 0, 0, 300))
    assert "tagged 30,000 reports: 2 mentions, 7 reports without one; 10,000 of them before" in said
    assert said.endswith("; 3 inputs or rows left out; 10.0 s (2,000 reports/s, 60 words/s)")
    assert "\n" not in said


def test_no_time_has_no_speed() -> None:
    assert rates(1, 1, 0.0) == ""
    assert summary(JobCounts(), 0, 0.0) == "tagged 0 reports: 0 mentions, 0 reports without one; 0.0 s"


@pytest.mark.parametrize("total", [100, None])
def test_a_bar_is_drawn_only_where_it_is_seen(total: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    with shown(total, visible=False) as watch:
        watch(JobCounts(1), 50)
    assert capsys.readouterr() == ("", "")
    with shown(total, visible=True) as watch:
        watch(JobCounts(1), 50)
    assert capsys.readouterr().out == ""
