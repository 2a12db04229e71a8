"""All commands: what they print, where, and the exit codes that scripts rely on."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conflict_ner import __version__ as conflict_ner_version
from conflict_ner.cli import main
from conflict_ner.config import dump_config
from helpers.command import conflict_ner
from helpers.runs import make_config

HEAVY = {"torch", "transformers", "datasets", "numpy", "yaml", "seqeval"}  # not pydantic: typer imports it itself
COMMANDS = sorted(typer.main.get_command(main.app).commands)  # type: ignore[attr-defined]


def test_help_imports_no_heavy_library() -> None:
    code = """if True:
        import sys
        from conflict_ner.cli import main
        for command in sys.argv[1:]:
            sys.argv = ["conflict-ner", command, "--help"]
            try:
                main.main()
            except SystemExit as done:
                assert done.code == 0, command
        print(*sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code, *COMMANDS], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = conflict_ner(capsys, command, option)
    assert code == 0
    assert "Usage: conflict-ner " + command in out
    assert "bool" not in out  # a flag takes no value


def test_the_help_of_the_command_names_only_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "-h"):
        code, out, _ = conflict_ner(capsys, option)
        assert code == 0
        assert "bool" not in out
        purpose = out.partition("Options")[0].lower()
        assert "label," not in purpose
        assert all(verb in COMMANDS for verb in re.findall("check|train|evaluate|tag|convert|compare|label ", purpose))


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert conflict_ner(capsys, "--version") == (0, f"conflict-ner {conflict_ner_version}\n", "")


