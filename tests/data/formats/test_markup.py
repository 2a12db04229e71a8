"""The markup format: every mistake has a position and a fix, and every text can be written."""

from __future__ import annotations

import json
from types import ModuleType

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import jsonl, markup
from conflict_ner.errors import ConflictNerError, Problem

FORMS = [markup, jsonl]
by_form = pytest.mark.parametrize("form", FORMS, ids=["markup", "jsonl"])


def read(source: str) -> list[Document]:
    documents, problems = markup.parse(source, "f.md")
    assert problems == []
    return documents


def text_of(body: str) -> str:
    (document,) = read(f"=== a\n\n{body}\n")
    return document.text


def problems(source: str) -> list[Problem]:
    return markup.parse(source, "f.md")[1]


def test_reports_have_an_id_a_header_and_a_text() -> None:
    first, second = read(
        "# a comment\n\n=== one\ntheatre: Sudan\nyear: 2024\n\n[At least 19](NUMBER) [men](ACTOR) fled.\n\n"
        "They left [Goma](LOCATION).\n\n\n=== two\n\n# not a comment\n"
    )
    assert first.id == "one"
    assert first.text == "At least 19 men fled.\n\nThey left Goma."
    assert first.metadata == {"theatre": "Sudan", "year": 2024}
    assert [(first.slice(m), m.label) for m in first.mentions] == [
        ("At least 19", "NUMBER"),
        ("men", "ACTOR"),
        ("Goma", "LOCATION"),
    ]
    assert (second.id, second.text, second.metadata) == ("two", "# not a comment", {})


def test_reports_and_mentions_have_their_positions() -> None:
    (document,) = read("#\n\n=== one\nk: v\n\nIn [Goma](L)\nthe [men](A) fled.\n")
    assert document.origin == "f.md:3"
    assert [document.place(index) for index in range(2)] == ["f.md:6:4", "f.md:7:5"]


def test_neighbouring_mentions_may_touch() -> None:
    (document,) = read("=== a\n\n[60](NUMBER)[km](UNIT)\n")
    assert document.text == "60km"
    assert document.mentions == (Mention(0, 2, "NUMBER"), Mention(2, 4, "UNIT"))


def test_a_mention_may_span_lines() -> None:
    (document,) = read("=== a\n\n[El\nFasher](L)\n")
    assert document.slice(document.mentions[0]) == "El\nFasher"


@pytest.mark.parametrize(
    ("body", "place", "what", "fix"),
    [
        ("The [army left.", "3:5", "never closed", r"\["),
        ("ok\n\nThe [army left.", "5:5", "never closed", "](LABEL)"),
        ("The [army] left.", "3:10", "without its label", "(LABEL)"),
        ("The [army]() left.", "3:10", "without its label", "(LABEL)"),
        ("The [army](A B) left.", "3:10", "without its label", "(LABEL)"),
        ("The [Sudanese [army](A) left.", "3:5", "never closed", "](LABEL)"),
        ("The [Sudanese [army](A) left](A).", "3:15", "inside a mention", "nest"),
        ("The army](A) left.", "3:9", "closes nothing", r"\]"),
        (r"C:\dir", "3:3", r"unknown escape '\\d'", "\\\\"),
        (r"half \u12 done", "3:6", "unknown escape", "\\\\"),
        ("the end \\", "3:9", "unknown escape", "\\\\"),
        ("\U0001f600 [army", "3:3", "never closed", r"\["),
    ],
)
def test_a_mistake_in_a_text_has_a_position_and_a_fix(body: str, place: str, what: str, fix: str) -> None:
    found = problems(f"=== a\n\n{body}\n")
    assert [problem.where for problem in found] == [f"f.md:{place}"]
    assert what in found[0].what
    assert fix in found[0].fix


