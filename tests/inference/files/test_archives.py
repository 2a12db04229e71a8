"""Reading zips and tars member by member, each under a unique name."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files import sources
from conflict_ner.inference.files.sources import read_sources
from helpers.archives import write

JSONL = '{"text": "Goma"}\n'


def read(*paths: Path) -> tuple[dict[str, str], dict[str, str], set[str]]:
    """Texts by id, problems by place, and what was hidden."""
    problems: list[Problem] = []
    hidden: set[str] = set()
    found = list(read_sources(paths, problems.append, hidden=hidden))
    assert len({source.id for source in found}) == len(found)
    return {source.id: source.text for source in found}, {p.where: p.what for p in problems}, hidden


def make_zip(file: Path, members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def make_tar(file: Path, members: Mapping[str, str | bytes]) -> Path:
    with tarfile.open(file, "w:gz" if file.suffix == ".tgz" else "w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            raw = content if isinstance(content, bytes) else content.encode()
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return file


def patched(file: Path, places: Mapping[int, bytes]) -> None:
    raw = bytearray(file.read_bytes())
    for at, new in places.items():
        raw[at : at + len(new)] = new
    file.write_bytes(raw)


def headers(file: Path, name: str) -> tuple[int, int]:
    """Where the two headers of a zip's member begin."""
    raw, packed = file.read_bytes(), name.encode()
    return raw.index(packed) - 30, raw.rindex(packed) - 46


@pytest.mark.parametrize("inner", ["b.zip", "b.ZIP", "b.tar", "b.tgz", "b.tar.gz"])
@pytest.mark.parametrize("outer", ["r.zip", "r.tar", "r.tgz"])
def test_an_archive_in_an_archive_is_named_and_the_rest_read(tmp_path: Path, outer: str, inner: str) -> None:
    make = make_zip if outer.endswith("zip") else make_tar
    file = make(tmp_path / outer, {"a.txt": "Goma", inner: b"PK", "c.txt": "Beni"})
    texts, problems, _ = read(file)
    assert texts == {f"{file}/a.txt": "Goma", f"{file}/c.txt": "Beni"}
    assert list(problems) == [f"{file}/{inner}"]
    assert "an archive in a" in problems[f"{file}/{inner}"]


@pytest.mark.parametrize(("method", "named"), [(95, "xz, number 95"), (9, "deflate64, number 9"), (77, "number 77")])
def test_a_member_of_an_unknown_method_is_named_and_the_rest_read(tmp_path: Path, method: int, named: str) -> None:
    file = make_zip(tmp_path / "r.zip", {"a.txt": "Goma", "b.txt": "x", "c.jsonl": JSONL})
    local, central = headers(file, "b.txt")
    patched(file, {local + 8: bytes([method, 0]), central + 10: bytes([method, 0])})
    texts, problems, _ = read(file)
    assert texts == {f"{file}/a.txt": "Goma", f"{file}/c.jsonl:1": "Goma"}
    assert list(problems) == [f"{file}/b.txt"]
    assert named in problems[f"{file}/b.txt"]


