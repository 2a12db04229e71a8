"""The commands take models that were trained elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conflict_ner.inference import tagger as tagger_module
from helpers.command import conflict_ner
from helpers.plain_models import make_plain_model

Captured = pytest.CaptureFixture[str]
MAP = ("--map", "PER=ACTOR,LOC=LOCATION", "--map", "MISC=")
CPU = ("--device", "cpu")
NOTE = "note: plain is a plain transformers model (BIO tags; read are PER as ACTOR, LOC as LOCATION; left out are MISC)"
GOLD = """\
=== g-1

[Rebels](ACTOR) left [Goma](LOCATION) with [two](NUMBER) [missiles](WEAPON).

=== g-2

[Police](ACTOR) in [Kabul](LOCATION) found [30 kg](NUMBER) of explosives.
"""


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plain_model(tmp_path_factory.mktemp("models") / "plain", "bert-cased")


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    file = tmp_path / "gold.md"
    file.write_text(GOLD)
    return file


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said in one test is to be said again in the next."""
    monkeypatch.setattr(tagger_module, "_said", set())


def test_tag_names_the_labels_and_says_once_what_was_not_verified(
    plain_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    report = tmp_path / "report.txt"
    report.write_text("Rebels left Goma near Kabul with missiles")
    code, out, err = conflict_ner(capsys, "tag", plain_folder, report, "--json", *MAP, *CPU)
    assert code == 0
    assert {entity["label"] for entity in json.loads(out)["entities"]} <= {"ACTOR", "LOCATION"}
    assert json.loads(out)["entities"]
    assert err.count(NOTE) == 1
    code, out, err = conflict_ner(capsys, "tag", plain_folder, report, "--json", "--map", "PRE=ACTOR", *CPU)
    assert (code, out) == (2, "")
    assert "--map PRE=ACTOR: the model has no label 'PRE'; did you mean PER?" in err


def test_incidents_need_no_config(plain_folder: Path, tmp_path: Path, capsys: Captured) -> None:
    report = tmp_path / "report.txt"
    report.write_text("Rebels left Goma near Kabul with missiles")
    code, out, err = conflict_ner(capsys, "tag", plain_folder, report, "--rows", "incidents", *MAP, *CPU)
    assert code == 0
    assert "actors" in json.loads(out)
    assert "this checkpoint does not know what numbers count" in err


def test_scores_hold_what_was_not_verified(plain_folder: Path, gold: Path, capsys: Captured) -> None:
    code, out, err = conflict_ner(capsys, "evaluate", plain_folder, gold, "--json", *MAP, *CPU)
    left_out = "not scored: 2 mentions of NUMBER, 1 mention of WEAPON; scored are ACTOR, LOCATION"
    assert (code, err.count(NOTE), err.count(left_out)) == (0, 1, 1)
    assert json.loads(out)["notes"] == [err.splitlines()[0].removeprefix("note: "), left_out]
    _, out, _ = conflict_ner(capsys, "evaluate", plain_folder, gold, "--markdown", "--labels", "ACTOR", *MAP, *CPU)
    assert "| ACTOR |" in out
    assert "| LOCATION |" not in out
    expected = "not scored: 2 mentions of LOCATION, 2 mentions of NUMBER, 1 mention of WEAPON; scored are ACTOR"
    assert out.endswith(f"\n\nNote: {expected}.\n")


def test_compare_takes_one_map(plain_folder: Path, checkpoint_folder: Path, gold: Path, capsys: Captured) -> None:
    code, out, err = conflict_ner(capsys, "compare", checkpoint_folder, plain_folder, gold, "--markdown", *MAP, *CPU)
    assert (code, err.count(NOTE)) == (0, 1)
    assert out.count(NOTE.removeprefix("note: ")) == 1
    assert "note: compared on ACTOR, LOCATION, the labels that both know" in err


@pytest.mark.usefixtures("verified_here")
def test_an_export_keeps_the_names_of_labels(plain_folder: Path, tmp_path: Path, capsys: Captured) -> None:
    out_folder, report = tmp_path / "adopted", tmp_path / "report.txt"
    report.write_text("Rebels left Goma near Kabul with missiles")
    code, _, err = conflict_ner(capsys, "export", plain_folder, out_folder, *MAP, *CPU)
    assert (code, err.count(NOTE)) == (0, 1)
    _, before, _ = conflict_ner(capsys, "tag", plain_folder, report, "--json", *MAP, *CPU)
    code, after, err = conflict_ner(capsys, "tag", out_folder, report, "--json", *CPU)
    assert (code, after) == (0, before)
    assert "plain transformers model" not in err


def test_a_resumed_job_has_the_same_map(plain_folder: Path, tmp_path: Path, capsys: Captured) -> None:
    report, out = tmp_path / "reports.jsonl", tmp_path / "out.jsonl"
    report.write_text('{"text": "Rebels left Goma"}\n{"text": 1}\n')
    (tmp_path / "out.jsonl.partial").touch()
    (tmp_path / "out.jsonl.progress").write_text(json.dumps({"label_map": {"PER": "ACTOR"}, "inputs": []}) + "\n")
    code, _, err = conflict_ner(capsys, "tag", plain_folder, report, "-o", out, "--resume", *MAP, *CPU)
    assert code != 0
    assert "label_map: was {'PER': 'ACTOR'} and is now {'PER': 'ACTOR', 'LOC': 'LOCATION', 'MISC': ''}" in err


def test_a_plain_model_is_measured_once_it_is_a_checkpoint(plain_folder: Path, gold: Path, capsys: Captured) -> None:
    code, _, err = conflict_ner(capsys, "benchmark", plain_folder, gold, *CPU)
    assert code == 3
    assert "plain has no manifest; make a checkpoint of it, `conflict-ner export" in err