def test_check_counts_good_data(reports_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = conflict_ner(capsys, "check", reports_file, "--json")
    assert code == 0
    assert json.loads(out)["splits"]["data"]["labels"] == {"ACTOR": 3, "WEAPON": 3, "LOCATION": 3, "NUMBER": 4}
    assert conflict_ner(capsys, "check", reports_file)[0] == 0


def test_check_lists_all_problems_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.md").write_text("=== a\n\n[Rebels](ACTR) left [Goma.\n", encoding="utf-8")
    code, out, err = conflict_ner(capsys, "check", tmp_path)
    assert (code, out) == (1, "")
    assert "bad.md:3:1: " in err
    assert "did you mean ACTOR?" in err
    assert "bad.md:3:21: '[' is never closed" in err
    code, out, _ = conflict_ner(capsys, "check", tmp_path, "--json")
    assert code == 1
    assert [problem["where"].rpartition("bad.md")[2] for problem in json.loads(out)["problems"]] == [":3:21", ":3:1"]


def test_check_finds_one_report_in_two_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, name in (("train", "a"), ("test", "b")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "x.md").write_text(f"=== {name}\n\n[Rebels](ACTOR) left.\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", tmp_path)
    assert code == 1
    assert "(train and test)" in err


def test_check_of_a_config_checks_its_splits_with_its_labels(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    code, out, _ = conflict_ner(capsys, "check", tmp_path / "run.yaml", "--json")
    assert code == 0
    assert set(json.loads(out)["splits"]) == {"train", "validation"}


def test_check_refuses_what_train_refuses_in_a_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = "=== {0}\n\n[Rebels](ACTOR) left {0}.\n"
    (tmp_path / "t.md").write_text(report.format("t"), encoding="utf-8")
    (tmp_path / "v.md").write_text(report.format("v").replace("\n", "\nlabels: silver\n", 1), encoding="utf-8")
    config = tmp_path / "c.yaml"
    data = "labels: [ACTOR]\noutput: m\ndata: {train: [t.md], validation: [v.md]"
    config.write_text(data + "}\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", config)
    assert (code, "data.validation: the only report was labeled by a model" in err) == (1, True)
    config.write_text(data + ", unlabeled: [none.txt]}\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", config)
    assert (code, "data.unlabeled: nobody labels these texts" in err) == (2, True)


def test_check_refuses_a_config_with_a_wrong_label_of_numbers(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    text = dump_config(config, tmp_path).replace("number: null", "number: COUNT")
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", tmp_path / "run.yaml")
    assert code == 2
    assert "values.number: no label 'COUNT'" in err


def test_kinds_are_compared_and_counted_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "first.md", tmp_path / "second.md"
    first.write_text("=== a\n\n[Two](NUMBER.killed) [rebels](ACTOR) died.\n", encoding="utf-8")
    second.write_text(first.read_text().replace("killed", "injured"), encoding="utf-8")
    for options, scored, note in (
        ((), 1.0, True),
        (("--labels", "ACTOR,NUMBER"), 1.0, False),
        (("--kinds",), 0.5, False),
    ):
        code, out, err = conflict_ner(capsys, "agree", first, second, "--json", *options)
        assert (code, json.loads(out)["strict"]["micro"]["f1"]) == (0, scored)
        assert ("note: kinds of labels are not compared; --kinds compares them" in err) == note
    for options, labels in (
        ((), {"ACTOR", "WEAPON", "LOCATION", "NUMBER"}),
        (("--kinds",), {"ACTOR", "NUMBER.killed"}),
    ):
        counts = json.loads(conflict_ner(capsys, "check", first, "--json", *options)[1])
        assert set(counts["splits"]["data"]["labels"]) == labels


def test_guidelines_are_switched_by_option_and_config(
    tmp_path: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = tmp_path / "a.md"
    reports.write_text("=== a\n\n[Maj.](ACTOR) left.\n\n=== b\n\n[Maj.](ACTOR) left.\n", encoding="utf-8")
    config = make_config(tmp_path, encoder_folder, reports)
    for setting, option, code in (
        (None, (), 1),
        (False, (), 0),
        (True, (), 1),
        (None, ("--no-guidelines",), 0),
        (True, ("--no-guidelines",), 0),
        (False, ("--guidelines",), 1),
    ):
        data = config.data.model_copy(update={"validation": (), "validation_share": 0.5, "guidelines": setting})
        changed = config.model_copy(update={"data": data})
        (tmp_path / "run.yaml").write_text(dump_config(changed, tmp_path), encoding="utf-8")
        assert conflict_ner(capsys, "check", tmp_path / "run.yaml", *option)[0] == code
    assert conflict_ner(capsys, "check", reports, "--no-guidelines")[0] == 0
    assert conflict_ner(capsys, "agree", reports, reports, "--no-guidelines")[0] == 0
    code, _, err = conflict_ner(capsys, "check", reports)
    assert code == 1
    assert "a.md:3:1: 'Maj.' (ACTOR, 0:4) ends with the punctuation '.'" in err
    assert "--no-guidelines" in err
    assert "same text" in err
    assert conflict_ner(capsys, "check", reports, "--labels", "ACTOR")[0] == 0
    assert conflict_ner(capsys, "check", reports, "--labels", "ACTOR", "--guidelines")[0] == 1


def test_convert_goes_both_ways(tmp_path: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert conflict_ner(capsys, "convert", reports_file, tmp_path / "r.jsonl")[0] == 0
    assert conflict_ner(capsys, "convert", tmp_path / "r.jsonl", tmp_path / "r.md")[0] == 0
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == reports_file.read_text(encoding="utf-8")
    assert conflict_ner(capsys, "convert", reports_file, tmp_path / "r.xyz")[0] == 2


def test_labeled_reports_become_the_tables_of_tag(
    tmp_path: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.csv"
    assert conflict_ner(capsys, "convert", reports_file, out)[0] == 0
    header, first, *_ = out.read_text(encoding="utf-8").splitlines()
    assert header == '"id","label","text","start","end","score","theatre","genre"'
    assert first == '"t-1","NUMBER","At least 19",0,11,"","Nowhere","wire story"'
    assert conflict_ner(capsys, "convert", reports_file, tmp_path / "i.jsonl", "--rows", "incidents")[0] == 0
    assert json.loads((tmp_path / "i.jsonl").read_text(encoding="utf-8").splitlines()[0])["locations"] == "El Fasher"
    assert conflict_ner(capsys, "convert", reports_file, tmp_path / "t.jsonl", "--rows", "reports")[0] == 0
    assert conflict_ner(capsys, "convert", tmp_path / "t.jsonl", tmp_path / "back.md")[0] == 0
    assert (tmp_path / "back.md").read_text(encoding="utf-8") == reports_file.read_text(encoding="utf-8")
    code, _, err = conflict_ner(capsys, "convert", reports_file, tmp_path / "x.csv", "--rows", "words")
    assert (code, "choose one of reports" in err, (tmp_path / "x.csv").exists()) == (2, True, False)


def test_one_report_is_counted_in_the_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.md").write_text("=== a\n\n[Rebels](ACTOR) left.\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "convert", tmp_path / "a.md", tmp_path / "a.jsonl")
    read = "read as markup: its ending is .md\n"
    assert (code, err) == (0, f"{read}1 report written to {tmp_path / 'a.jsonl'} as JSONL\n")


def test_a_bad_config_exits_with_2_and_names_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.yaml").write_text("labels: [A]\noutput: m\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "train", tmp_path / "run.yaml", "--set", "training.epoch=1")
    assert code == 2
    assert "training.epoch: unknown key (--set training.epoch); did you mean training.epochs?" in err
    assert "data: is missing" in err


def test_evaluate_prints_a_table_json_or_markdown(
    checkpoint_folder: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = conflict_ner(capsys, "evaluate", checkpoint_folder, reports_file, "--json")
    assert code == 0
    assert json.loads(out)["strict"]["micro"]["f1"] == 1.0
    markdown = conflict_ner(capsys, "evaluate", checkpoint_folder, reports_file, "--markdown")[1]
    assert "| **all (micro)** | **100.0** | **100.0** | **100.0** | **100.0-100.0** | **13** |" in markdown
    assert "all (micro)" in conflict_ner(capsys, "evaluate", checkpoint_folder, reports_file)[1]


def test_compare_takes_a_saved_evaluation_and_a_checkpoint(
    tmp_path: Path, checkpoint_folder: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved.jsonl"
    drop = ("--threshold", "WEAPON=1")
    assert conflict_ner(capsys, "evaluate", checkpoint_folder, reports_file, "--predictions", saved, *drop)[0] == 0
    code, out, _ = conflict_ner(capsys, "compare", saved, checkpoint_folder, reports_file, "--json")
    assert code == 0
    comparison = json.loads(out)
    assert comparison["changed"] == {"now wrong": 0, "now right": 3, "otherwise changed": 0}
    assert comparison["labels"]["WEAPON"]["b"]["f1"] == 1.0
    assert "too few to judge by" in comparison["verdict"]
    code, out, _ = conflict_ner(capsys, "compare", saved, saved, "--markdown")
    assert code == 0
    assert "both score the same in every report" in out
    code, out, err = conflict_ner(capsys, "compare", saved, checkpoint_folder)
    assert (code, out) == (2, "")
    assert "DATA: is missing" in err
    assert conflict_ner(capsys, "compare", saved, reports_file)[0] == 1


def test_evaluate_refuses_labels_that_the_checkpoint_does_not_know(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.md").write_text("=== a\n\n[Rebels](PARTY) left.\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "evaluate", checkpoint_folder, tmp_path)
    assert code == 1
    assert "'Rebels' (PARTY, 0:6) has an unknown label; the labels are ACTOR, WEAPON, LOCATION, NUMBER" in err


def test_what_is_no_checkpoint_exits_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.safetensors").touch()
    code, out, err = conflict_ner(capsys, "tag", tmp_path, "-")
    assert (code, out) == (3, "")
    assert "is no model: it has neither a manifest.json" in err


def test_tag_writes_jsonl_and_continues_after_a_broken_line(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "At least 19 fighters died in a drone strike near El Fasher."
    (tmp_path / "in.jsonl").write_text(
        json.dumps({"id": "a", "text": text, "x": 1}) + "\n{broken\n" + json.dumps({"text": "None."})
    )
    code, out, err = conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "in.jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert "in.jsonl:2: not JSON" in err
    assert [row["id"] for row in rows] == ["a", f"{tmp_path / 'in.jsonl'}:3"]
    assert rows[0]["x"] == 1
    assert {text[e["start"] : e["end"]] == e["text"] for e in rows[0]["entities"]} == {True}


def test_tag_reads_standard_input_and_writes_a_file(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Police left Goma.\r\n")))
    code, out, _ = conflict_ner(capsys, "tag", checkpoint_folder, "-", "--output", tmp_path / "out.jsonl")
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["text"] == "Police left Goma.\r\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_tag_colors_text_on_a_terminal(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text(
        "At least 19 fighters died in a drone strike near El Fasher. [sic]", encoding="utf-8"
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, _ = conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "a.txt")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert out != plain
    assert "drone strike WEAPON" in plain
    assert "[sic]" in out  # rich must not take the text for its own markup


def test_export_writes_a_second_checkpoint(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str], verified_here: None
) -> None:
    code, _, err = conflict_ner(capsys, "export", checkpoint_folder, tmp_path / "copy")
    assert code == 0
    assert "verified" in err
    assert conflict_ner(capsys, "export", checkpoint_folder, checkpoint_folder)[0] == 3


def test_reports_left_out_of_an_evaluation_are_listed_and_none_left_is_an_error(
    tmp_path: Path, checkpoint_folder: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.md").write_text("=== bad\n\n[Rebels ](ACTOR) left.\n", encoding="utf-8")
    code, out, err = conflict_ner(
        capsys, "evaluate", checkpoint_folder, reports_file, tmp_path / "bad.md", "--skip-faulty", "--json"
    )
    assert code == 0
    assert json.loads(out)["documents"] == 3
    assert "left out: " in err
    code, _, err = conflict_ner(capsys, "evaluate", checkpoint_folder, tmp_path / "bad.md", "--skip-faulty")
    assert code == 1
    assert "no report to score" in err


def test_a_dev_folder_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, text in (("train", "[Rebels](ACTOR) left."), ("dev", "[Rebels](ACTR) came.")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "x.md").write_text(f"=== {split}\n\n{text}\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", tmp_path)
    assert code == 1
    assert "did you mean ACTOR?" in err


def test_an_output_that_cannot_be_written_is_an_error(
    tmp_path: Path, checkpoint_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Police left Goma.", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "a.txt", "-o", tmp_path / "no" / "x.jsonl")
    assert (code, "No such file" in err) == (3, True)
    assert conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "a.txt", "-o", tmp_path)[0] == 3
    assert conflict_ner(capsys, "tag", checkpoint_folder, tmp_path / "a.txt", "-o", "/dev/null")[0] == 0
    assert not Path("/dev/null").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_checkpoint_can_be_exported_over_the_current_folder(
    tmp_path: Path,
    checkpoint_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verified_here: None,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert conflict_ner(capsys, "export", checkpoint_folder, ".")[0] == 0
    assert (tmp_path / "here" / "README.md").read_text(encoding="utf-8").count("# here") == 1


def test_check_prints_counts_in_markdown_groups_and_hints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        text = f"=== {split}\ntheatre: {split}\n\n[M23](ACTOR) in {split} and [M23](ACTOR) but not M23\n"
        (tmp_path / split / "a.md").write_text(text, encoding="utf-8")
    code, out, _ = conflict_ner(capsys, "check", tmp_path, "--group", "theatre", "--hints", "--markdown")
    assert code == 0
    assert out.count("'M23' is unlabeled here, ACTOR 4 times elsewhere") == 2
    assert "| train | 1 | 8 | 2 | 2 | 0 | 0 | 0 |" in out
    (tmp_path / "test" / "b.md").write_text("=== b\ntheatre: train\n\nx\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "check", tmp_path, "--group", "theatre")
    assert code == 1
    assert 'b.md:1: theatre "train" occurs in test and in train' in err


def test_agree_compares_two_annotators_or_more(
    reports_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, files = reports_file.read_text(encoding="utf-8"), [tmp_path / "anna.md", tmp_path / "ben.md"]
    files[0].write_text(text, encoding="utf-8")
    files[1].write_text(text.replace("(ACTOR)", "(LOCATION)", 1), encoding="utf-8")
    code, out, _ = conflict_ner(capsys, "agree", reports_file, files[0], "--json")
    assert (code, json.loads(out)["strict"]["micro"]["f1"]) == (0, 1.0)
    code, out, _ = conflict_ner(capsys, "agree", reports_file, *files)
    assert code == 0
    assert "anna, ben" in out
    page = tmp_path / "agreement.html"
    code, _, err = conflict_ner(capsys, "agree", *files, "--html", page)
    assert (code, err) == (0, f"the page is in {page}: open it in a browser\n")
    assert "different labels" in page.read_text(encoding="utf-8")
    code, out, err = conflict_ner(capsys, "agree", files[0])
    assert (code, out) == (1, "")
    assert "anna: the labels of one annotator; name those of a second one" in err
