"""Reading of labeled files, folders and splits into a corpus."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import jsonl, markup
from conflict_ner.data.formats.registry import suffix_of
from conflict_ner.errors import DataError, Problem

LABELS = ("ACTOR", "LOCATION")
DOCUMENTS = [
    Document("one", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")), {"year": 2024}),
    Document("two", "\ufeffDas Heer [sic]\r\nzog ab. \U0001f600", (), {"genre": "wire", "tags": ["x"]}),
    Document("three", "Nothing happened."),
]


def write(folder: Path, name: str, documents: list[Document]) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text({".md": markup, ".jsonl": jsonl}[file.suffix].dump(documents), "utf-8", newline="\n")
    return file


def problems(entry: Path) -> list[Problem]:
    documents, found = corpus.read([entry])
    assert documents == ()
    return found


@pytest.mark.parametrize("name", ["a.md", "a.jsonl"])
def test_a_file_of_either_format_is_read_and_checked(tmp_path: Path, name: str) -> None:
    loaded = corpus.load({"train": [write(tmp_path, name, DOCUMENTS)]}, LABELS)
    assert loaded["train"] == tuple(DOCUMENTS)
    assert loaded["test"] == ()
    assert loaded.skipped == ()
    assert loaded.counts("train") == {"ACTOR": 1, "LOCATION": 1}


def test_a_folder_is_searched_for_both_formats_in_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, "b.md", DOCUMENTS[:1])
    write(tmp_path, "a/deep.jsonl", DOCUMENTS[1:2])
    write(tmp_path, "c.jsonl", DOCUMENTS[2:])
    (tmp_path / "notes.txt").write_text("not a report")
    (tmp_path / "folder.md").mkdir()
    documents, found = corpus.read([tmp_path])
    assert found == []
    assert [document.id for document in documents] == ["two", "one", "three"]


@pytest.mark.parametrize("suffix", [".conll", ".bio", ".iob2", ".txt"])
def test_a_benchmark_file_is_read_where_it_is_named(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    file.write_bytes(b"\xef\xbb\xbfRebels B-ACTOR\r\nleft O\r\n")
    ((document,), found) = corpus.read([file])
    assert (document.id, document.text, found) == ("a:1", "Rebels left", [])


def test_a_folder_is_searched_for_benchmark_files_but_not_for_plain_text(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Rebels B-ACTOR\n")
    (found,) = problems(tmp_path)
    assert "name its .txt files one by one" in found.fix
    (tmp_path / "a.bio").write_text("Rebels B-ACTOR\n")
    assert [document.id for document in corpus.read([tmp_path])[0]] == ["a:1"]


def test_copies_are_refused_unless_allowed(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.conll").write_text("Rebels B-ACTOR\nleft O\n")
    paths = {"train": [tmp_path / "a.conll"], "test": [tmp_path / "b.conll"]}
    with pytest.raises(DataError, match=r"data\.allow_copies: true"):
        corpus.load(paths, LABELS)
    assert len(corpus.load(paths, LABELS, allow_copies=True)["test"]) == 1


@pytest.mark.parametrize(
    ("labels", "guidelines", "sound"),
    [
        (("ACTOR", "WEAPON", "LOCATION", "NUMBER"), None, False),
        (("ACTOR", "WEAPON", "LOCATION", "NUMBER"), False, True),
        (("ACTOR",), None, True),
        (("ACTOR",), True, False),
    ],
)
def test_guidelines_apply_alike_in_every_format(
    tmp_path: Path, labels: tuple[str, ...], guidelines: bool | None, sound: bool
) -> None:
    documents = [Document("x:1", "Yahoo! left", (Mention(0, 6, "ACTOR"),)), Document("x:4", "Rebels left")]
    write(tmp_path, "x.md", documents)
    write(tmp_path, "x.jsonl", documents)
    (tmp_path / "x.conll").write_text("Yahoo! B-ACTOR\nleft O\n\nRebels O\nleft O\n")
    for form in (".md", ".jsonl", ".conll"):
        loaded = corpus.load({"data": [tmp_path / f"x{form}"]}, labels, guidelines=guidelines, strict=False)
        assert loaded["data"] == tuple(documents[0 if sound else 1 :])
        assert ["ends with the punctuation '!'" in problem.what for problem in loaded.skipped] == [True] * (not sound)


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    for name in ("a.md", "a.jsonl"):
        file = write(tmp_path, name, DOCUMENTS)
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
        assert corpus.read([file]) == (tuple(DOCUMENTS), [])


@pytest.mark.parametrize(
    ("content", "place", "hint"),
    [
        (b"=== a\n\nThe K\xe4mpfer left.\n", "3:6", "cp1252"),
        ("=== a\n\nRebels".encode("utf-16-le"), "1:1", "utf-16-le"),
        (b"=== a\n\n" + b"Rebels left Goma. " * 500 + b"K\xe4mpfer", "3:9002", "cp1252"),
        (b"=== a\r\n\r\nfine\r\n\x92", "4:1", "cp1252"),
    ],
)
def test_what_is_not_utf_8_has_line_column_and_a_fix(tmp_path: Path, content: bytes, place: str, hint: str) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(content)
    (found,) = problems(file)
    assert found.where == f"{file}:{place}"
    assert "not UTF-8" in found.what
    assert hint in found.fix
    assert "iconv" not in found.fix
    script = found.fix.rpartition('python -c "')[2].removesuffix('"')
    assert subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False).returncode == 0
    assert file.read_bytes() == content.decode(hint).encode()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.md", "a.jsonl"])
def test_a_byte_order_mark_decides_the_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    file = write(tmp_path, name, DOCUMENTS)
    file.write_bytes(file.read_bytes().decode().encode(encoding))
    assert corpus.read([file]) == (tuple(DOCUMENTS), [])


def test_a_damaged_utf_16_file_is_a_problem_with_a_position(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes("=== a\n\nRebels \ud83d left".encode("utf-16", "surrogatepass"))
    (found,) = problems(file)
    assert found.where == f"{file}:3:8"
    assert "utf-16" in found.what


def test_the_fix_of_an_unknown_encoding_is_to_save_as_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes("=== a\n\n北京上海".encode()[:-1] + b" ")
    (found,) = problems(file)
    assert "not UTF-8 (byte 0xe6)" in found.what
    assert "save it as UTF-8" in found.fix


def test_the_column_of_a_bad_byte_counts_characters_as_every_column_does(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes("=== a\n\nDas Öl der Kämpfer ".encode() + b"\xe4")
    assert [found.where for found in problems(file)] == [f"{file}:3:20"]


def test_missing_files_empty_folders_and_other_endings_are_problems(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.docx").write_bytes(b"x")
    (tmp_path / "README").write_bytes(b"x")
    for name, what in [("none.md", "no such"), ("empty", "no .md"), ("a.docx", ".docx"), ("README", ".md or .jsonl")]:
        (found,) = problems(tmp_path / name)
        assert found.where == str(tmp_path / name)
        assert what in found.what
        assert found.fix


def test_a_strict_load_raises_every_problem_of_every_split(tmp_path: Path) -> None:
    bad_label = write(tmp_path, "a.md", [Document("one", "Rebels left.", (Mention(0, 6, "ACTR"),))])
    same_id = write(tmp_path, "b.jsonl", [Document("one", "Nothing happened.")])
    broken = tmp_path / "c.md"
    broken.write_text("=== c\n\nThe [army left.\n")
    with pytest.raises(DataError) as caught:
        corpus.load({"train": [bad_label, broken], "test": [same_id, tmp_path / "none.md"]}, LABELS)
    assert {problem.where for problem in caught.value.problems} == {
        f"{bad_label}:3:1",
        f"{broken}:3:5",
        f"{same_id}:1",
        str(tmp_path / "none.md"),
    }
    assert "4 problems" in str(caught.value)


def test_a_lenient_load_leaves_out_exactly_the_faulty_reports(tmp_path: Path) -> None:
    faulty = [
        Document("label", "Rebels left.", (Mention(0, 6, "ACTR"),)),
        Document("edge", "Soldiers left.", (Mention(0, 9, "ACTOR"),)),
        Document("one", "The same id again."),
    ]
    train = write(tmp_path, "a.md", [DOCUMENTS[0], *faulty, DOCUMENTS[1]])
    test = write(tmp_path, "b.md", [Document("copy", DOCUMENTS[0].text), DOCUMENTS[2]])
    loaded = corpus.load({"train": [train], "test": [test]}, LABELS, strict=False)
    assert loaded["train"] == (DOCUMENTS[0], DOCUMENTS[1])
    assert loaded["test"] == (DOCUMENTS[2],)
    assert len(loaded.skipped) == 4
    assert all(any(word in str(p) for p in loaded.skipped) for word in ("ACTR", "Soldiers", "'one'", "'copy'"))


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("a.md", "\n=== bad\n\nThe [army left.\n"),
        ("a.jsonl", '{"id": "bad", "text": "x", "entities": [{"start": 0, "end": 1, "label": "ACTOR", "note": 1}]}\n'),
    ],
)
def test_a_lenient_load_leaves_out_a_malformed_report(tmp_path: Path, name: str, broken: str) -> None:
    file = write(tmp_path, name, DOCUMENTS)
    file.write_text(file.read_text(encoding="utf-8") + broken, encoding="utf-8", newline="\n")
    loaded = corpus.load({"train": [file]}, LABELS, strict=False)
    assert loaded["train"] == tuple(DOCUMENTS)
    assert len(loaded.skipped) == 1


def test_a_lenient_load_still_refuses_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        corpus.load({"train": [tmp_path / "none.md"]}, LABELS, strict=False)


def test_the_fingerprint_is_the_same_for_both_formats(tmp_path: Path) -> None:
    prints = {
        corpus.load({"train": [write(tmp_path, name, DOCUMENTS)]}, LABELS).fingerprint("train")
        for name in ("a.md", "a.jsonl")
    }
    assert len(prints) == 1


@pytest.mark.parametrize(
    "other",
    [
        Document("ONE", "Rebels left.", (Mention(0, 6, "ACTOR"),)),
        Document("one", "Rebels fled.", (Mention(0, 6, "ACTOR"),)),
        Document("one", "Rebels left.", (Mention(0, 5, "ACTOR"),)),
        Document("one", "Rebels left.", (Mention(0, 6, "WEAPON"),)),
        Document("one", "Rebels left."),
    ],
    ids=["id", "text", "offset", "label", "no mention"],
)
def test_the_fingerprint_tells_different_data_apart(other: Document) -> None:
    base = Corpus({"train": (Document("one", "Rebels left.", (Mention(0, 6, "ACTOR"),)),)})
    assert Corpus({"train": (other,)}).fingerprint("train") != base.fingerprint("train")


def test_to_datasets_gives_a_dataset_a_split_with_four_columns() -> None:
    data = Corpus({"train": tuple(DOCUMENTS), "test": (DOCUMENTS[2],)}).to_datasets()
    assert {split: rows.num_rows for split, rows in data.items()} == {"train": 3, "test": 1}
    assert set(data["train"].column_names) == {"id", "text", "mentions", "metadata"}
    assert data["train"].features == data["test"].features
    row = data["train"][0]
    assert row["text"] == DOCUMENTS[0].text
    assert [(m["start"], m["end"], m["label"]) for m in row["mentions"]] == [(0, 6, "ACTOR"), (12, 16, "LOCATION")]
    assert [json.loads(row["metadata"]) for row in data["train"]] == [document.metadata for document in DOCUMENTS]


def test_to_datasets_keeps_an_empty_split() -> None:
    data = Corpus({"train": tuple(DOCUMENTS), "test": ()}).to_datasets()
    assert data["test"].num_rows == 0
    assert data["test"].features == data["train"].features


def test_a_smaller_sample_is_a_subset_of_a_larger_one_and_keeps_the_order() -> None:
    documents = tuple(Document(f"r{n:02}", "x") for n in range(40))
    data = Corpus({"train": documents, "test": documents})
    shares = [data.sample("train", share, seed=3) for share in (0.001, 0.25, 0.5, 1.0)]
    assert [len(sampled["train"]) for sampled in shares] == [1, 10, 20, 40]
    for smaller, larger in pairwise(shares):
        assert {d.id for d in smaller["train"]} < {d.id for d in larger["train"]}
    for sampled in shares:
        assert [d.id for d in sampled["train"]] == sorted(d.id for d in sampled["train"])
        assert sampled["test"] == documents
    assert shares[3]["train"] == documents
    assert data.sample("train", 0.25, seed=4)["train"] != shares[1]["train"]


def test_suffixes_in_capitals_and_compressed_files_are_read(tmp_path: Path) -> None:
    packings: dict[str, Callable[[bytes], bytes]] = {
        "A.MD": bytes,
        "B.JSONL": bytes,
        "c.jsonl.gz": gzip.compress,
        "d.md.XZ": lzma.compress,
    }
    for number, (name, pack) in enumerate(packings.items()):
        form = markup if suffix_of(name) == ".md" else jsonl
        content = form.dump([Document(f"r{number}", f"Rebels left {number}.", (Mention(0, 6, "ACTOR"),))])
        (tmp_path / name).write_bytes(pack(content.encode()))
    (tmp_path / "e.conll.bz2").write_bytes(bz2.compress(b"Rebels B-ACTOR\nleft O\n"))
    documents, found = corpus.read([tmp_path])
    assert [document.id for document in documents] == ["r0", "r1", "r2", "r3", "e:1"]
    assert found == []
    for file in tmp_path.iterdir():
        assert len(corpus.read([file])[0]) == 1


def test_a_damaged_compressed_file_is_a_problem(tmp_path: Path) -> None:
    for name, content in (("a.jsonl.gz", b"not packed"), ("b.jsonl.gz", gzip.compress(b"{}" * 9999)[:-20])):
        (tmp_path / name).write_bytes(content)
        (found,) = problems(tmp_path / name)
        assert found.where == str(tmp_path / name)
        assert found.what.startswith("damaged")
        assert found.unreadable


def test_hidden_entries_of_labeled_folders_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "test"):
        write(tmp_path, f"{split}/a.md", [Document(split, f"Rebels left {split}.")])
        write(tmp_path, f"{split}/.ipynb_checkpoints/a.md", [Document(split, f"Rebels left {split}.")])
        (tmp_path / split / "._a.md").write_bytes(b"\0\xff")
    (tmp_path / ".cache").mkdir()
    splits = corpus.find_splits(tmp_path)
    assert splits == {split: [tmp_path / split] for split in ("train", "test")}
    assert "1 hidden entry left out" in capsys.readouterr().err
    loaded = corpus.load(splits, LABELS)
    assert [document.id for split in splits for document in loaded[split]] == ["train", "test"]
    assert capsys.readouterr().err.count("4 hidden entries left out") == 1
    assert corpus.read([tmp_path / "train" / ".ipynb_checkpoints"])[1] == []  # it is named


def test_links_are_followed_and_broken_links_are_problems(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/a.md", DOCUMENTS[:1])
    (tmp_path / "elsewhere" / "circle").symlink_to(".")
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (data / "train" / "linked").symlink_to(tmp_path / "elsewhere")
    assert corpus.load(corpus.find_splits(data), LABELS)["train"] == tuple(DOCUMENTS[:1])
    (data / "test").symlink_to("gone")
    (data / "train" / "b.md").symlink_to("gone.md")
    with pytest.raises(DataError) as caught:
        corpus.load(corpus.find_splits(data), LABELS, strict=False)
    assert {problem.where for problem in caught.value.problems} == {str(data / "test"), str(data / "train" / "b.md")}


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / f"{name}.conll").write_text("Rebels B-ACTOR\nleft O\n")
    (tmp_path / f"{name}.md").write_text("[no report\n")
    documents, found = corpus.read([tmp_path])
    assert [document.id for document in documents] == ["caf\\xe9:1"]
    assert [problem.where for problem in found] == [f"{tmp_path}/caf\\xe9.md:1:1"]
