"""Workbooks are read with the types of their cells, and what is written reads back; what cannot be is refused."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
import zlib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from conflict_ner.errors import JobError, MissingExtraError, Problem
from conflict_ner.inference.files import excel, sources
from conflict_ner.inference.files.excel import excel_rows, write_workbook
from conflict_ner.inference.files.screening import refuse_unfit_for_excel
from conflict_ner.inference.files.sources import Source, expand, read_sources
from conflict_ner.inference.files.table_readers import Columns, Dialect
from helpers.archives import CapitalTagger, tag_archive, write
from hypothesis import given, settings
from hypothesis import strategies as st

Sheet = list[list[Any]]


def workbook(file: Path, sheets: dict[str, Sheet], hidden: tuple[str, ...] = ()) -> Path:
    """A workbook as a person would make it: with real dates, and formulas with the value that Excel has saved."""
    book = xlsxwriter.Workbook(file)
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for number, row in enumerate(rows):
            for index, value in enumerate(row):
                if isinstance(value, tuple):
                    sheet.write_formula(number, index, value[0], None, value[1])
                elif isinstance(value, date | time):
                    sheet.write_datetime(number, index, value, day)
                elif value is not None:
                    sheet.write(number, index, value)
    book.close()
    return file


def read(
    *files: Path, sheet: str | None = None, columns: Columns = sources.TEXT_COLUMNS
) -> tuple[list[Any], list[str]]:
    problems: list[Problem] = []
    found = list(read_sources(files, problems.append, columns=columns, dialect=Dialect(sheet=sheet)))
    return [(source.id, source.text, dict(source.metadata)) for source in found], [str(p) for p in problems]


def test_cells_have_the_values_that_a_person_sees(tmp_path: Path) -> None:
    rows: Sheet = [
        [],
        [" id ", "text", "when", "n", 2012, None],
        [1, "Goma fell.", date(2024, 5, 3), 2.5, True],
        [],
        ["007", "=1+1", datetime(2024, 5, 3, 12, 30), ("=1/0", "#DIV/0!"), None, "a note beside"],
        [None, ("=A3", "Beni"), time(12, 30), ("=2*4", 8), 1e300],
    ]
    rows[4][1] = ('="=1+"&"1"', "=1+1")
    file = workbook(tmp_path / "r.xlsx", {"Data": rows})
    assert read(file) == (
        [
            (1, "Goma fell.", {"when": "2024-05-03", "n": 2.5, "2012": True}),
            ("007", "=1+1", {"when": "2024-05-03T12:30:00", "n": None, "2012": None, "": "a note beside"}),
            (f"{file}/Data:6", "Beni", {"when": "12:30:00", "n": 8, "2012": 1e300}),
        ],
        [],
    )


def test_a_text_that_is_none_is_said_with_file_sheet_and_row_and_the_rest_is_read(tmp_path: Path) -> None:
    file = workbook(tmp_path / "r.xlsx", {"A b": [["id", "text"], [1, 19], [2, None], [3, "Goma"], [4, True]]})
    found, problems = read(file)
    assert [row[0] for row in found] == [3]
    assert problems == [
        f"{file}/A b:2: no string under 'text' but a number (id 1); the row is left out",
        f"{file}/A b:3: the cell under 'text' is empty (id 2); the row is left out",
        f"{file}/A b:5: no string under 'text' but true or false (id 4); the row is left out",
    ]


TABLE: Sheet = [["id", "text"], [1, "Goma"]]
OTHER: Sheet = [["id", "text"], [2, "Beni"]]


def test_the_visible_sheet_with_the_column_is_read(tmp_path: Path) -> None:
    sheets: dict[str, Sheet] = {"Notes": [["about"]], "Old": OTHER, "Empty": [], "Data": TABLE}
    file = workbook(tmp_path / "r.xlsx", sheets, hidden=("Old",))
    assert read(file) == ([(1, "Goma", {})], [])
    assert read(file, sheet="Old") == ([(2, "Beni", {})], [])


def test_which_sheet_is_asked_where_it_is_not_certain(tmp_path: Path) -> None:
    file = workbook(tmp_path / "r.xlsx", {"2023": TABLE, "2024": OTHER, "Notes": [["about"]]})
    assert read(file) == ([], [f"{file}: several sheets have the column 'text': 2023, 2024; name one with --sheet"])
    assert read(file, sheet="2024")[0] == [(2, "Beni", {})]
    assert read(file, sheet="2025")[1] == [
        f"{file}: no sheet '2025'; the sheets are 2024, 2023, Notes; name one with --sheet"
    ]
    assert read(file, sheet="Notes")[1] == [
        f"{file}/Notes: no column 'text'; the columns are about; name one with --column"
    ]
    assert read(file, columns=Columns("body"))[1] == [
        f"{file}: no sheet has the columns; for example 2023: no column 'body'; the columns are id, text; "
        "name one with --column"
    ]
    (problem,) = read(workbook(tmp_path / "empty.xlsx", {"a": []}))[1]
    assert "empty.xlsx: no visible sheet has a row" in problem
    twice = workbook(tmp_path / "twice.xlsx", {"a": [["b"]], "c": [["text", "text"]]})
    assert read(twice)[1] == [f"{twice}/c: two columns are called 'text'; give one another name"]


NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns"
ODS = f"""<office:document-content xmlns:office="{NAMESPACE}:office:1.0" xmlns:table="{NAMESPACE}:table:1.0"
 xmlns:text="{NAMESPACE}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Tabelle1">
