"""Properties of reading: what was encoded and compressed is read back, and every file is found once."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conflict_ner.data.text_files import strict_json
from conflict_ner.data.text_files.compression import compression_suffix, open_decompressed, strip_compression_suffix
from conflict_ner.data.text_files.encodings import describe_decoding_error, guess_encoding, open_text
from conflict_ner.data.text_files.file_search import search_folder
from conflict_ner.data.text_files.reading import read_text
from hypothesis import given, settings
from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

checked = settings(max_examples=40, deadline=None, derandomize=True, database=None)
TEXTS = st.text(max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=4,
)


@checked
@given(JSON_VALUES)
def test_strict_json_loads_what_json_dumps_wrote(value: Any) -> None:
    assert json.dumps(strict_json.loads(json.dumps(value))) == json.dumps(value)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_open_decompressed_returns_the_bytes_that_were_compressed(suffix: str) -> None:
    assert compression_suffix(f"a.md{suffix.upper()}") == suffix
    assert strip_compression_suffix(f"a.md{suffix}") == "a.md"

    @checked
    @given(st.binary(max_size=200), st.binary(max_size=5))
    def check(first: bytes, second: bytes) -> None:
        # Two compressed streams one after the other, as `cat` and parallel compressors write them.
        stream = io.BytesIO(COMPRESS[suffix](first) + COMPRESS[suffix](second))
        assert open_decompressed(stream, suffix).read() == first + second

    check()


ENCODABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda text: text[:1] != "\ufeff")
# UTF-16 with a mark begins as UTF-32 does if its first character is NUL.
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


@checked
@given(ENCODABLE.filter(lambda text: text[:1] != "\0"), ENCODINGS)
def test_open_text_returns_the_text_that_was_encoded(text: str, encoding: str) -> None:
    opened, detected = open_text(io.BytesIO(text.encode(encoding)), None)
    assert opened.read() == text
    assert detected == encoding.removesuffix("-sig")


@checked
@given(ENCODABLE.filter(lambda text: text[:1] != "\0"), ENCODINGS, st.sampled_from(list(COMPRESS)))
def test_read_text_returns_the_text_that_was_encoded_and_compressed(text: str, encoding: str, suffix: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"a.md{suffix}"
        file.write_bytes(COMPRESS[suffix](text.encode(encoding)))
        read, problems = read_text(file)
    if read is None:  # many NULs are taken for UTF-16 without a mark
        assert encoding.startswith("utf-8")
        assert text.count("\0") * 4 > len(text.encode(encoding))
    else:
        assert (read, problems) == (text, [])


@checked
@given(st.binary(max_size=60))
def test_any_bytes_can_be_opened_and_have_a_fault_that_can_be_shown(raw: bytes) -> None:
    text, _ = open_text(io.BytesIO(raw), None)
    if not raw.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"\xef\xbb\xbf")):
        assert text.read().encode("utf-8", "surrogateescape") == raw
    guess = guess_encoding(raw)
    fault, fix = describe_decoding_error(raw)
    assert fault.isprintable()
    assert guess is None or guess in fix


NAMES = st.sampled_from(["a", "b", "c.txt", "d.txt", "e.md", ".f.txt", ".g"])
TREES = st.recursive(
    st.just("file"),
    lambda entries: st.dictionaries(NAMES, st.one_of(entries, st.just("link")), max_size=4),
    max_leaves=8,
)


def create(tree: Any, path: Path, root: Path) -> None:
    """Create a tree of folders and files; a link leads to the root, so that there are cycles."""
    if tree == "link":
        path.symlink_to(root)
    elif tree == "file":
        path.touch()
    else:
        path.mkdir(exist_ok=True)
        for name, entry in tree.items():
            create(entry, path / name, root)


def visible_files(tree: Any, path: Path) -> list[Path]:
    if tree == "file":
        return [path] if path.suffix == ".txt" else []
    if tree == "link":
        return []
    return [file for name in tree if name[0] != "." for file in visible_files(tree[name], path / name)]


@checked
@given(st.dictionaries(NAMES, st.one_of(TREES, st.just("link")), max_size=5))
def test_a_search_finds_every_visible_file_exactly_once(tree: dict[str, Any]) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        create(tree, root, root)
        result = search_folder(root, lambda name: name.endswith(".txt"))
        assert result.files == sorted(visible_files(tree, root))
        assert result.problems == []
