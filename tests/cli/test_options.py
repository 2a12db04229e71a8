"""Which argument is the checkpoint, and which model works where none is named."""

from __future__ import annotations

from pathlib import Path

import conflict_ner
import pytest
import typer
from conflict_ner import checkpoint
from conflict_ner.cli.options import parse_label_map, split_checkpoint
from conflict_ner.errors import CheckpointError, ConfigError
from huggingface_hub import constants

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the model of the package; the working folder has checkpoints, a report and a folder of reports."""
    shipped = tmp_path / "package" / "tiny"
    monkeypatch.setattr(checkpoint, "SHIPPED_MODEL", shipped)
    monkeypatch.chdir(tmp_path)
    for file in (shipped / "manifest.json", Path("mine/manifest.json"), Path("torn/model.onnx"), Path("reports/a.txt")):
        file.parent.mkdir(parents=True)
        file.touch()
    Path("a.txt").touch()
    Path("broken").symlink_to("nowhere")
    return shipped


@pytest.mark.parametrize("first", ["mine", "torn"])
def test_a_checkpoint_is_named_first_even_a_torn_one(first: str, capsys: Captured) -> None:
    assert split_checkpoint(Path(first), [Path("a.txt"), Path("none")], "tag") == (
        Path(first),
        [Path("a.txt"), Path("none")],
    )
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("names", [["a.txt"], ["reports", "none"], ["-"], ["-", "a.txt"], ["broken"]])
def test_without_a_checkpoint_all_arguments_are_inputs(names: list[str], shipped: Path, capsys: Captured) -> None:
    first, *others = map(Path, names)
    assert split_checkpoint(first, others, "tag") == (shipped, [first, *others])
    expected = f"note: no checkpoint is named: using the model tiny of conflict-ner {conflict_ner.__version__}\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("others", [[], ["a.txt"]])
def test_a_first_argument_that_does_not_exist_is_never_one_of_the_inputs(others: list[str]) -> None:
    message = "modle: no such file or folder to tag, and no such checkpoint folder; `conflict-ner train CONFIG` makes"
    with pytest.raises(CheckpointError, match=message):
        split_checkpoint(Path("modle"), list(map(Path, others)), "tag")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "name what to tag"),
        (["mine"], "mine is a checkpoint; name what to tag after it"),
        (["a.txt", "mine"], "mine is a checkpoint; name it before what to tag"),
        (["-", "torn"], "torn is a checkpoint; name it before what to tag"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(names: list[str], message: str) -> None:
    paths = list(map(Path, names))
    with pytest.raises(typer.BadParameter) as caught:
        split_checkpoint(paths[0] if paths else None, paths[1:], "tag")
    assert caught.value.message == message


def test_a_checkpoint_alone_is_enough_where_it_has_reports_of_its_own() -> None:
    assert split_checkpoint(Path("mine"), None, "measure with", alone=True) == (Path("mine"), [])


def test_a_package_without_its_model_says_so(shipped: Path) -> None:
    (shipped / "manifest.json").unlink()
    assert split_checkpoint(Path("mine"), [Path("a.txt")], "tag")[0] == Path("mine")
    message = r"this package was built without its model .*; name a checkpoint .* wheel"
    with pytest.raises(CheckpointError, match=message):
        split_checkpoint(Path("a.txt"), [], "tag")


def test_a_hub_id_in_the_local_cache_is_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub" / "models--org--ner" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "pytorch_model.bin").touch()  # refused when it is loaded, with what to do
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    assert split_checkpoint(Path("org/ner"), [Path("a.txt")], "tag") == (snapshot, [Path("a.txt")])
    with pytest.raises(CheckpointError, match="`hf download org/other`"):
        split_checkpoint(Path("org/other"), [Path("a.txt")], "tag")


def test_a_map_of_labels_is_parsed() -> None:
    assert parse_label_map(None) is None
    assert parse_label_map(["PER=ACTOR, LOC = LOCATION", "MISC=", "A=B=C"]) == {
        "PER": "ACTOR", "LOC": "LOCATION", "MISC": "", "A=B": "C",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["PER"], "--map PER: not LABEL=NAME; for example PER=ACTOR, or PER= to leave PER out"),
        (["=ACTOR"], "--map =ACTOR: not LABEL=NAME"),
        (["PER=ACTOR,"], "--map : not LABEL=NAME"),
        ([""], "--map : not LABEL=NAME"),
        (["PER=A", "PER=B"], "--map PER=B: PER has a name already; give each label one"),
    ],
)
def test_a_map_of_another_form_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_label_map(options)
