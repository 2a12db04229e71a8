"""Files of spaCy 3, checked by spaCy itself where it is installed."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats.report_files import read_file
from conflict_ner.data.formats.tagged_words import spacy_docbin
from conflict_ner.errors import MissingExtraError

REPORTS = [
    Document(
        "a/1", " Rebels  left\n\nEl Fasher.\t", (Mention(1, 7, "ACTOR"), Mention(15, 24, "LOCATION")), {"year": 9}
    ),
    Document("b", "Antigovernment forces", (Mention(4, 14, "ACTOR"), Mention(15, 21, "ACTOR"))),
    Document("c", "Nobody came."),
]


@pytest.mark.skipif("spacy" in sys.modules, reason="spaCy is installed")
def test_without_spacy_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conflict_ner.errors.find_spec", lambda _: None)
    for attempt in (lambda: read_file(tmp_path / "a.spacy"), lambda: spacy_docbin.write([], tmp_path / "a.spacy")):
        with pytest.raises(MissingExtraError, match=r"install 'spacy>=3.7'"):
            attempt()


@pytest.fixture(name="spacy")
def _spacy() -> object:
    return pytest.importorskip("spacy")


@pytest.mark.usefixtures("spacy")
def test_spacy_reads_what_is_written_and_we_read_it_back(tmp_path: Path) -> None:
    import spacy
    from spacy.tokens import DocBin

    file = tmp_path / "a.spacy"
    spacy_docbin.write(REPORTS, file)
    docs = list(DocBin().from_disk(file).get_docs(spacy.blank("xx").vocab))
    assert [doc.text for doc in docs] == [report.text for report in REPORTS]
    assert [(ent.text, ent.label_) for ent in docs[0].ents] == [("Rebels", "ACTOR"), ("El Fasher", "LOCATION")]
    assert read_file(file) == (REPORTS, [])
    (tmp_path / "b.spacy.gz").write_bytes(gzip.compress(file.read_bytes()))
    assert read_file(tmp_path / "b.spacy.gz") == (REPORTS, [])


@pytest.mark.usefixtures("spacy")
def test_what_a_pipeline_writes_is_read(tmp_path: Path) -> None:
    import spacy
    from spacy.tokens import DocBin

    nlp = spacy.blank("en")
    doc: Any = nlp("Houthi-held Hodeidah was hit.")
    doc.ents = [doc.char_span(0, 6, "ACTOR"), doc.char_span(12, 20, "LOCATION")]
    DocBin(docs=[doc]).to_disk(tmp_path / "train.spacy")
    (document,), problems = read_file(tmp_path / "train.spacy")
    assert (document.id, document.text, problems) == ("train:1", "Houthi-held Hodeidah was hit.", [])
    assert document.mentions == (Mention(0, 6, "ACTOR"), Mention(12, 20, "LOCATION"))


@pytest.mark.usefixtures("spacy")
def test_groups_of_spans_are_read_if_there_is_one_and_no_entity(tmp_path: Path) -> None:
    import spacy
    from spacy.tokens import DocBin

    doc: Any = spacy.blank("en")("The Goma police left.")
    doc.spans["sc"] = [doc.char_span(0, 15, "ACTOR"), doc.char_span(4, 8, "LOCATION")]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    (document,), (note,) = read_file(tmp_path / "a.spacy")
    assert document.mentions == (Mention(0, 15, "ACTOR"), Mention(4, 8, "LOCATION"))
    assert note.note
    assert "the spans of the group 'sc' are read" in note.what
    doc.spans["other"] = [doc.char_span(4, 8, "LOCATION")]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    documents, (problem,) = read_file(tmp_path / "a.spacy")
    assert (documents, problem.unreadable) == ([], True)
    assert "several groups of spans: other, sc" in problem.what


@pytest.mark.usefixtures("spacy")
@pytest.mark.parametrize("raw", [b"", b"not a file of spaCy", b"\x78\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_damaged_file_is_an_error(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.spacy").write_bytes(raw)
    documents, (problem,) = read_file(tmp_path / "a.spacy")
    assert (documents, problem.unreadable) == ([], True)
    assert "damaged, or not a file of spaCy 3" in problem.what
    assert "\n" not in str(problem)
