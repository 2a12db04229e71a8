"""A file is replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.files import replaced


def broken_off(target: Path) -> None:
    with replaced(target) as stream:
        stream.write("new")
        raise RuntimeError


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError):
        broken_off(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replaced(tmp_path / "link") as stream:
        stream.write("new\n")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new\n"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error, replaced(tmp_path / "nowhere" / "out"):
        pass
    assert error.value.filename == str(tmp_path.resolve() / "nowhere" / "out")
