"""The scripts in examples/ run as their headers say, with an encoder in miniature."""

from __future__ import annotations

import csv
import json
import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import conflict_ner
import pytest
from conflict_ner import Checkpoint, Config, Entity, Tagger, load_corpus
from conflict_ner.config import dump_config
from conflict_ner.inference.incidents import CASUALTIES
from helpers.runs import REPORTS, make_config

EXAMPLES = Path(__file__).parents[1] / "examples"
README = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
TEXTS = [
    ("Ada went to Turin by the night train.", "Ada", "Turin"),
    ("In Lagos, nobody had heard of Chidi before.", "Chidi", "Lagos"),
    ("The letter that Mira wrote never left Oslo.", "Mira", "Oslo"),
    ("Quito is where Luis learned to cook.", "Luis", "Quito"),
    ("Far from Hanoi, Thu slept badly that week.", "Thu", "Hanoi"),
]


def run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> str | int | None:
    """Run a script as `python examples/NAME` does; the message or code that it exits with, None if it does not."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    try:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    except SystemExit as exit_:
        return exit_.code
    return None


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_a_script_is_short_and_its_header_says_how_to_run_it(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    assert f"\n    python examples/{script.name} " in source.partition('"""\n\nfrom')[0]
    assert f"(examples/{script.name})" in README


@pytest.mark.parametrize("name", ["train_from_python.py", "tag_dataframe.py"])
def test_without_arguments_a_script_says_how_to_run_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert f"python examples/{name} " in str(run(monkeypatch, name))


@pytest.mark.usefixtures("verified_here")
def test_train_from_python(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(dump_config(make_config(tmp_path, encoder_folder, reports_file), tmp_path), encoding="utf-8")
    # With so few epochs it knows little: the figures are there, whatever they are.
    code = run(monkeypatch, "train_from_python.py", config, reports_file, "training.epochs=2", f"output={tmp_path}/m")
    assert code is None
    assert len(Checkpoint.load(tmp_path / "m").manifest.history) == 2
    assert re.search(r"^all: F1 \d+\.\d \(95 %: \d+\.\d-\d+\.\d\), 13 mentions$", capsys.readouterr().out, re.MULTILINE)


def test_a_script_ends_with_our_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = f"error: {tmp_path / 'none.yaml'} is not valid:"
    assert str(run(monkeypatch, "train_from_python.py", tmp_path / "none.yaml", tmp_path)).startswith(message)
    missing = run(monkeypatch, "custom_labels.py", tmp_path / "none.jsonl", tmp_path / "model", "PERSON")
    assert "none.jsonl: no such file or folder" in str(missing)


def test_tag_dataframe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, checkpoint_folder: Path
) -> None:
    text = REPORTS.partition("wire story\n\n")[2].partition("\n")[0]
    body = re.sub(r"\[([^]]+)\]\([A-Z]+\)", r"\1", text)
    table = tmp_path / "reports.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "body"), ("a", ""), ("b", body)])
    assert run(monkeypatch, "tag_dataframe.py", checkpoint_folder, table, "body", tmp_path / "entities.csv") is None
    assert capsys.readouterr().out.startswith("4 entities in 2 reports\n")
    with (tmp_path / "entities.csv").open(encoding="utf-8", newline="") as stream:
        entities = list(csv.DictReader(stream))
    assert {entity["row"] for entity in entities} == {"1"}
    assert [(entity["label"], entity["text"]) for entity in entities][:2] == [
        ("NUMBER", "At least 19"),
        ("ACTOR", "fighters"),
    ]
    assert all(body[int(entity["start"]) : int(entity["end"])] == entity["text"] for entity in entities)


