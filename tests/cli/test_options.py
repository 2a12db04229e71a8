"""Which argument is the checkpoint, and which model works where none is named."""

from __future__ import annotations

from pathlib import Path

import conflict_ner
import pytest
import typer
from conflict_ner import checkpoint
from conflict_ner.cli.options import split_checkpoint
from conflict_ner.errors import CheckpointError

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