ROWS</table:table></office:spreadsheet></office:body></office:document-content>"""
ODS_ROW = (
    '<table:table-row><table:table-cell office:value-type="string"><text:p>{}</text:p>'
    "</table:table-cell></table:table-row>"
)
# A workbook of Excel 97 with the header `id`, `text`, `when` and one row, made by xlwt.
XLS = zlib.decompress(
    base64.b85decode(
        "c-rk)O=uHA6#izCG@H;So0<x(P(snFwG_mQmv*aEb4saR{6WyvELf_Egn&N>t=1d`!IL6Fp&q<cz4(J3^dNW;DtZtEA<>g~5)?eNS>L?"
        "fl{6wWqJ_$Q%e;B>X5P-*nfKo8?yLDkW#(R26%80d05vCqmO7cB67d@*sNZoE>(>SqM`KkXV$epmgz&iSWmxT@+V3hP?gpO`1wK$Ygp("
        "L8<n7c7Vkg^>70QM|q5?Na5<@3j)z0)N(=|-*@W>}jhgou&=^%}*h=Z87M*FsVUc6uSa9<4Sz7JUE9ZR;N122>ppT8p9u_5dzPGpa-vX"
        "1UxD`r6(nzr+HQMKc^g(xsGGLXp(93WJXq|KhiHzx&r^`rV}O3PPPE<p0{OXcC;$PL=WM)_441g78|;UFnff;NJ#FJu?69*S3myn7-?O"
        "vyf7qUzK!J5QmWE}Y1wK1Eet=R9C8$pdX1AFV`lh%=wyC^5;9h1*|VXU4~@!z`KN-0z+c8<atCa6xI1a*TT<(*Tt|=C?4t$ah`Gd>7Ls"
        "xiHneV;vr|dz!~w;@)1GXB*><wXu%hM11-4o`>D#kJe`5=hD@)$+@@I40>oma-^@WY4nSJas8UYBg?OamrdR??ffOP7}E4?cf4aTjztw"
        "qgalK!rB+A$Y)Nmel(uNlJ}09rOYkbI@q)G0>bQN9Y`XbeVo0{*J}=#H-8meEhK7cQhK7cQhQ^;kc<<%`?>iynz59o~|2m6QYWg?He~Y"
        "~+&{d+3%3a7)UBsED{AVpf!oQbTrjGx=P+=d<Uc@BE*^bGk{g=MoME&zDThaV`A=K>rwPx)6$MgRHl4Q?!"
    )
)


def test_older_and_other_workbooks_are_read_too(tmp_path: Path) -> None:
    ods = tmp_path / "r.ods"
    with zipfile.ZipFile(ods, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", ODS.replace("ROWS", ODS_ROW.format("text") + ODS_ROW.format("Goma é")))
    assert read(ods) == ([(f"{ods}/Tabelle1:2", "Goma é", {})], [])
    assert read(write(tmp_path / "r.XLS", XLS)) == ([(1, "Goma é", {"when": "2024-05-03"})], [])


def test_a_workbook_in_an_archive_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "r.xlsx", {"a": TABLE})
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.write(file, "r.xlsx")
    assert read(tmp_path / "r.zip") == ([(1, "Goma", {})], [])
    monkeypatch.setattr(sources, "_LARGEST_PACKED", 1000)
    (problem,) = read(tmp_path / "r.zip")[1]
    assert problem.startswith(f"{tmp_path}/r.zip/r.xlsx: an Excel file of more than")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged, or not a workbook"),
        (b"id,text\n1,Goma\n", "damaged, or not a workbook"),
        (b"<table><tr><td>text</td></tr></table>", "damaged, or not a workbook"),
        (XLS[:2000], "damaged, or not a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "with a password"),
    ],
    ids=["empty", "csv", "html", "cut", "locked"],
)
def test_a_file_that_is_no_workbook_is_said_and_the_rest_goes_on(tmp_path: Path, content: bytes, message: str) -> None:
    bad, good = write(tmp_path / "a.xlsx", content), workbook(tmp_path / "b.xlsx", {"a": TABLE})
    found, (problem,) = read(bad, good)
    assert found == [(1, "Goma", {})]
    assert problem.startswith(f"{bad}: ")
    assert message in problem


def test_a_stray_cell_is_said_and_formats_far_from_the_table_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "_MAX_CELLS", 1000)
    for content in (None, "x"):
        book = xlsxwriter.Workbook(tmp_path / "r.xlsx")
        sheet = book.add_worksheet("a")
        for index, row in enumerate(TABLE):
            sheet.write_row(index, 0, row)
        sheet.write(99, 99, content, book.add_format({"bold": True}))
        book.close()
        found, problems = read(tmp_path / "r.xlsx")
        assert found == ([] if content else [(1, "Goma", {})])
        assert [problem.partition(": ")[2].partition(";")[0] for problem in problems] == (
            ["a cell far from the others makes a sheet too large to read"] if content else []
        )


def written(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
    stream = io.BytesIO()
    write_workbook(rows, columns, "reports", stream)
    return stream.getvalue()


def read_back(raw: bytes, column: str = "text") -> list[dict[str, Any]]:
    problems: list[Problem] = []
    rows = [row for _, row in excel_rows(io.BytesIO(raw), "f", Columns(column), problems.append, lambda share: None)]
    assert problems == []
    return rows


HARD = "a\x00b\x01\x0b\x1f\x7f\r\n\t\u2028 _x0041_ _x000D_ \U0001f4a3 é <&> "


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "007", "text": HARD, "n": 1, "tags": ["x", "é"]},
        {"id": 10**15, "text": "=1+1", "n": -0.5},
        {"id": 10**15 - 1, "text": "https://example.org/#a", "n": True},
        {"id": "b", "text": "@SUM(1)", "n": None},
    ]
    raw = written(rows, ["id", "text", "n", "tags"])
    assert read_back(raw) == [
        {"id": "007", "text": HARD, "n": 1, "tags": '["x", "é"]'},
        {"id": str(10**15), "text": "=1+1", "n": -0.5, "tags": None},
        {"id": 10**15 - 1, "text": "https://example.org/#a", "n": True, "tags": None},
        {"id": "b", "text": "@SUM(1)", "n": None, "tags": None},
    ]
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        names = archive.namelist()
    assert "<f>" not in sheet
    assert not any("rels" in name and "sheet" in name for name in names)  # links would be there
    assert '<autoFilter ref="A1:D5"/>' in sheet
    assert 'state="frozen"' in sheet
    assert written(rows, ["id", "text", "n", "tags"]) == raw


VALUES = st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=20)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(TEXTS, VALUES | TEXTS), min_size=1, max_size=5))
def test_any_values_read_back(cells: list[tuple[str, Any]]) -> None:
    rows = [{"id": number, "text": text, "n": value} for number, (text, value) in enumerate(cells)]
    found = read_back(written(rows, ["id", "text", "n"]))
    assert [row["text"] for row in found] == [text for text, _ in cells]
    for (_, value), row in zip(cells, found, strict=True):
        same = pytest.approx(value, rel=1e-15) if isinstance(value, float) else value
        assert row["n"] == same
        assert isinstance(row["n"], str) == isinstance(value, str)


@pytest.mark.parametrize("table", ["reports", "mentions"])
def test_a_job_gives_a_workbook_that_can_be_tagged_again(tmp_path: Path, table: Any) -> None:
    lines = [{"id": "a", "text": "Goma fell.", "year": 2012}, {"id": "b", "text": "nothing", "year": None}]
    file = write(tmp_path / "r.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert tag_archive(CapitalTagger(), [file], tmp_path / "out.xlsx", table=table) == []
    found = read(tmp_path / "out.xlsx")[0]
    if table == "reports":
        assert found == [("a", "Goma fell.", {"year": 2012}), ("b", "nothing", {"year": None})]
    else:
        assert [(row[0], row[1], row[2]["label"], row[2]["year"]) for row in found] == [("a", "Goma", "LOCATION", 2012)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.xlsx", "r.jsonl"]


def test_what_a_sheet_cannot_hold_is_refused_with_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    long = {"id": "r7", "text": "\U0001f4a3" * 16_384}
    with pytest.raises(JobError, match=r"report 'r7': its 'text' has 32,768 characters.*\.csv or \.parquet, or --rows"):
        written([long], ["id", "text"])
    assert read_back(written([{**long, "text": long["text"][1:]}], ["id", "text"]))[0]["text"] == long["text"][1:]
    with pytest.raises(JobError, match="name of a column is longer than a cell"):
        written([], ["x" * 40_000])
    with pytest.raises(JobError, match="16,385 columns"):
        written([], [str(number) for number in range(16_385)])
    monkeypatch.setattr(excel, "MAX_ROWS", 3)
    assert len(read_back(written([{"id": n, "text": "x"} for n in range(2)], ["id", "text"]))) == 2
    with pytest.raises(JobError, match="with report '2' there are more than 2 rows"):
        written([{"id": n, "text": "x"} for n in range(3)], ["id", "text"])


def test_what_cannot_be_written_is_refused_before_it_is_tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [Source("a", "Goma"), Source("b", "x" * 40_000), Source("c", "", {"note": "x" * 40_000})]
    assert [source.id for source in refuse_unfit_for_excel(reports[:2], "mentions")] == ["a", "b"]
    with pytest.raises(JobError, match="report 'b': its 'text' has 40,000 characters"):
        list(refuse_unfit_for_excel(reports, "reports"))
    with pytest.raises(JobError, match="report 'c': its 'note' has 40,000 characters"):
        list(refuse_unfit_for_excel(reports, "mentions"))
    monkeypatch.setattr(excel, "MAX_ROWS", 2)
    with pytest.raises(JobError, match="with report 'b' there are more than 1 rows"):
        list(refuse_unfit_for_excel([Source("a", ""), Source("b", "")], "reports"))


def test_a_table_that_is_refused_at_the_end_leaves_the_tagged_reports(tmp_path: Path, monkeypatch: Any) -> None:
    file = write(tmp_path / "r.jsonl", '{"id": 1, "text": "Goma Beni"}\n')
    monkeypatch.setattr(excel, "MAX_ROWS", 2)
    with pytest.raises(
        JobError, match=r"more than 1 rows.*All tagged reports are safe in .*out\.xlsx\.partial, as JSONL"
    ):
        tag_archive(CapitalTagger(), [file], tmp_path / "out.xlsx")
    (line,) = (tmp_path / "out.xlsx.partial").read_text(encoding="utf-8").splitlines()
    assert len(json.loads(line)["entities"]) == 2
    assert not (tmp_path / "out.xlsx").exists()


def test_a_missing_package_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workbook(tmp_path / "r.xlsx", {"a": TABLE})
    monkeypatch.setattr("conflict_ner.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'python-calamine>="):
        expand([tmp_path], print)
    with pytest.raises(MissingExtraError, match=r"pip install 'xlsxwriter>="):
        excel.require_writer()
    assert file.exists()


def test_the_packages_are_not_imported_before_they_are_needed() -> None:
    code = "import sys; from conflict_ner.inference.files import sinks; "
    code += "print({'xlsxwriter', 'python_calamine'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
