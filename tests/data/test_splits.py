"""Division of the training reports: each report in one part, and the same parts for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from conflict_ner.config import DataConfig
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.splits import (
    config_of_reports,
    copy_groups,
    describe_splits,
    divide_corpus,
    group_values,
    make_folds,
    set_aside_validation,
)
from conflict_ner.data.validation import NEAR_DUPLICATE_SIMILARITY, shingles_of
from conflict_ner.errors import DataError
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st

SIZES = {"Chad": 9, "Mali": 7, "Peru": 5, "Kenya": 4, "Nepal": 3, "Fiji": 2}
REPORTS = tuple(
    Document(
        f"{theatre}-{n}",
        f"Rebels left {theatre} {n}.",
        metadata={"theatre": theatre, "year": 2000 + n % 3},
        origin="a.md:1",
    )
    for theatre, size in SIZES.items()
    for n in range(size)
)
TEST = (Document("t", "Test."),)


def settings(**more: object) -> DataConfig:
    return DataConfig.model_validate({"train": ["a"], "validation": ["b"], **more})


def ids(fold: Sequence[Document]) -> set[str]:
    return {document.id for document in fold}


@pytest.mark.parametrize("group", ["theatre", "year", None])
@pytest.mark.parametrize("count", [2, 3])
def test_folds_contain_each_report_once_and_never_divide_a_group(count: int, group: str | None) -> None:
    parts = make_folds(REPORTS, count, group, seed=7)
    assert len(parts) == count
    assert set.union(*map(ids, parts)) == {report.id for report in REPORTS}
    assert sum(map(len, parts)) == len(REPORTS)
    if group:
        values = [{str(report.metadata[group]) for report in part} for part in parts]
        assert [set(group_values(part, group)) for part in parts] == values
        assert not any(a & b for a, b in combinations(values, 2))


def test_folds_are_of_about_equal_size() -> None:
    assert sorted(len(part) for part in make_folds(REPORTS, 3, "theatre", seed=1)) == [9, 10, 11]
    assert {len(part) for part in make_folds(REPORTS, 3, None, seed=1)} == {10}


def test_folds_keep_the_order_of_the_reports_and_follow_the_seed() -> None:
    parts = make_folds(REPORTS, 3, None, seed=1)
    for part in parts:
        assert [report for report in REPORTS if report in part] == list(part)
    assert make_folds(REPORTS, 3, None, seed=1) == parts
    assert make_folds(REPORTS, 3, None, seed=2) != parts


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match=r"3 values of 'year' .* too few for 4 folds; ask for 3"):
        make_folds(REPORTS, 4, "year", seed=1)
    with pytest.raises(DataError, match="2 reports"):
        make_folds(REPORTS[:2], 3, None, seed=1)


@pytest.mark.parametrize("value", [None, ""])
def test_every_report_without_the_field_is_named(value: object) -> None:
    wrong = [Document(f"w{n}", "x", metadata={"theatre": value}, origin=f"b.md:{n}") for n in (3, 8)]
    with pytest.raises(DataError) as caught:
        make_folds([*REPORTS, *wrong], 2, "theatre", seed=1)
    assert [problem.where for problem in caught.value.problems] == ["b.md:3", "b.md:8"]


def test_the_validation_share_is_set_aside_in_order() -> None:
    data = set_aside_validation(Corpus({"train": REPORTS, "test": TEST}), 0.2, seed=7)
    assert list(data.splits) == ["train", "validation", "test"]
    assert len(data["validation"]) == 6
    assert [r for r in REPORTS if r in data["validation"]] == list(data["validation"])
    assert [r for r in REPORTS if r not in data["validation"]] == list(data["train"])
    assert data["test"] == TEST
    assert set_aside_validation(Corpus({"train": REPORTS}), 0.2, seed=7)["validation"] == data["validation"]
    assert set_aside_validation(Corpus({"train": REPORTS}), 0.2, seed=8)["validation"] != data["validation"]
    assert len(set_aside_validation(Corpus({"train": REPORTS}), 0.001, seed=7)["validation"]) == 1


def test_few_reports_are_divided_so_that_each_label_can_be_learned() -> None:
    one_label = (Mention(0, 1, "ACTOR"),)
    reports = tuple(Document(f"r{n}", f"x y{n}", one_label if n else (Mention(0, 1, "WEAPON"),)) for n in range(10))
    for seed in range(20):
        data = set_aside_validation(Corpus({"train": reports}), 0.5, seed)
        assert (len(data["validation"]), set(data.counts("train"))) == (5, {"ACTOR", "WEAPON"})
    assert len(set_aside_validation(Corpus({"train": reports[:2]}), 0.5, 1)["validation"]) == 1


def copies_of(number: int, count: int, label: str = "") -> list[Document]:
    """Return reports that share all but their last words, as copies of a wire story do."""
    text = " ".join(f"word{number}x{n}" for n in range(12))
    mentions = (Mention(0, 4, label),) if label else ()
    return [Document(f"c{number}-{n}", f"{text}, {'later ' * n}on.", mentions) for n in range(count)]


def stories(documents: Sequence[Document]) -> set[str]:
    return {document.text.partition(",")[0] for document in documents}


COPIED = tuple(report for number in range(10) for report in copies_of(number, 1 + number % 3))


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_text_are_not_divided(seed: int) -> None:
    data = divide_corpus(Corpus({"train": COPIED}), DataConfig(train=("a",), validation_share=0.3), seed)
    assert not stories(data["train"]) & stories(data["validation"])
    assert (len(COPIED), len(data["validation"])) == (19, 6)
    assert is_partition([data["train"], data["validation"]], COPIED)
    parts = [
        divide_corpus(Corpus({"train": COPIED}), settings(fold={"number": n, "count": 3}), seed)["fold"]
        for n in (1, 2, 3)
    ]
    assert is_partition(parts, COPIED)
    assert sorted(map(len, parts)) == [6, 6, 7]
    assert not any(stories(a) & stories(b) for a, b in combinations(parts, 2))


def test_a_group_of_more_copies_than_the_share_stays_if_another_can_go() -> None:
    reports = tuple(report for number, size in enumerate((9, 7, 2, 1)) for report in copies_of(number, size))
    for seed in range(5):
        data = divide_corpus(Corpus({"train": reports}), DataConfig(train=("a",), validation_share=0.2), seed)
        assert sorted(report.id for report in data["validation"]) == ["c2-0", "c2-1", "c3-0"]
        without = Corpus({"train": reports[:16]})  # groups of nine and seven
        assert len(divide_corpus(without, DataConfig(train=("a",), validation_share=0.2), seed)["validation"]) == 7


def test_the_only_mention_of_a_label_stays_although_it_alone_would_fit() -> None:
    reports = (
        *copies_of(0, 1, "WEAPON"),
        *(report for number in range(1, 11) for report in copies_of(number, 2, "ACTOR")),
    )
    for seed in range(10):
        data = divide_corpus(Corpus({"train": reports}), DataConfig(train=("a",), validation_share=0.05), seed)
        assert (len(data["validation"]), set(data.counts("train"))) == (2, {"ACTOR", "WEAPON"})


def test_copies_are_divided_where_they_are_allowed() -> None:
    copies = tuple(copies_of(1, 6))
    data, half = Corpus({"train": copies}), {"train": ("a",), "validation_share": 0.5}
    with pytest.raises(DataError, match=r"6 labeled reports, copies .*allow_copies: true"):
        divide_corpus(data, DataConfig(**half), 1)
    with pytest.raises(
        DataError, match=r"1 report among .* the other 5 are copies; name more reports, or set data\.allow"
    ):
        divide_corpus(data, settings(fold={"number": 1, "count": 2}), 1)
    assert len(divide_corpus(data, DataConfig(**half, allow_copies=True), 1)["validation"]) == 3
    allowed = settings(fold={"number": 1, "count": 2}, allow_copies=True)
    assert len(divide_corpus(data, allowed, 1)["fold"]) == 3


@pytest.mark.parametrize("labels", [{}, {"labels": "silver"}])
def test_one_report_or_silver_ones_alone_are_not_called_copies(labels: dict[str, str]) -> None:
    data = Corpus({"train": (Document("r", "Rebels left.", metadata=labels),)})
    divided = divide_corpus(data, DataConfig(train=("a",), validation_share=0.5), 1)
    assert (len(divided["train"]), len(divided["validation"])) == ((1, 0) if labels else (0, 1))


def test_silver_copies_of_held_out_reports_are_not_learned() -> None:
    silver = tuple(Document(f"s{n}", f"{COPIED[n].text} Again.", metadata={"labels": "silver"}) for n in range(10))
    data = Corpus({"train": COPIED + silver})
    for seed in range(5):
        drawn = divide_corpus(data, DataConfig(train=("a",), validation_share=0.2), seed)
        assert not stories(drawn["validation"]) & stories(silver)
        fold = divide_corpus(data, settings(fold={"number": 1, "count": 3}), seed)
        learned = [report for report in fold["train"] if report in silver]
        assert learned == [report for report in silver if not stories([report]) & stories(fold["fold"])]
        assert 0 < len(learned) < len(silver)
        allowed = divide_corpus(data, settings(fold={"number": 1, "count": 3}, allow_copies=True), seed)
        assert all(report in allowed["train"] for report in silver)


def test_a_report_is_in_the_group_of_its_copies_copies() -> None:
    words = [f"w{n}" for n in range(40)]
    chain = [Document(f"d{n}", " ".join(words[n * 5 : n * 5 + 24])) for n in range(3)]  # neighbors share 15 of 25 runs
    same = [Document("x", "Short text."), Document("y", "short  TEXT.")]
    reports = [chain[0], same[0], chain[2], chain[1], same[1]]
    assert [copy_groups(reports)[id(report)] for report in reports] == [0, 1, 0, 0, 1]
    assert len(set(copy_groups([chain[0], chain[2]]).values())) == 2
    assert copy_groups([]) == {}


@property_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=14), max_size=12))
def test_groups_are_those_of_comparing_every_text_with_every_other(texts: list[list[str]]) -> None:
    reports = [Document(f"r{n}", " ".join(words)) for n, words in enumerate(texts)]
    groups = [{n} for n in range(len(reports))]
    for (n, one), (m, other) in combinations(enumerate(reports), 2):
        a, b = shingles_of(one.text), shingles_of(other.text)
        if one.text == other.text or (a & b and len(a & b) >= NEAR_DUPLICATE_SIMILARITY * len(a | b)):
            groups[n] |= groups[m]
            for member in groups[n]:
                groups[member] = groups[n]
    found = copy_groups(reports)
    assert [
        {m for m in range(len(reports)) if found[id(reports[m])] == found[id(report)]} for report in reports
    ] == groups


def test_labeled_reports_are_their_own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.md").write_text("=== a\n\n[Two](NUMBER.killed) [rebels](ACTOR) left.\n", encoding="utf-8")
    config = config_of_reports(tmp_path / "mine.md", ["training.epochs=3"])
    assert config.labels == ("ACTOR", "NUMBER")
    assert (config.data.train, config.data.validation_share) == ((tmp_path / "mine.md",), 0.2)
    assert (config.output, config.training.epochs) == (tmp_path / "models" / "mine", 3)
    for split in ("train", "validation"):
        (tmp_path / "data" / split).mkdir(parents=True)
        (tmp_path / "data" / split / "a.md").write_bytes((tmp_path / "mine.md").read_bytes())
    config = config_of_reports(tmp_path / "data")
    assert (config.data.validation, config.data.validation_share) == ((tmp_path / "data" / "validation",), None)
    (tmp_path / "mine.md").write_text("=== a\n\nNothing.\n", encoding="utf-8")
    with pytest.raises(DataError, match="no report has a mention"):
        config_of_reports(tmp_path / "mine.md")


def test_splits_without_a_division_in_the_config_are_unchanged() -> None:
    data = Corpus({"train": REPORTS, "validation": TEST})
    assert divide_corpus(data, settings(), 7) == data
    assert describe_splits(settings(), 7) == {}


def test_all_folds_and_shares_are_validated_on_the_same_reports() -> None:
    data = Corpus({"train": REPORTS, "test": TEST})
    division = {"validation": (), "validation_share": 0.2}
    plain = divide_corpus(data, settings(**division), 7)
    seen: set[str] = set()
    for number in (1, 2):
        fold = {"number": number, "count": 2, "group": "theatre"}
        sampled = divide_corpus(data, settings(**division, fold=fold, train_share=0.5), 7)
        full = divide_corpus(data, settings(**division, fold=fold), 7)
        assert sampled["validation"] == plain["validation"]
        assert sampled["fold"] == full["fold"]
        assert len(full["train"]) + len(full["fold"]) == len(plain["train"])
        assert len(sampled["train"]) == round(len(full["train"]) / 2)
        assert not {r.metadata["theatre"] for r in full["train"]} & {r.metadata["theatre"] for r in full["fold"]}
        seen |= {report.id for report in full["fold"]}
    assert seen == {report.id for report in plain["train"]}


def test_describe_splits_tells_how_each_split_was_drawn() -> None:
    division = settings(validation=(), validation_share=0.2, train_share=0.5, fold={"number": 2, "count": 5})
    assert describe_splits(division, 7) == {
        "validation": "0.2 of the training reports, drawn with seed 7",
        "fold": "part 2 of 5 of the training reports",
        "train": "0.5 of the training reports, drawn with seed 7",
    }
    grouped = settings(fold={"number": 1, "count": 2, "group": "theatre"})
    assert describe_splits(grouped, 7) == {"fold": "part 1 of 2 of the training reports, whole by theatre"}


THEATRES = st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=40)
checked = property_settings(max_examples=60, deadline=None, derandomize=True, database=None)


def reports_in(theatres: list[str]) -> tuple[Document, ...]:
    return tuple(Document(f"r{n}", f"x{n}", metadata={"theatre": theatre}) for n, theatre in enumerate(theatres))


def is_partition(parts: Sequence[Sequence[Document]], documents: Sequence[Document]) -> bool:
    """Whether each report is in exactly one part."""
    return sorted(document.id for part in parts for document in part) == sorted(document.id for document in documents)


@checked
@given(THEATRES, st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_each_report_is_trained_or_validated_on(theatres: list[str], share: float, seed: int) -> None:
    corpus = Corpus({"train": reports_in(theatres), "test": TEST})
    divided = set_aside_validation(corpus, share, seed)
    assert is_partition([divided["train"], divided["validation"]], corpus["train"])
    assert len(divided["validation"]) >= 1
    assert divided["test"] == TEST
    assert set_aside_validation(corpus, share, seed) == divided


@checked
@given(THEATRES, st.integers(2, 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_each_report_is_in_exactly_one_fold(theatres: list[str], count: int, grouped: bool, seed: int) -> None:
    reports, group = reports_in(theatres), "theatre" if grouped else None
    groups = len(set(theatres)) if grouped else len(theatres)
    if groups < count:
        with pytest.raises(DataError, match="too few"):
            make_folds(reports, count, group, seed)
        return
    parts = make_folds(reports, count, group, seed)
    assert len(parts) == count
    assert all(parts)
    assert is_partition(parts, reports)
    assert make_folds(reports, count, group, seed) == parts
    if grouped:
        assert sum(len(group_values(part, "theatre")) for part in parts) == groups


@checked
@given(THEATRES, st.floats(0.01, 0.3), st.integers(1, 3), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_no_report_is_in_two_splits(theatres: list[str], share: float, number: int, rest: float, seed: int) -> None:
    reports = reports_in([*"ABCD", *theatres])  # enough for three folds besides validation
    fold = {"number": number, "count": 3}
    config = settings(validation=(), validation_share=share, fold=fold, train_share=rest)
    divided = divide_corpus(Corpus({"train": reports}), config, seed)
    assert set(divided.splits) == {"train", "validation", "fold"}
    ids_of_all = [document.id for documents in divided.splits.values() for document in documents]
    assert len(set(ids_of_all)) == len(ids_of_all)
    assert set(ids_of_all) <= {report.id for report in reports}
