"""Data sets of Hugging Face: folders, Parquet and JSON, read as `datasets` writes them and written as it reads them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.data.corpus import Corpus, find_splits
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import conversion, report_files
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.formats.report_files import read_file

NAMES = ["O", "B-ACTOR", "I-ACTOR", "B-LOCATION", "I-LOCATION"]
ROWS = {
    "id": ["0", "1"],
    "tokens": [["The", "rebels", "left", "El", "Fasher"], ["They", "fled"]],
    "pos_tags": [[1, 2, 3, 4, 4], [5, 3]],
    "ner_tags": [[1, 2, 0, 3, 4], [0, 0]],
    "genre": [0, 1],
}


def data_set() -> datasets.Dataset:
    tags = datasets.Sequence(datasets.ClassLabel(names=NAMES))
    tokens, numbers = datasets.Sequence(datasets.Value("string")), datasets.Sequence(datasets.Value("int32"))
    genre = datasets.ClassLabel(names=["news", "note"])
    names = {"id": datasets.Value("string"), "tokens": tokens, "pos_tags": numbers, "ner_tags": tags, "genre": genre}
    return datasets.Dataset.from_dict(ROWS, features=datasets.Features(names))


def marked(document: Document) -> list[tuple[str, str]]:
    return [(document.slice(mention), mention.label) for mention in document.mentions]


def read(path: Path, options: ReadOptions = NO_OPTIONS) -> tuple[list[Document], list[str], list[str]]:
    documents, problems = read_file(path, options)
    faults = [str(problem).removeprefix(f"{path}") for problem in problems if not problem.note]
    return documents, faults, [problem.what for problem in problems if problem.note]


def check_rows(documents: list[Document]) -> None:
    assert [document.text for document in documents] == ["The rebels left El Fasher", "They fled"]
    assert marked(documents[0]) == [("The rebels", "ACTOR"), ("El Fasher", "LOCATION")]
    assert [document.metadata for document in documents] == [{"genre": "news"}, {"genre": "note"}]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def test_a_folder_of_splits_is_read_as_one_and_by_split(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": data_set(), "test": data_set()}).save_to_disk(tmp_path / "both")
    documents, faults, notes = read(tmp_path / "both")
    assert [document.id for document in documents] == ["train:0", "train:1", "test:0", "test:1"]
    assert (faults, notes) == ([], ["columns left out: pos_tags"] * 2 + ["its splits train, test are read as one"])
    check_rows(documents[2:])
    assert list(find_splits(tmp_path / "both")) == ["train", "test"]
    assert report_files.search(tmp_path / "both").files == [tmp_path / "both"]
    documents, faults, _ = read(tmp_path / "both" / "train")
    check_rows(documents)


def test_a_folder_in_several_files_and_of_an_older_version_is_read(tmp_path: Path) -> None:
    data_set().save_to_disk(tmp_path / "a", num_shards=2)
    (tmp_path / "a" / "state.json").unlink()
    info = json.loads((tmp_path / "a" / "dataset_info.json").read_text())
    info["features"]["ner_tags"] = [info["features"]["ner_tags"]["feature"]]  # the list of features up to 3.6
    (tmp_path / "a" / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
    check_rows(read(tmp_path / "a")[0])


def test_a_folder_that_is_not_complete_is_an_error(tmp_path: Path) -> None:
    data_set().save_to_disk(tmp_path / "a")
    arrow = tmp_path / "a" / "data-00000-of-00001.arrow"
    whole = arrow.read_bytes()
    arrow.write_bytes(whole[: len(whole) // 2])
    documents, (fault,), _ = read(tmp_path / "a")
    assert (documents, fault.startswith(": damaged")) == ([], True)
    arrow.unlink()
    assert "cannot be read: No such file or directory" in read(tmp_path / "a")[1][0]


@pytest.mark.parametrize("compressed", [False, True])
def test_parquet_as_datasets_writes_it_is_read(compressed: bool, tmp_path: Path) -> None:
    file = tmp_path / "train.parquet"
    data_set().to_parquet(file)
    if compressed:
        file = tmp_path / "train.parquet.gz"
        file.write_bytes(gzip.compress((tmp_path / "train.parquet").read_bytes()))
    documents, faults, notes = read(file)
    check_rows(documents)
    assert [document.id for document in documents] == ["train:0", "train:1"]
    assert (faults, notes) == ([], ["columns left out: pos_tags"])


def test_parquet_is_written_as_datasets_reads_it_with_the_names_of_the_tags(tmp_path: Path) -> None:
    report = Document(
        "a", "Rebels left\tEl Fasher.", (Mention(0, 6, "ACTOR"), Mention(12, 21, "LOCATION")), {"year": 9}
    )
    Corpus({"data": (report,)}).save(tmp_path / "a.jsonl")
    conversion.convert(tmp_path / "a.jsonl", tmp_path / "a.parquet", target_scheme="BIOES")
    loaded = datasets.Dataset.from_parquet(str(tmp_path / "a.parquet"), cache_dir=str(tmp_path / "cache"))
    tags = loaded.features["ner_tags"].feature
    assert tags.names == ["O", *(f"{prefix}-{label}" for label in ("ACTOR", "LOCATION") for prefix in "BIES")]
    assert [tags.int2str(tag) for tag in loaded[0]["ner_tags"]] == ["S-ACTOR", "O", "B-LOCATION", "E-LOCATION", "O"]
    assert loaded[0]["tokens"] == ["Rebels", "left", "El", "Fasher", "."]
    assert read(tmp_path / "a.parquet")[0] == [report]


def test_our_own_data_set_is_read_back(tmp_path: Path) -> None:
    report = Document("a", "Rebels left.", (Mention(0, 6, "ACTOR"),), {"year": 9, "id ": "x"})
    Corpus({"data": (report,)}).to_datasets()["data"].save_to_disk(tmp_path / "a")
    assert read(tmp_path / "a") == ([report], [], [])


@pytest.mark.parametrize("form", ["lines", "array", "object", "indented"])
@pytest.mark.parametrize("packed", [False, True])
def test_json_in_lines_and_arrays_is_read(form: str, packed: bool, tmp_path: Path) -> None:
    rows = [{**row, "ner_tags": [NAMES[tag] for tag in row["ner_tags"]]} for row in data_set()]
    texts = {
        "lines": "\n".join(map(json.dumps, rows)),
        "array": json.dumps(rows),
        "object": json.dumps({"version": "1", "data": rows}),
        "indented": json.dumps(rows, indent=2),
    }
    file = tmp_path / f"a{'.jsonl' if form == 'lines' else '.json'}{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(texts[form].encode()) if packed else texts[form].encode())
    documents, faults, _ = read(file)
    assert faults == []
    assert next((document.text, marked(document)) for document in documents) == (
        "The rebels left El Fasher",
        [("The rebels", "ACTOR"), ("El Fasher", "LOCATION")],
    )


def test_numbers_without_names_are_an_error_that_says_how_to_name_them(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"tokens": ["Rebels", "left"], "tags": [1, 0]}\n' * 2, encoding="utf-8")
    documents, faults, _ = read(file)
    assert (documents, len(faults)) == ([], 2)
    assert "the tags in 'tags' are numbers, and the file has no names for them; name them" in faults[0]
    assert "--tag-names O,B-ACTOR,I-ACTOR" in faults[0]
    documents, faults, _ = read(file, ReadOptions(tag_names=("O", "B-X")))
    assert (faults, marked(documents[0]), documents[0].id) == ([], [("Rebels", "X")], "a:1")
    assert "the tag 1 has no name: there are 1, from 0" in read(file, ReadOptions(tag_names=("O",)))[1][0]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, ":2: 2 tokens and 1 tags; give each token one"),
        ({"tokens": "a b", "ner_tags": ["O"]}, ":2: 'tokens' and 'ner_tags' are not lists of strings"),
        ({"tokens": ["a"], "ner_tags": ["Q"]}, ":2: 'Q' is not a tag; write O, B-LABEL or I-LABEL"),
        ({"tokens": ["a"], "ner_tags": ["I-X"]}, ":2: 'I-X' continues no mention; write B-X"),
        ({"tokens": ["a", ""], "ner_tags": ["B-X", "I-X"]}, ":2: an empty token in a mention; remove it"),
        ([1], ":2: not an object with columns"),
    ],
)
def test_a_fault_has_its_line(row: Any, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = json.dumps({"tokens": ["Rebels", "", "left"], "ner_tags": ["B-A", "O", "O"]})
    file.write_text(f"{good}\n{json.dumps(row)}\n{good}\n", encoding="utf-8")
    documents, faults, notes = read(file)
    assert [document.text for document in documents if document.is_valid] == ["Rebels left"] * 2
    assert [fault] == [each[: len(fault)] for each in faults]
    assert notes == ["empty tokens removed in 2 reports"]


def test_schemes_are_decided_by_all_rows_and_labels_without_prefixes_are_read(tmp_path: Path) -> None:
    rows = [(["El", "Fasher", "Goma"], ["B-L", "E-L", "S-L"]), (["Goma"], ["S-L"])]
    table = {"tokens": [tokens for tokens, _ in rows], "ner_tags": [tags for _, tags in rows]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    documents, faults, notes = read(tmp_path / "a.parquet")
    assert (marked(documents[0]), faults, notes) == ([("El Fasher", "L"), ("Goma", "L")], [], ["the tags are in BIOES"])
    assert "in IOB1" in read(tmp_path / "a.parquet", ReadOptions(scheme="IOB1"))[1][0]
    features = datasets.Features(
        {
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "person-actor"])),
        }
    )
    plain = datasets.Dataset.from_dict({"tokens": [["El", "Cid"]], "ner_tags": [[1, 1]]}, features=features)
    plain.to_parquet(tmp_path / "b.parquet")
    documents, faults, (note,) = read(tmp_path / "b.parquet")
    assert (marked(documents[0]), faults) == ([("El Cid", "person-actor")], [])
    assert "the tags have no prefixes: neighboring words of one label are one mention" in note


def test_a_table_without_tags_is_an_error_that_lists_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["Rebels left."], "label": [1]}), tmp_path / "a.parquet")
    assert (
        "no columns of tokens and tags, such as `tokens` and `ner_tags`: it has text, label"
        in (read(tmp_path / "a.parquet")[1][0])
    )