@pytest.mark.parametrize("damage", ["local header", "name", "checksum", "offset", "locked"])
def test_a_damaged_member_is_named_and_the_rest_read(tmp_path: Path, damage: str) -> None:
    file = make_zip(tmp_path / "r.zip", {"a.txt": "Goma", "b.txt": "x", "c.txt": "Beni"})
    local, central = headers(file, "b.txt")
    places = {
        "local header": {local: b"xx"},
        "name": {local + 30: b"q"},
        "checksum": {central + 16: b"\0\0\0\0"},
        "offset": {central + 42: b"\xff\xff\xff\x7f"},
        "locked": {local + 6: b"\1", central + 8: b"\1"},
    }
    patched(file, places[damage])
    texts, problems, _ = read(file)
    assert texts == {f"{file}/a.txt": "Goma", f"{file}/c.txt": "Beni"}
    assert list(problems) == [f"{file}/b.txt"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "r.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (("a.txt", "1"), ("a.txt", "2"), ("b.jsonl", JSONL), ("b.jsonl", JSONL), ("a.txt", "3")):
            archive.writestr(name, content)
    assert list(read(file)[0]) == [f"{file}/{n}" for n in ("a.txt", "a.txt#2", "b.jsonl:1", "b.jsonl#2:1", "a.txt#3")]
    other = tmp_path / "r.tar"
    with tarfile.open(other, "w") as tar:
        for _ in range(2):
            tar.add(write(tmp_path / "x.txt", "Goma"), "x.txt")
    assert list(read(other)[0]) == [f"{other}/x.txt", f"{other}/x.txt#2"]


def test_names_in_utf8_without_the_flag_are_read_as_what_they_are(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "r.zip", {"AAAAAAAA.txt": "1", "CCCC.txt": "2", "mañana.txt": "3"})
    raw = file.read_bytes().replace(b"AAAAAAAA", "звіт".encode()).replace(b"CCCC", "café".encode("cp437"))
    file.write_bytes(raw)
    # A name that really is in cp437 stays what it is, and so does one with the flag.
    assert {Path(name).name: text for name, text in read(file)[0].items()} == {
        "звіт.txt": "1",
        "café.txt": "2",
        "mañana.txt": "3",
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "folder"])
def test_hidden_members_are_left_out_as_in_a_folder(tmp_path: Path, kind: str) -> None:
    names = ("._b.txt", "__MACOSX/._a.txt", "__MACOSX/b.txt", "x/.ipynb_checkpoints/c.txt", ".DS_Store", "~$a.txt")
    members = dict.fromkeys((*names, "x/a.txt", "b.txt"), "Goma")
    place = tmp_path / f"r.{kind}"
    if kind == "folder":
        for name in members:
            write(place / name, "Goma")
    else:
        (make_zip if kind == "zip" else make_tar)(place, members)
    texts, problems, hidden = read(place)
    assert set(texts) == {f"{place}/x/a.txt", f"{place}/b.txt"}
    assert problems == {}
    assert hidden == {f"{place}/{n}" for n in ("._b.txt", "__MACOSX", "x/.ipynb_checkpoints", "~$a.txt")}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_of_the_archive_are_only_names(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "in" / f"r.{kind}"
    file.parent.mkdir()
    (make_zip if kind == "zip" else make_tar)(
        file, {"../a.txt": "1", "/b.txt": "2", "./c.txt": "3", "d\x1b[0m.txt": "4"}
    )
    texts, problems, _ = read(file)
    assert list(texts.values()) == ["1", "2", "3", "4"]
    assert all(name.isprintable() for name in texts)
    assert problems == {}
    assert list(tmp_path.iterdir()) == [file.parent]


def test_a_text_that_unpacks_without_end_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LARGEST_PACKED", 1024**2)
    monkeypatch.setattr(zipfile.ZipExtFile, "MIN_READ_SIZE", 4096)
    file = make_zip(tmp_path / "r.zip", {"a.txt": bytes(1024**2 + 1), "b.txt": b"a" * 1024**2})
    texts, problems, _ = read(file)
    assert list(texts) == [f"{file}/b.txt"]
    assert problems == {f"{file}/a.txt": "unpacks to a text of more than 1 MiB"}


def test_empty_and_false_archives_are_said(tmp_path: Path) -> None:
    files = [make_zip(tmp_path / "empty.zip", {}), write(tmp_path / "false.zip", "Goma"), write(tmp_path / "0.zip", "")]
    texts, problems, _ = read(*files)
    assert texts == {}
    assert list(problems) == list(map(str, files))


def test_entries_that_a_damaged_list_loses_are_counted(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "r.zip", {"a.txt": "Goma", "b.txt": "x", "c.txt": "Beni"})
    _, central = headers(file, "b.txt")
    patched(file, {central + 32: bytes([46 + 5, 0])})  # its comment reaches over the next entry
    texts, problems, _ = read(file)
    assert list(texts) == [f"{file}/a.txt", f"{file}/b.txt"]
    assert problems == {str(file): "damaged: it should hold 3 entries, and 2 are listed"}
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "Goma")
        archive.comment = b"of ours"
    assert read(file)[1] == {}


def test_a_damaged_header_in_a_tar_is_not_its_end(tmp_path: Path) -> None:
    file = make_tar(tmp_path / "r.tar", {"a.txt": "Goma", "b.txt": "x", "c.txt": "Beni"})
    patched(file, {1024: b"q"})
    texts, problems, _ = read(file)
    assert texts == {f"{file}/a.txt": "Goma"}
    assert "damaged after 1 report:" in problems[str(file)]


def test_links_in_a_tar_are_named(tmp_path: Path) -> None:
    file = tmp_path / "r.tar"
    with tarfile.open(file, "w") as archive:
        archive.add(write(tmp_path / "x.txt", "Goma"), "x.txt")
        link = tarfile.TarInfo("y.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "x.txt"
        archive.addfile(link)
    texts, problems, _ = read(file)
    assert list(texts) == [f"{file}/x.txt"]
    assert "is a link" in problems[f"{file}/y.txt"]


def test_a_name_in_a_tar_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    file = tmp_path / "r.tar"
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(write(tmp_path / "x.txt", "Goma"), os.fsdecode(b"caf\xe9.txt"))
    assert list(read(file)[0]) == [f"{file}/caf\\xe9.txt"]
