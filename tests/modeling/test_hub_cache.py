"""Hub ids name models in the local cache; nothing is fetched, and paths come first."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest
from conflict_ner.modeling.hub_cache import find_folder, missing_folder_advice, public_name
from huggingface_hub import constants

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of org/model in a cache as huggingface_hub lays it out; the working folder is empty."""
    cache, working = tmp_path / "hub", tmp_path / "working"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    snapshot = cache / "models--org--model" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").touch()
    (cache / "models--org--model" / "refs").mkdir()
    (cache / "models--org--model" / "refs" / "main").write_text(COMMIT)
    working.mkdir()
    monkeypatch.chdir(working)
    return snapshot


@pytest.mark.parametrize("name", ["org/model", "https://huggingface.co/org/model", "hf://org/model"])
def test_a_model_in_the_cache_is_found_by_its_id(name: str, snapshot: Path) -> None:
    assert find_folder(name) == find_folder(Path(name)) == snapshot
    assert public_name(snapshot) == "org/model"


@pytest.mark.parametrize("name", ["org/other", "model", "a/b/c", "../org/model", "/org/model", "-"])
def test_any_other_name_is_a_path(name: str, snapshot: Path) -> None:
    assert find_folder(name) == Path(name)


def test_an_existing_path_is_never_a_hub_id(snapshot: Path) -> None:
    Path("org").mkdir()
    Path("org/model").symlink_to("nowhere")
    assert find_folder("org/model") == Path("org/model")
    Path("org/model").unlink()  # the folder that it would be in exists: a mistyped path
    assert find_folder("org/model") == Path("org/model")
    assert missing_folder_advice(Path("org/model")) == "`conflict-ner train CONFIG` makes one"


def test_only_the_local_cache_is_asked(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(*arguments: object, **options: object) -> str:
        asked.append((arguments, options))
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find_folder("org/other") == snapshot
    assert asked == [(("org/other",), {"local_files_only": True})]


def test_an_id_that_is_not_there_is_told_what_to_do(snapshot: Path) -> None:
    advice = missing_folder_advice(Path("org/other"))
    assert "nothing is fetched from there to tag with, and it is not in the local cache" in advice
    assert constants.HF_HUB_CACHE in advice
    assert "`hf download org/other`" in advice
    assert "`encoder: org/other`" in advice


def test_the_name_of_a_folder_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert public_name(Path()) == public_name(folder) == "mine"
    assert public_name(Path("/")) == ""