@pytest.mark.parametrize(
    ("source", "place", "what"),
    [
        ("", "1:1", "no report"),
        ("# only a comment\n", "1:1", "no report"),
        ("Rebels left.\n", "1:1", "before the first report"),
        ("# fine\n\nstray\n=== a\n\nx\n", "3:1", "before the first report"),
        ("=== a\nRebels left.\n\nx\n", "2:1", "not a header line"),
        ("=== a\nk: 1\nj: 2\nk: 1\n\nx\n", "4:1", "duplicate key 'k'"),
        ("=== a\nid: b\n\nx\n", "2:1", "'id' is reserved"),
        ("=== a\ntext: b\n\nx\n", "2:1", "'text' is reserved"),
        ("=== a\nk: v\nentities: []\n\nx\n", "3:1", "'entities' is reserved"),
        ("=== \n\nx\n", "1:5", "without an id"),
        ('=== a\n"k: v\n\nx\n', "2:1", "not a header line"),
    ],
)
def test_a_mistake_outside_the_text_has_a_position_and_a_fix(source: str, place: str, what: str) -> None:
    (found,) = problems(source)
    assert found.where == f"f.md:{place}"
    assert what in found.what
    assert found.fix


def test_all_mistakes_of_a_file_are_returned_together_and_the_rest_is_read() -> None:
    source = "stray\n=== a\nid: 1\n\n[x] and y]\n=== b\n\nThe [army](A) left.\n=== c\n\n\\q [z\n"
    documents, found_problems = markup.parse(source, "f.md")
    assert [problem.where for problem in found_problems] == [
        f"f.md:{at}" for at in ("1:1", "3:1", "5:3", "5:10", "11:1", "11:4")
    ]
    assert [document.id for document in documents] == ["a", "b", "c"]
    assert documents[1] == Document("b", "The army left.", (Mention(4, 8, "A"),))


def test_windows_line_ends_read_like_any_others() -> None:
    source = "# c\n\n=== a\nk: v\n\n[El\nFasher](L) fell.\n\nIt did.\n\n=== b\n\nx\n"
    assert read(source.replace("\n", "\r\n")) == read(source)
    broken = "=== a\n\nfine\nThe [army left.\n"
    assert problems(broken.replace("\n", "\r\n")) == problems(broken)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\[sic\]", "[sic]"),
        (r"a \\ b", "a \\ b"),
        (r"\=== x", "=== x"),
        (r"a\nb\rc\td\se", "a\nb\rc\td e"),
        (r"\u200f\u00E9\u00e9", "\u200féé"),
        (r"\\n", "\\n"),
        (r"\n x \n", "\n x \n"),
    ],
)
def test_a_backslash_escapes_the_next_character(written: str, meant: str) -> None:
    assert text_of(written) == meant


def test_an_escape_counts_as_one_character() -> None:
    (document,) = read("=== a\n\n\\[\\u0041\\] [x\\]y](L)\n")
    assert document.text == "[A] x]y"
    assert document.mentions == (Mention(4, 7, "L"),)


@pytest.mark.parametrize("layout", ["\n", "\n\n\n", " \n", "\t\n \n"])
def test_blank_lines_around_a_text_are_layout(layout: str) -> None:
    assert text_of(f"{layout}Rebels left.\n{layout}") == "Rebels left."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024", 2024),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('["a", 1]', ["a", 1]),
        ('{"a": {}}', {"a": {}}),
        ('"2024"', "2024"),
        ("South Sudan: Upper Nile", "South Sudan: Upper Nile"),
        ("NaN", "NaN"),
        ("[unfinished", "[unfinished"),
    ],
)
def test_a_header_value_that_reads_as_json_is_that_value(written: str, meant: object) -> None:
    (document,) = read(f"=== a\nk: {written}\n\nx\n")
    assert document.metadata["k"] == meant
    assert type(document.metadata["k"]) is type(meant)


