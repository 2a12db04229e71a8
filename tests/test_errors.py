"""Problems of one kind are one message, however often they are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.errors import DataError, Problem, ProblemLog, describe_problems


def test_four_unknown_labels_are_four_messages_with_five_places_and_a_count(tmp_path: Path) -> None:
    file = tmp_path / "reports.md"
    text = "[He](PER) of [Acme](ORG) came to [Rome](LOC) on [Monday](DATE)."
    file.write_text("".join(f"=== r{n}\n\n{n} {text}\n\n" for n in range(100)), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        corpus.load({"data": [file]}, ["ACTOR"], strict=True)
    head, *messages = str(caught.value).split("\n")
    assert head == "400 problems in the data:"
    assert len(caught.value.problems) == 400
    assert [label for message in messages for label in ("PER", "ORG", "LOC", "DATE") if label in message] == [
        "PER",
        "ORG",
        "LOC",
        "DATE",
    ]
    assert all("(100 places; the next: " in message and message.count("reports.md:") == 5 for message in messages)
    assert messages[0].strip().startswith(f"{file}:3:3: 'He' (PER, 2:4) has an unknown label")


def test_different_faults_are_all_listed_in_the_order_of_their_places() -> None:
    problems = [
        Problem("b.md:10", "no text"),
        Problem("a.md:2:11", "no end"),
        Problem("b.md:9:2", "no text"),
        Problem("b.md:9:1", "no id"),
    ]
    assert describe_problems(problems) == [
        "b.md:9:1: no id",
        "b.md:9:2: no text (2 places; the next: b.md:10)",
        "a.md:2:11: no end",
    ]


def test_numbers_do_not_make_another_kind_but_quoted_words_do() -> None:
    problems = [
        Problem("a:1", "3 columns, 2 before"),
        Problem("a:2", "14 columns, 2 before"),
        Problem("a:3", "'id' missing"),
    ]
    assert len(describe_problems(problems)) == 2


def test_too_many_kinds_are_cut_and_counted() -> None:
    messages = describe_problems(
        Problem(f"a.md:{n}", f"the word {chr(0x410 + n)!r}") for n in range(60) for _ in range(2)
    )
    assert len(messages) == 51
    assert messages[-1] == "and 10 more kinds of problem, in 20 places"


def test_a_long_job_shows_the_first_of_each_kind_and_counts_the_rest() -> None:
    shown: list[str] = []
    log = ProblemLog(shown.append)
    for line in range(1000):
        log(Problem(f"a.csv:{line}", "no text"))
    log(Problem("a.csv:1000", "no id"))
    assert len(shown) == 6
    log.show_rest()
    assert shown[6:] == ["error: a.csv:5: no text, and 994 more places"]
    assert log.count == 1001
