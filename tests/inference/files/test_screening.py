"""Reports with repeated ids and texts in unknown scripts are counted; options make ids unique and skip texts."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.inference.files.screening import HashSet, Ids, OtherScripts
from conflict_ner.inference.files.sources import Source
from conflict_ner.inference.tagger import Tagger
from helpers.archives import write
from helpers.command import conflict_ner

Captured = pytest.CaptureFixture[str]
ROWS = [("a", "Rebels left Goma."), ("b", "Повстанцы ушли."), ("a", "Police came."), ("c", "Они пришли."), ("a", "x")]


def test_a_set_of_hashes_is_a_set() -> None:
    dice = random.Random(0)
    texts = [str(dice.randrange(20_000)) for _ in range(30_000)]
    ours, expected = HashSet(), set[str]()
    for text in texts:
        assert ours.add(text) == (text not in expected)
        expected.add(text)
    assert len(ours._slots) * 8 <= 24 * len(expected)


def test_made_ids_are_distinct_also_from_those_that_look_like_them() -> None:
    original_ids = ["a", "a#2", "a", "a#2", "a", 7, "7", {"k": 1}, {"k": 1}]
    ids = Ids(unique=True)
    unique_ids = [source.id for source in ids.watch(Source(report_id, "") for report_id in original_ids)]
    assert unique_ids == ["a", "a#2", "a#3", "a#2#2", "a#4", 7, "7#2", {"k": 1}, '{"k": 1}#2']
    assert (ids.repeated, ids.first) == (5, "a")
    plain = Ids()
    assert [source.id for source in plain.watch(Source(report_id, "") for report_id in original_ids)] == original_ids


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    lines = (json.dumps({"id": key, "text": text}) + "\n" for key, text in ROWS)
    return write(tmp_path / "r.jsonl", "".join(lines))


@pytest.fixture(autouse=True)
def loaded(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_: tagger)


def test_a_checkpoint_records_the_scripts_of_its_training(checkpoint_folder: Path) -> None:
    manifest = Checkpoint.load(checkpoint_folder).manifest
    assert manifest.scripts == manifest.known_scripts == ("Latin",)
    old = manifest.model_copy(update={"scripts": None})
    assert old.known_scripts == ()
    assert old.model_copy(update={"encoder": "sentence-transformers/all-MiniLM-L6-v2"}).known_scripts == ("Latin",)
    assert old.model_copy(update={"encoder": "bert-base-multilingual-uncased"}).known_scripts == ()


def test_what_is_doubtful_is_counted_in_warnings(checkpoint_folder: Path, rows: Path, capsys: Captured) -> None:
    code, out, err = conflict_ner(capsys, "tag", checkpoint_folder, rows)
    assert (code, [json.loads(line)["id"] for line in out.splitlines()]) == (0, ["a", "b", "a", "c", "a"])
    warnings = [line for line in err.splitlines() if line.startswith("warning")]
    assert warnings[0] == "warning: report b is in a script that the model was not trained on"
    assert "2 reports have an id that an earlier one has, the first is a; --unique-ids" in warnings[1]
    assert "2 reports are not in Latin script, the first is b; " in warnings[2]
    assert len(warnings) == 3


def test_options_mend_it_also_in_a_resumed_job(
    tmp_path: Path, checkpoint_folder: Path, rows: Path, capsys: Captured
) -> None:
    out = tmp_path / "out.jsonl"
    command = ("tag", checkpoint_folder, rows, "--unique-ids", "--skip-other-scripts", "-o", out)
    code, _, err = conflict_ner(capsys, *command, "--resume")
    lines = out.read_text(encoding="utf-8").splitlines()
    assert (code, [json.loads(line)["id"] for line in lines]) == (0, ["a", "a#2", "a#3"])
    assert "2 reports are not in Latin script, the first is b; left out" in err


def test_a_model_of_another_script_is_not_warned_about_it() -> None:
    begun: list[object] = []
    scripts = OtherScripts(["Cyrillic"], begun.append)
    assert len(list(scripts.watch(Source(*row) for row in ROWS))) == 5
    assert (scripts.count, begun) == (3, ["a"])
    scripts = OtherScripts([], begun.append, skip=True)
    assert len(list(scripts.watch(Source(*row) for row in ROWS))) == 5