@by_form
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\n\nx\n\n",
        "\t\n",
        "x  \ny\t",
        "=== a",
        "x\n=== b\n\ny",
        "\\",
        "\r\n",
        "\u00a0\nx",
        "\u3000",
        "# x",
    ],
    ids=ascii,
)
def test_texts_that_resemble_layout_are_read_back_unchanged(form: ModuleType, text: str) -> None:
    documents = [Document("a", text), Document("b", "next")]
    assert form.parse(form.dump(documents), "f") == (documents, [])


@pytest.mark.parametrize("char", [*"\x00\r\x0b\x85\u00ad\u2028\u2029\ufeff"], ids=ascii)
def test_invisible_characters_are_escaped(char: str) -> None:
    written = markup.dump([Document("a", f"x{char}y")])
    assert char not in written
    assert "\\" in written


METADATA = {
    "none": None,
    "yes": True,
    "whole": 2024,
    "big": 2**70,
    "float": -1.5e-7,
    "whole float": 1.0,
    "list": [1, "a", None, [True, []]],
    "object": {"a": {"b": []}, "id": 1},
    "nothing": "",
    "digits": "2024",
    "word": "true",
    "constant": "NaN",
    "quoted": '"a" b',
    "open": '"a',
    "padded": " a ",
    "colon": "a: b",
    "lines": "a\nb\r\n\nc",
    "report": "=== a",
    "marks": "[x](A) \\n",
    "unseen": "\u2028\ufeff\u200f\x85\x00\t\u00a0",
    "emoji": "\U0001f600 é",
    "a: b": 1,
    " padded key ": 1,
    "": 1,
    '"quoted" key': 1,
    "=== key": 1,
    "# key": 1,
    "two\nlines": 1,
    "\u0627\U0001f600": 1,
}


@by_form
def test_metadata_of_every_json_type_is_read_back_unchanged(form: ModuleType) -> None:
    documents = [Document("a", "x", (), METADATA), *(Document(k, "x", (), {k: v}) for k, v in METADATA.items())]
    back, found_problems = form.parse(form.dump(documents), "f")
    assert found_problems == []
    # As JSON, because 1 == 1.0 == True in Python.
    assert [json.dumps([d.id, d.metadata]) for d in back] == [json.dumps([d.id, d.metadata]) for d in documents]


@by_form
@pytest.mark.parametrize(
    "half", [{"text": "\ud800"}, {"id": "\udfff"}, {"metadata": {"k": "\ud83d"}}], ids=["text", "id", "metadata"]
)
def test_half_a_surrogate_pair_can_still_be_written_to_a_file(form: ModuleType, half: dict[str, str]) -> None:
    document = Document(**{"id": "a", "text": "x", **half})  # type: ignore[arg-type]
    assert form.parse(form.dump([document]).encode().decode(), "f") == ([document], [])


@pytest.mark.parametrize(
    "mentions",
    [
        (Mention(1, 1, "A"),),
        (Mention(0, 4, "A"), Mention(1, 2, "A")),
        (Mention(0, 3, "A"), Mention(2, 5, "A")),
        (Mention(0, 3, "A B"),),
        (Mention(3, 99, "A"),),
    ],
    ids=["empty", "nested", "overlapping", "label with a space", "outside"],
)
def test_mentions_that_cannot_be_written_are_refused(mentions: tuple[Mention, ...]) -> None:
    document = Document("a", "Rebels left.", mentions)
    try:
        written = markup.dump([document])
    except ConflictNerError:
        return
    assert markup.parse(written, "f.md") == ([document], [])


def test_a_number_too_large_for_a_float_is_not_taken_for_infinity() -> None:
    documents, found_problems = markup.parse("=== a\nk: 1e999\n\nx\n", "f.md")
    assert found_problems or markup.parse(markup.dump(documents), "f.md") == (documents, [])


def test_a_header_value_of_many_brackets_is_only_a_string() -> None:
    value = "[" * 20_000
    (document,) = read(f"=== a\nk: {value}\n\nx\n")
    assert document.metadata["k"] == value
