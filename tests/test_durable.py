"""What is left of a file after a power loss is read as far as it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.durable import lock, to_disk, whole_lines
from conflict_ner.errors import ConfigError


@pytest.mark.parametrize("torn", [b"", b"{", b'{"a": 2}', b"\0\0\n", b"\xff\n", b'\n{"a": 2}\n'])
def test_lines_count_up_to_the_first_that_is_not_whole(torn: bytes) -> None:
    assert whole_lines(b'{"a": 1}\n' + torn) == ([{"a": 1}], 9)


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as first, (tmp_path / "a").open("wb") as second:
        lock(first, tmp_path / "out")
        with pytest.raises(ConfigError, match="out: another process is writing it"):
            lock(second, tmp_path / "out")
    with (tmp_path / "a").open("wb") as third:
        lock(third, tmp_path / "out")


def test_a_folder_that_cannot_be_synced_does_no_harm(tmp_path: Path) -> None:
    to_disk(tmp_path)
    to_disk(tmp_path / "none")
