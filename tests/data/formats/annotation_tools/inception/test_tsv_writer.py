"""What is written as WebAnno TSV."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.formats.annotation_tools.inception import tsv_writer, webanno_tsv
from conflict_ner.data.formats.format import PredictedDocument
from conflict_ner.errors import DataError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def lines(document: Document) -> list[str]:
    return tsv_writer.dump(document).split("\n")[4:]


def test_mentions_of_several_tokens_parts_of_tokens_and_stacked_ones_are_numbered() -> None:
    mentions = (Mention(0, 3, "A"), Mention(0, 11, "B_C"), Mention(13, 15, "D"))
    assert lines(Document("a", "The antiwar group", mentions)) == [
        "#Text=The antiwar group",
        "1-1\t0-3\tThe\tA[1]|B\\_C[2]\t",
        "1-2\t4-11\tantiwar\tB\\_C[2]\t",
        "1-3\t12-17\tgroup\t_\t",
        "1-3.1\t13-15\tro\tD\t",
        "",
    ]


def test_sentences_keep_the_space_after_them_and_offsets_count_utf16_units() -> None:
    assert lines(Document("a", "\n\t\U0001f600 left.  \r\nHe did.", (Mention(2, 3, "E"),))) == [
        "#Start=\\n\\t",
        "#Text=\U0001f600 left.  \\r",
        "#Text=",
        "1-1\t2-4\t\U0001f600\tE\t",
        "1-2\t5-9\tleft\t_\t",
        "1-3\t9-10\t.\t_\t",
        "",
        "#Text=He did.",
        "2-1\t14-16\tHe\t_\t",
        "2-2\t17-20\tdid\t_\t",
        "2-3\t20-21\t.\t_\t",
        "",
    ]


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("aB .\n\r\t\\_|[*é\U0001f600\u2028\x07\x0b1"), max_size=40), st.data())
def test_any_text_is_read_back_with_its_mentions(text: str, data: st.DataObject) -> None:
    places = [index for index, char in enumerate(text) if not char.isspace()]
    edges = st.tuples(st.sampled_from(places or [0]), st.sampled_from(places or [0])).map(sorted)
    spans = data.draw(st.lists(edges, max_size=3 if places else 0, unique_by=tuple))
    labels = data.draw(st.lists(st.sampled_from(["A", "[1]", "a|b\\", "->*_;"]), min_size=3, max_size=3))
    mentions = tuple(sorted(Mention(s, e + 1, label) for (s, e), label in zip(spans, labels, strict=False)))
    document = Document("a", text, mentions)
    read, problems = webanno_tsv.parse(tsv_writer.dump(document), "a.tsv", "a")
    assert read == document
    assert problems == []


def test_mentions_with_white_space_at_their_edges_are_refused_together(tmp_path: Path) -> None:
    documents = [Document(name, "He left .", (Mention(0, 3, "X"),), origin=name) for name in "ab"]
    with pytest.raises(DataError, match=r"a: the mention 0:3 \(X\) begins or ends with white space.*2 places"):
        tsv_writer.write(documents, tmp_path / "out")


def test_predictions_are_annotations(tmp_path: Path) -> None:
    entity = Entity("ACTOR", "Rebels", 0, 6, 0.9)
    tsv_writer.write_predictions([PredictedDocument("a", "Rebels left.", (entity,))], tmp_path / "out", "small")
    assert "1-1\t0-6\tRebels\tACTOR\t" in (tmp_path / "out" / "a.tsv").read_text(encoding="utf-8")
