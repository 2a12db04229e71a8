"""A job is known again by its inputs and options."""

from __future__ import annotations

import os
from pathlib import Path

from conflict_ner.inference.files.jobfacts import differences, facts_of


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\n")
    facts = facts_of([file, tmp_path / "none"], column="text")
    assert differences(facts, facts_of([file, tmp_path / "none"], column="text")) == []
    assert facts["inputs"][1] == [str(tmp_path / "none"), None, None]
    os.utime(file, ns=(1, 1))
    assert [p.where for p in differences(facts, facts_of([file, tmp_path / "none"], column="text"))] == [str(file)]


def test_of_many_differences_the_first_are_said() -> None:
    then = {"inputs": [[f"{n}.txt", 1, 1] for n in range(1000)]}
    problems = differences(then, {"inputs": []})
    assert [problem.where for problem in problems] == [f"{n}.txt" for n in range(10)]
