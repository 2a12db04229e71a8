"""Reports of every form are read in order with their ids, and those that cannot be read are reported."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conflict_ner.errors import Problem
from conflict_ner.inference.files.sources import (
    STDIN,
    TEXT_COLUMNS,
    Form,
    Source,
    expand,
    form_of,
    read_sources,
    rename_reserved,
)
from conflict_ner.inference.files.table_readers import Columns, Dialect
from helpers.archives import CapitalTagger, standard_input, tag_archive, write, zstd

if sys.version_info >= (3, 14):
    from compression import zstd as zstandard
else:
    from backports import zstd as zstandard


def read(*paths: Path, form: Form = "txt", columns: Columns = TEXT_COLUMNS) -> tuple[list[Source], list[str]]:
    """The reports that can be read, and the problems of the others."""
    problems: list[Problem] = []
    sources = list(read_sources(paths, problems.append, form, columns))
    return sources, [str(problem) for problem in problems]


def test_a_text_file_is_one_report_under_its_path(tmp_path: Path) -> None:
    content = "\ufeffGoma fell.\r\n\r\nBeni \U0001f4a3 too.\n"
    file = write(tmp_path / "report.txt", content)
    assert read(file) == ([Source(str(file), content)], [])


def test_a_jsonl_file_is_a_report_a_line(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "Goma\nfell."}, {"text": "Beni \u2028 too."}, {"id": 7, "text": ""}]
    file = write(tmp_path / "reports.jsonl", "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\r\n")
    sources, problems = read(file)
    assert [(source.id, source.text) for source in sources] == [
        ("a", "Goma\nfell."),
        (f"{file}:3", "Beni \u2028 too."),
        (7, ""),
    ]
    assert problems == []


def test_a_byte_order_mark_before_json_does_no_harm(tmp_path: Path) -> None:
    assert read(write(tmp_path / "r.jsonl", '\ufeff{"id": "a", "text": "Goma"}\n')) == ([Source("a", "Goma")], [])


def test_a_folder_is_searched_in_order_and_what_else_lies_there_is_left_alone(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/y.jsonl", "c.pdf", "README"):
        write(tmp_path / name, json.dumps({"id": name, "text": name}))
    sources, problems = read(tmp_path)
    names = [Path(source.id).name for source in sources]
    assert names == ["y.jsonl", "z.txt", "b.txt"]
    assert problems == []


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_names_that_are_not_utf8_are_escaped_in_every_output(tmp_path: Path, form: str) -> None:
    write(tmp_path / "in" / os.fsdecode(b"caf\xe9.txt"), "Goma")
    write(tmp_path / "in" / "z.txt", "Beni")
    out = tmp_path / f"out.{form}"
    assert tag_archive(CapitalTagger(), expand([tmp_path / "in"], print), out) == []
    if form == "parquet":
        ids = pq.read_table(out).column("id").to_pylist()
    else:
        rows = out.read_bytes().decode("utf-8").splitlines()
        ids = [
            json.loads(row)["id"] if form == "jsonl" else next(csv.reader([row]))[0] for row in rows if "/in/" in row
        ]
    assert ids == [f"{tmp_path}/in/caf\\xe9.txt", f"{tmp_path}/in/z.txt"]


def test_a_path_below_a_closed_folder_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    sources, problems = read(tmp_path / "a.txt")
    assert sources == []
    assert problems == [f"{tmp_path}/a.txt: cannot be read: Permission denied; check path and permissions"]


def test_paths_are_read_in_the_order_given(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.txt", name) for name in "cab"]
    assert [source.text for source in read(*files)[0]] == ["c", "a", "b"]


def test_standard_input_is_text_or_jsonl_as_said_and_not_as_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"id": "a", "text": "Goma"}\n'
    standard_input(monkeypatch, line)
    assert read(STDIN) == ([Source("standard input", line.decode())], [])
    standard_input(monkeypatch, line + b"{\n")
    sources, problems = read(STDIN, form="jsonl")
    assert sources == [Source("a", "Goma")]
    assert [problem.partition(": ")[0] for problem in problems] == ["standard input:2"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"id": "x", "text": "Goma"', "not JSON"),
        (b"Goma fell.", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "Goma", "n": ' + b"9" * 5000 + b"}", "not JSON: a number has too many digits"),
        (b'{"text": "Goma \xff"}', "not UTF-8"),
        (b"\x1f\x8b\x08\x00", "not text but gzip data; name a file of text, or give it the ending"),
        (b'{"id": "x"}', "no string under 'text'"),
        (b'{"text": null}', "no string under 'text'"),
        (b'{"text": ["Goma"]}', "no string under 'text'"),
        (b'"Goma fell."', "no string under 'text'"),
        (b"3", "no string under 'text'"),
    ],
    ids=["cut off", "plain text", "nested", "digits", "latin-1", "gzip", "no text", "null", "list", "string", "number"],
)
def test_a_broken_line_is_reported_with_file_and_line_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, message: str
) -> None:
    good = b'{"id": "%d", "text": "Goma"}'
    file = write(tmp_path / "r.jsonl", b"\n".join([good % 1, line, good % 3, b""]))
    sources, problems = read(file)
    assert [source.id for source in sources] == ["1", "3"]
    (problem,) = problems
    assert problem.startswith(f"{file}:2: {message}")


def test_a_text_file_that_is_not_utf8_is_reported_with_its_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = write(tmp_path / "a.txt", "Beni – Goma\ntwo ".encode() + b"caf\xe9\n")  # noqa: RUF001 # a dash
    good = write(tmp_path / "b.txt", "Goma")
    sources, problems = read(bad, good)
    assert [source.text for source in sources] == ["Goma"]
    assert [problem.partition(" ")[0] for problem in problems] == [f"{bad}:2:"]


@pytest.mark.parametrize(("name", "message"), [("a.pdf", ".pdf is not tagged"), ("a", "without ending is not tagged")])
def test_an_unknown_ending_is_reported_and_the_rest_goes_on(tmp_path: Path, name: str, message: str) -> None:
    bad, good = write(tmp_path / name, "Goma"), write(tmp_path / "b.txt", "Goma")
    sources, problems = read(bad, good)
    assert [source.id for source in sources] == [str(good)]
    assert message in problems[0]


def test_what_is_not_there_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    good, empty = write(tmp_path / "b.txt", "Goma"), tmp_path / "empty"
    empty.mkdir()
    missing = [tmp_path / "a.txt", tmp_path / "a.jsonl", tmp_path / "folder"]
    sources, problems = read(*missing, empty, good)
    assert [source.id for source in sources] == [str(good)]
    assert [problem.partition(": ")[0] for problem in problems] == [str(path) for path in (*missing, empty)]


ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": "Goma fell.", "year": 2012},
    {"id": "b", "text": "", "year": 2013},
    {"id": "c", "text": 'Beni,\n"too" \u2028 \U0001f4a3', "year": 2014},
]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = 'id,text,year\r\na,Goma fell.,2012\r\nb,,2013\r\nc,"Beni,\n""too"" \u2028 \U0001f4a3",2014\r\n'
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}


def parquet(file: Path, rows: list[dict[str, Any]], **settings: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), file, **settings)
    return file


def texts(sources: list[Source]) -> list[tuple[Any, str]]:
    return [(source.id, source.text) for source in sources]


KNOWN = [(row["id"], row["text"]) for row in ROWS]


def test_all_forms_hold_the_same_reports(tmp_path: Path) -> None:
    files = [write(tmp_path / "r.jsonl", JSONL), write(tmp_path / "r.csv", CSV)]
    files.append(parquet(tmp_path / "r.parquet", ROWS, row_group_size=2))
    for file in files:
        sources, problems = read(file)
        assert (texts(sources), problems) == (KNOWN, [])
        assert [str(source.metadata["year"]) for source in sources] == ["2012", "2013", "2014"]


@pytest.mark.parametrize("packing", PACK)
def test_packed_files_are_read_as_they_are(tmp_path: Path, packing: str) -> None:
    for name, content in (("r.jsonl", JSONL), ("r.CSV", CSV)):
        file = write(tmp_path / f"{name}{packing}", PACK[packing](content.encode()))
        sources, problems = read(file)
        assert (texts(sources), problems) == (KNOWN, [])
    file = write(tmp_path / f"report.txt{packing}", PACK[packing](b"Goma\r\n"))
    assert read(file) == ([Source(str(file), "Goma\r\n")], [])


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_that_breaks_off_gives_what_is_whole_and_says_so(tmp_path: Path, packing: str) -> None:
    lines = "".join(json.dumps({"id": n, "text": f"{n * 7919 % 10007} Goma"}) + "\n" for n in range(20_000))
    packed = PACK[packing](lines.encode())
    file = write(tmp_path / f"r.jsonl{packing}", packed[: len(packed) // 2])
    good = write(tmp_path / "z.txt", "Goma")
    sources, problems = read(file, good)
    assert [source.id for source in sources] == [*range(len(sources) - 1), str(good)]
    assert len(problems) == 1
    assert problems[0].startswith(f"{file}: damaged after {len(sources) - 1} report")
    write(file, b"this is not packed at all")
    sources, problems = read(file, good)
    assert [source.id for source in sources] == [str(good)]
    assert problems[0].startswith(f"{file}: damaged after 0 reports")


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "r.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("b/r.jsonl", JSONL), ("a.txt", "Goma"), ("scan.pdf", ""), ("__MACOSX/a.txt", "x")):
            archive.writestr(name, content)
        archive.writestr("r.csv.gz", gzip.compress(CSV.encode()))
        archive.writestr("r.parquet", parquet(tmp_path / "r.parquet", ROWS).read_bytes())
    sources, problems = read(file)
    assert texts(sources) == [*KNOWN, (f"{file}/a.txt", "Goma"), *KNOWN]
    assert [problem.partition(": ")[0] for problem in problems] == [f"{file}/r.parquet"]


def test_zips_of_nothing_or_damaged_are_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("scan.pdf", "")
    broken = write(tmp_path / "broken.zip", b"PK no zip")
    sources, problems = read(empty, broken)
    assert sources == []
    assert [problem.partition(": ")[0] for problem in problems] == [str(empty), str(broken)]


def test_a_missing_column_is_said_with_those_there_are(tmp_path: Path) -> None:
    rows = [{"doc": 1, "body": "Goma"}]
    table, lines = parquet(tmp_path / "r.parquet", rows), write(tmp_path / "r.csv", "doc,body\n1,Goma\n")
    good = write(tmp_path / "z.txt", "Goma")
    sources, problems = read(table, lines, good)
    assert [source.id for source in sources] == [str(good)]
    assert problems == [
        f"{file}: no column 'text'; the columns are doc, body; name one with --column" for file in (table, lines)
    ]
    columns = Columns("body", "doc")
    assert texts(read(table, lines, columns=columns)[0]) == [(1, "Goma"), ("1", "Goma")]
    assert "no column 'number'; the columns are doc, body; name one with --id-column" in str(
        read(table, columns=Columns("body", "number"))[1]
    )


def test_rows_without_an_id_are_called_by_their_place(tmp_path: Path) -> None:
    table = parquet(tmp_path / "r.parquet", [{"text": "a"}, {"text": "b"}])
    lines = write(tmp_path / "r.csv", 'id,text\n,"a\nb"\n\n,c\n')
    assert texts(read(table)[0]) == [(f"{table}:1", "a"), (f"{table}:2", "b")]
    assert texts(read(lines)[0]) == [(f"{lines}:2", "a\nb"), (f"{lines}:5", "c")]


def test_a_row_whose_text_is_null_is_said_with_its_id_and_left_out(tmp_path: Path) -> None:
    rows = [{"id": n, "text": None if n % 3 else f"Goma {n}"} for n in range(1000)]
    file = parquet(tmp_path / "r.parquet", rows, row_group_size=100)
    sources, problems = read(file)
    assert texts(sources) == [(row["id"], row["text"]) for row in rows if row["text"]]
    assert len(problems) == 666
    assert problems[0] == f"{file}:2: no string under 'text' but null (id 1); the row is left out"


def test_other_columns_stay_clear_of_what_a_result_has(tmp_path: Path) -> None:
    file = write(tmp_path / "r.csv", "id,text,doc,body,report.id\n1,summary,d1,Goma fell.,x\n")
    (source,) = read(file, columns=Columns("body", "doc"))[0]
    assert source == Source("d1", "Goma fell.", {"report.id": "1", "report.text": "summary", "report.report.id": "x"})
    assert rename_reserved({"year": 1, "reporter": 2}, ("id",)) == {"year": 1, "reporter": 2}


def test_positions_grow_to_the_size_of_all_files(tmp_path: Path) -> None:
    rows = [{"id": n, "text": "Goma"} for n in range(2000)]
    files = [
        write(tmp_path / "a.jsonl", JSONL),
        parquet(tmp_path / "b.parquet", rows, row_group_size=50),
        write(tmp_path / "c.csv", CSV),
    ]
    positions = [source.position for source in read(*files)[0]]
    assert positions == sorted(positions)
    assert len(set(positions[3:-3])) > 3  # the Parquet file, batch by batch
    assert positions[-1] == sum(file.stat().st_size for file in files)


def test_standard_input_may_be_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, CSV.encode())
    assert texts(read(STDIN, form="csv")[0]) == KNOWN


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.TXT.GZ", ("txt", ".gz")),
        ("a.zip", ("zip", "")),
        ("a.zip.gz", None),
        (".csv", None),
        ("a.xlsx.GZ", ("excel", ".gz")),
        ("a.ODS", ("excel", "")),
    ],
)
def test_forms_are_known_by_name(name: str, form: Any) -> None:
    assert form_of(name) == form


def test_folders_are_searched_before_the_work_in_the_order_of_reading(tmp_path: Path) -> None:
    files = [write(tmp_path / "in" / name, "Goma") for name in ("a.csv", "b.txt.gz", "c/d.parquet")]
    problems: list[Problem] = []
    assert expand([STDIN, tmp_path / "in", tmp_path / "none.txt"], problems.append) == [
        STDIN,
        *files,
        tmp_path / "none.txt",
    ]
    assert problems == []


@pytest.mark.parametrize("name", ["r.ndjson", "r.JSON", "r.jsonl.gzip", "r.jsonl.zstd", "r.NDJSON.BZ2"])
def test_files_are_read_as_what_they_are_whatever_the_custom_of_their_ending(tmp_path: Path, name: str) -> None:
    packing = {".gzip": ".gz", ".zstd": ".zst", ".BZ2": ".bz2"}.get(Path(name).suffix)
    file = write(tmp_path / name, PACK[packing](JSONL.encode()) if packing else JSONL)
    assert texts(read(file)[0]) == KNOWN
    assert read(file)[1] == []


@pytest.mark.parametrize("indent", [None, 1])
def test_json_may_be_one_array(tmp_path: Path, indent: int | None) -> None:
    sources, problems = read(write(tmp_path / "r.json", json.dumps(ROWS, indent=indent)))
    assert (texts(sources), problems) == (KNOWN, [])
    sources, problems = read(write(tmp_path / "one.json", json.dumps(ROWS[0], indent=indent)))
    assert (texts(sources), problems) == (KNOWN[:1], [])
    (problem,) = read(write(tmp_path / "broken.json", json.dumps(ROWS, indent=1)[:-3]))[1]
    assert "broken.json: not JSON" in problem


def test_a_table_parted_by_tabs_is_read(tmp_path: Path) -> None:
    sources, problems = read(write(tmp_path / "r.tsv", 'id\ttext\na\tGoma, Beni\nb\t"Goma\tfell"\n'))
    assert (texts(sources), problems) == ([("a", "Goma, Beni"), ("b", "Goma\tfell")], [])


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("a.numbers", "export it as .xlsx or CSV"),
        ("a.docx", "save it as plain text"),
        ("a.7z", "unpack it"),
        ("a.dta", "export it as CSV"),
    ],
)
def test_what_to_do_with_other_files_is_said(tmp_path: Path, name: str, fix: str) -> None:
    assert fix in read(write(tmp_path / name, "x"))[1][0]


def test_labeled_reports_are_read_without_their_labels_and_other_markdown_is_left_out(tmp_path: Path) -> None:
    source = "=== a\nyear: 2012\n\n[Rebels](ACTOR) left.\n\n=== b\n\n[Goma fell.\n"
    file, plain = write(tmp_path / "r.md", source), write(tmp_path / "README.md", "# Reports\n")
    sources, problems = read(tmp_path)
    assert [(each.id, each.text, each.metadata) for each in sources] == [("a", "Rebels left.", {"year": 2012})]
    assert [problem.partition(": ")[0] for problem in problems] == [str(plain), f"{file}:8:1"]
    assert read(plain)[0] == []


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_is_read_like_a_folder(tmp_path: Path, mode: Any) -> None:
    ending = {"w": ".tar", "w:gz": ".tgz", "w:xz": ".tar.xz"}[mode]
    file = tmp_path / f"r{ending}"
    write(tmp_path / "in" / "a.txt", "Goma")
    write(tmp_path / "in" / "b.jsonl.gz", gzip.compress(JSONL.encode()))
    write(tmp_path / "in" / "c.pdf", "")
    parquet(tmp_path / "in" / "d.parquet", ROWS)
    with tarfile.open(file, mode) as archive:
        for member in sorted((tmp_path / "in").iterdir()):
            archive.add(member, member.name)
    sources, problems = read(file)
    assert texts(sources) == [(f"{file}/a.txt", "Goma"), *KNOWN]
    assert [problem.partition(": ")[0] for problem in problems] == [f"{file}/d.parquet"]
    content = file.read_bytes()
    for size in (len(content) // 2, 1024 if mode == "w" else len(content) - 9):
        sources, problems = read(write(tmp_path / f"cut{ending}", content[:size]))
        assert texts(sources) == [(f"{tmp_path / 'cut'}{ending}/a.txt", "Goma"), *KNOWN][: len(sources)]
        assert "damaged after" in problems[-1]


def test_zstandard_of_a_long_window_is_read_and_one_that_breaks_off_is_said(tmp_path: Path) -> None:
    options: dict[int, int] = {
        zstandard.CompressionParameter.window_log: 28,
        zstandard.CompressionParameter.checksum_flag: 1,
    }
    packer = zstandard.ZstdCompressor(options=options)
    packed = packer.compress(JSONL.encode()) + packer.flush()  # in two steps: its size is not known, so not cut down
    sources, problems = read(write(tmp_path / "r.jsonl.zst", packed))
    assert (texts(sources), problems) == (KNOWN, [])
    for size in range(1, len(packed), 7):
        sources, problems = read(write(tmp_path / "cut.jsonl.zst", packed[:size]))
        assert texts(sources) == KNOWN[: len(sources)]
        assert "damaged after" in problems[-1]
    sources, problems = read(write(tmp_path / "two.jsonl.zst", packed + packed))
    assert (texts(sources), problems) == (KNOWN * 2, [])


def test_a_wrong_checksum_casts_doubt_on_what_was_read_before(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(JSONL.encode() * 2000))
    packed[-8] ^= 1
    assert "what was read before may be wrong" in read(write(tmp_path / "r.jsonl.gz", bytes(packed)))[1][0]


def test_text_of_other_encodings_is_read_by_its_mark_or_where_the_encoding_is_named(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.txt", "café".encode("utf-16")), write(tmp_path / "b.jsonl", JSONL.encode("utf-16"))]
    sources, problems = read(*files)
    assert (texts(sources), problems) == ([(str(files[0]), "café"), *KNOWN], [])
    file = write(tmp_path / "c.txt", b"caf\xe9")
    complaints: list[Problem] = []
    (source,) = read_sources([file], complaints.append, dialect=Dialect(encoding="cp850"))
    assert (source.text, complaints) == ("cafÚ", [])


SPREADSHEET = "id;text\r\n1;„Kämpfer“ – Müller getötet\r\n2;São João\r\n"  # noqa: RUF001 # a dash


@pytest.mark.parametrize("packing", ["", *PACK])
def test_a_file_whose_encoding_is_certain_is_read_and_that_is_said_once(tmp_path: Path, packing: str) -> None:
    content = SPREADSHEET.encode("cp1252")
    file = write(tmp_path / f"r.csv{packing}", PACK[packing](content) if packing else content)
    problems: list[Problem] = []
    sources = list(read_sources([file], problems.append))
    assert texts(sources) == [("1", "„Kämpfer“ – Müller getötet"), ("2", "São João")]  # noqa: RUF001 # a dash
    assert [str(problem) for problem in problems] == [
        f"{file}: is not UTF-8 and is read as cp1252; give --encoding if that is wrong",
        f"{file}: fields are separated by ';'",
    ]
    assert all(problem.note for problem in problems)


def test_encodings_are_guessed_file_by_file_and_not_where_one_is_named_or_nothing_can_be_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        write(tmp_path / "a.jsonl", JSONL.encode("utf-16-le")),
        write(tmp_path / "b.txt", "café".encode("cp1252")),
        write(tmp_path / "c.txt", "café".encode()),
        write(tmp_path / "d.tsv", "id\ttext\n1\tAngriff auf Köln\n".encode("cp1252")),
    ]
    sources, notes = read(*files)
    assert [source.text for source in sources] == [*(text for _, text in KNOWN), "café", "café", "Angriff auf Köln"]
    assert [note.split(" read as ")[1].split(";")[0] for note in notes] == ["utf-16-le", "cp1252", "cp1252"]
    standard_input(monkeypatch, "café".encode("cp1252"))
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("e.txt", "café".encode("cp1252"))
    sources, problems = read(STDIN, tmp_path / "r.zip")
    assert sources == []
    assert all("not UTF-8: read as cp1252 it is 'café'" in problem for problem in problems)
    assert len(problems) == 2


def test_utf8_with_damaged_bytes_stays_utf8(tmp_path: Path) -> None:
    content = "id,text\n1,Goma – Beni\n".encode() + b"2,caf\xe9\n3,caf\xe9 too\n4,Goma\n"  # noqa: RUF001 # a dash
    sources, problems = read(write(tmp_path / "r.csv", content))
    assert texts(sources) == [("1", "Goma – Beni"), ("4", "Goma")]  # noqa: RUF001 # a dash
    assert [problem.partition(": ")[0] for problem in problems] == [f"{tmp_path}/r.csv:3", f"{tmp_path}/r.csv:4"]


@pytest.mark.parametrize("name", ["", ".", "..", "/", "./", ".csv", "a.", "..."])
def test_a_name_without_a_form_has_none(name: str) -> None:
    assert form_of(name) is None


def test_the_folder_that_one_stands_in_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("Goma fell.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    problems: list[Problem] = []
    assert [source.text for source in read_sources([Path()], problems.append)] == ["Goma fell."]
    assert problems == []