def test_casualties_by_province(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "incidents.csv"
    header = ["id", *(f"{kind}_{bound}" for kind in CASUALTIES for bound in ("low", "value", "high")), "province"]
    rows = [("a", "19", "19", "", *[""] * 9, "Darfur"), ("b", "2", "3", "5", "4", "4", "4", *[""] * 6, "Darfur")]
    rows += [("c", "1", "1", "1", *[""] * 9, "Kordofan"), ("d", *[""] * 12, "Nile")]
    rows += [("e", "1", "1", "1", *[""] * 6, "1234567", "1234567", "1234567", "")]
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    assert run(monkeypatch, "casualties_by_province.py", file, "province") is None
    printed = {row["province"]: row for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    assert list(printed) == ["Darfur", "Kordofan", "Nile", ""]  # reports without a province are not lost
    assert printed[""]["displaced_low"] == "1234567"
    sums = [printed["Darfur"][f"{kind}_{bound}"] for kind in ("killed", "injured") for bound in ("low", "high")]
    assert sums == ["21", "", "4", "4"]  # "at least 19" leaves the sum open above
    assert printed["Kordofan"]["killed_high"] == "1"
    assert "no column 'city'" in str(run(monkeypatch, "casualties_by_province.py", file, "city"))
    assert "none.csv" in str(run(monkeypatch, "casualties_by_province.py", tmp_path / "none.csv", "city"))


def test_nearest_casualty_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    labels = ("NUMBER.killed", "NUMBER.injured", "NUMBER.money", "NUMBER.other")
    text = "Police said 3 were killed and 14 wounded. It cost $5 million, and 6 houses burned."
    kinds = {"3": labels[0], "14": labels[1], "$5 million": labels[2], "6": labels[3]}
    found = [
        Entity(kind, words, text.index(words), text.index(words) + len(words), 1.0) for words, kind in kinds.items()
    ]
    found[1] = replace(found[1], label="NUMBER.killed")
    file = tmp_path / "r.md"
    for words, kind in kinds.items():
        text = text.replace(f" {words} ", f" [{words}]({kind}) ").replace(f" {words},", f" [{words}]({kind}),")
    file.write_text(f"=== r\n\n{text}\n", encoding="utf-8")
    tagger = SimpleNamespace(labels=labels, tag=lambda texts: [found for _ in texts])
    monkeypatch.setattr(Tagger, "load", lambda _: tagger)
    assert run(monkeypatch, "nearest_casualty_word.py", "models/casualties", file) is None
    rows = capsys.readouterr().out.splitlines()[2:]
    assert rows == [
        "| killed | 1 | 66.7 | 100.0 |",
        "| injured | 1 | 0.0 | 100.0 |",
        "| money | 1 | 100.0 | 100.0 |",
        "| other | 1 | 100.0 | 100.0 |",
    ]
    monkeypatch.setattr(Tagger, "load", lambda _: SimpleNamespace(labels=("ACTOR", "NUMBER")))
    assert "does not know what numbers count" in str(run(monkeypatch, "nearest_casualty_word.py", "models/x", file))


def test_learning_curve(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
) -> None:
    """With what would take hours replaced: a model's score is the number of reports that it was trained on."""
    pytest.importorskip("matplotlib")
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.md")
    reports = [
        f"=== n-{k}\n\n[Rebels](ACTOR) took {k} carts, and so the road was shut for day {k}.\n" for k in range(32)
    ]
    (tmp_path / "train.md").write_text("\n".join(reports), encoding="utf-8")
    config = config.model_copy(update={"data": config.data.model_copy(update={"test": (reports_file,)})})
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    trained: dict[str, list[str]] = {}

    def train(run: Config, *, resume: bool) -> SimpleNamespace:
        trained[run.output.name] = [report.id for report in load_corpus(run.data.train[0])["data"]]
        return SimpleNamespace(folder=run.output)

    def choose_next(folder: Path, texts: list[str], count: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(id=len(texts) - 1 - k) for k in range(count)]  # the last ones, not the first

    def evaluate(folder: Path, _: object) -> SimpleNamespace:
        f1 = len(trained[folder.name]) / 100
        return SimpleNamespace(report=SimpleNamespace(strict=SimpleNamespace(micro=SimpleNamespace(f1=f1))))

    for function in (train, choose_next, evaluate):
        monkeypatch.setattr(conflict_ner, function.__name__, function)
    assert run(monkeypatch, "learning_curve.py", tmp_path / "run.yaml", tmp_path / "curve") is None
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    assert [(way, int(count)) for way, seed, count, _ in rows if seed == "8"] == [
        (way, count) for way in ("random", "next") for count in (2, 4, 8, 16, 32)
    ]
    assert all(float(f1) == int(count) / 100 for _, _, count, f1 in rows)
    assert set(trained["first-0.0625-seed7"]) < set(trained["next-0.125-seed7"]) < set(trained["next-0.25-seed7"])
    assert set(trained["random-0.25-seed7"]) != set(trained["next-0.25-seed7"])
    assert set(trained["first-0.0625-seed7"]) != set(trained["first-0.0625-seed8"])
    assert (tmp_path / "curve" / "curve.svg").is_file()
    (tmp_path / "curve" / "first-0.0625-seed7").mkdir()
    monkeypatch.setattr(conflict_ner.Checkpoint, "load", lambda _: SimpleNamespace(config=lambda: None))
    refusal = run(monkeypatch, "learning_curve.py", tmp_path / "run.yaml", tmp_path / "curve")
    assert "was trained with other settings" in str(refusal)


def test_few_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, encoder_folder: Path
) -> None:
    """With training and scoring replaced: a model's score is the number of reports that it was trained on."""
    config = make_config(tmp_path, encoder_folder, tmp_path / "train.md")
    rare = "[Rebels](ACTOR) took [two](NUMBER) [rifles](WEAPON) near [Oslo](LOCATION)"
    reports = [f"=== n-{k}\n\n{rare if k % 40 == 0 else 'Nothing came'} on day {k}.\n" for k in range(240)]
    (tmp_path / "train.md").write_text("\n".join(reports), encoding="utf-8")
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    trained: dict[str, list[str]] = {}

    def train(run: Config, *, resume: bool) -> SimpleNamespace:
        documents = load_corpus(run.data.train[0])["data"]
        trained[run.output.name] = [report.id for report in documents]
        assert {mention.label for report in documents for mention in report.mentions} == set(run.labels)
        assert (run.encoder, run.training.learning_rate) == ("minilm", 0.06)
        return SimpleNamespace(folder=run.output)

    def evaluate(folder: Path, _: object) -> SimpleNamespace:
        f1 = len(trained[folder.name]) / 1000
        return SimpleNamespace(report=SimpleNamespace(strict=SimpleNamespace(micro=SimpleNamespace(f1=f1))))

    for function in (train, evaluate):
        monkeypatch.setattr(conflict_ner, function.__name__, function)
    arguments = (tmp_path / "run.yaml", tmp_path / "few", "minilm", "training.learning_rate=0.06")
    assert run(monkeypatch, "few_reports.py", *arguments) is None
    assert capsys.readouterr().out.splitlines() == [
        "encoder,reports,mean,deviation,7,8,9",
        "minilm,25,2.5,0.0,2.5,2.5,2.5",
        "minilm,50,5.0,0.0,5.0,5.0,5.0",
        "minilm,100,10.0,0.0,10.0,10.0,10.0",
        "minilm,200,20.0,0.0,20.0,20.0,20.0",
    ]
    assert set(trained["minilm-25-seed7"]) < set(trained["minilm-50-seed7"])
    assert set(trained["minilm-25-seed7"]) != set(trained["minilm-25-seed8"])
    (tmp_path / "few" / "minilm-25-seed7").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(conflict_ner.Checkpoint, "load", lambda _: SimpleNamespace(config=lambda: None))
        assert "was trained with other settings" in str(run(monkeypatch, "few_reports.py", *arguments))
    (tmp_path / "few" / "minilm-25-seed7").rmdir()
    (tmp_path / "train.md").write_text("\n".join(reports).replace("[Oslo](LOCATION)", "Oslo"), encoding="utf-8")
    assert "hardly any 25 hold all of ACTOR, LOCATION" in str(run(monkeypatch, "few_reports.py", *arguments))


@pytest.mark.usefixtures("verified_here")
def test_custom_labels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, encoder_folder: Path
) -> None:
    data = tmp_path / "labeled.jsonl"
    with data.open("w", encoding="utf-8") as stream:
        for text, person, place in TEXTS:
            spans = [(text.index(name), text.index(name) + len(name)) for name in (person, place)]
            labeled = zip(spans, ("PERSON", "PLACE"), strict=True)
            entities = [{"start": start, "end": end, "label": label} for (start, end), label in labeled]
            stream.write(json.dumps({"id": person, "text": text, "entities": entities}) + "\n")
    code = run(monkeypatch, "custom_labels.py", data, tmp_path / "m", "PERSON", "PLACE", "--encoder", encoder_folder)
    assert code is None
    assert "mentions: {'PERSON': 5, 'PLACE': 5}\nF1 on the texts kept out: " in capsys.readouterr().out
    manifest = Checkpoint.load(tmp_path / "m").manifest
    assert manifest.labels == ("PERSON", "PLACE")
    assert manifest.data["validation"].documents == 1
