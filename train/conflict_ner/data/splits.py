"""Division of the training reports into validation, folds and a share to train on.

Reports are never cut. They are drawn with the run's seed, in independent steps:
validation first, so that every fold and every share is validated on the same reports;
then the share of silver reports; then the fold; then the share of the rest that is trained on.
Copies of a text, exact or near, go the same way, but for folds that are grouped by a metadata field: a report seen in
training makes a score too high.

>>> reports = tuple(Document(f"r{n}", "Rebels left.", metadata={"theatre": "ABCD"[n % 4]}) for n in range(8))
>>> parts = make_folds(reports, 2, "theatre", seed=7)
>>> [(group_values(part, "theatre"), [report.id for report in part]) for part in parts]
[(['B', 'D'], ['r1', 'r3', 'r5', 'r7']), (['A', 'C'], ['r0', 'r2', 'r4', 'r6'])]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from math import ceil
from pathlib import Path

import numpy as np

from conflict_ner.config import Config, DataConfig, FoldConfig, build_config
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.report_files import print_notes, read_entries
from conflict_ner.data.label_levels import first_level, value_label_problems
from conflict_ner.data.silver import divide_gold_and_silver, is_silver, refuse_silver
from conflict_ner.data.validation import NEAR_DUPLICATE_SIMILARITY, normalized, shingles_of
from conflict_ner.errors import ConfigError, DataError, Problem, format_count

Copies = Mapping[int, int]  # by a report's id(), the number of the group of copies that it is in
_VALIDATION, _FOLDS, _SILVER = 1, 2, 3  # random streams, so that one division does not change the other


def divide_corpus(data: Corpus, settings: DataConfig, seed: int) -> Corpus:
    """Return the corpus with the splits that a config asks for; the held-out fold is the split `fold`.

    Raises:
        DataError: if the training reports cannot be divided into validation and training, or into the configured folds.
    """
    is_divided = settings.validation_share is not None or settings.fold
    copies = copy_groups(data["train"]) if is_divided and not settings.allow_copies else None
    if settings.validation_share is not None:
        data = set_aside_validation(data, settings.validation_share, seed, copies)
    if settings.silver_share < 1:
        data = _sample_silver(data, settings.silver_share, seed)
    if settings.fold:
        data = _hold_out_fold(data, settings.fold, seed, copies)
    if settings.train_share < 1:
        data = data.sample("train", settings.train_share, seed)
    return data


def describe_splits(settings: DataConfig, seed: int) -> dict[str, str]:
    """Describe how each split was drawn from the training reports, for the checkpoint's records."""
    descriptions = {}
    if settings.validation_share is not None:
        descriptions["validation"] = f"{settings.validation_share:g} of the training reports, drawn with seed {seed}"
    if settings.fold:
        grouped = f", whole by {settings.fold.group}" if settings.fold.group else ""
        descriptions["fold"] = f"part {settings.fold.number} of {settings.fold.count} of the training reports{grouped}"
    shares = [f"{settings.silver_share:g} of the silver reports"] * (settings.silver_share < 1)
    shares += [f"{settings.train_share:g} of the training reports"] * (settings.train_share < 1)
    if shares:
        descriptions["train"] = f"{', then '.join(shares)}, drawn with seed {seed}"
    return descriptions


def _hold_out_fold(data: Corpus, fold: FoldConfig, seed: int, copies: Copies | None) -> Corpus:
    """Move a fold of the training reports to the split `fold`; silver reports that copy one of them are left out."""
    gold, _ = divide_gold_and_silver(data["train"])  # a model is never scored on silver reports
    held_out = make_folds(gold, fold.count, fold.group, seed, copies)[fold.number - 1]
    held_out_ids = set(map(id, held_out))
    held_out_groups = {copies[id(report)] for report in held_out} if copies else set()
    rest = tuple(
        report
        for report in data["train"]
        if id(report) not in held_out_ids
        and not (copies and is_silver(report) and copies[id(report)] in held_out_groups)
    )
    return replace(data, splits={**data.splits, "train": rest, "fold": held_out})


def _sample_silver(data: Corpus, share: float, seed: int) -> Corpus:
    """Return the corpus with a random share of its silver training reports; a smaller share lies within a larger."""
    silver = [n for n, report in enumerate(data["train"]) if is_silver(report)]
    order = np.random.default_rng((seed, _SILVER)).permutation(len(silver))
    left_out = {silver[n] for n in order[round(share * len(silver)) :]}
    kept = tuple(report for n, report in enumerate(data["train"]) if n not in left_out)
    return replace(data, splits={**data.splits, "train": kept})


def set_aside_validation(data: Corpus, share: float, seed: int, copies: Copies | None = None) -> Corpus:
    """Move a random share of the training reports, at least one, to validation; silver reports stay in training.

    A report with the last training mentions of a label stays as well: few reports must not leave a label unlearned.

    Args:
        copies: reports of one group move together, even if they are more than the share, or stay where one is silver;
            if None, each report moves by itself.

    Raises:
        DataError: if all reports are copies of one another or of silver ones.
    """
    gold, silver = divide_gold_and_silver(data["train"])
    order = np.random.default_rng((seed, _VALIDATION)).permutation(len(gold)).tolist()
    units = [[n] for n in order] if copies is None else _movable_units(gold, silver, order, copies)
    left = Counter(mention.label for report in (*gold, *silver) for mention in report.mentions)
    chosen = set(_draw_units(units, gold, left, max(round(share * len(gold)), 1)))
    rest = tuple(report for n, report in enumerate(gold) if n not in chosen) + silver
    validation = tuple(report for n, report in enumerate(gold) if n in chosen)
    others = {split: documents for split, documents in data.splits.items() if split != "train"}
    # In the usual order of splits.
    return replace(data, splits={"train": rest, "validation": validation, **others})


def _movable_units(
    gold: Sequence[Document], silver: Sequence[Document], order: Sequence[int], copies: Copies
) -> list[list[int]]:
    """Return the groups of copies among gold reports without a silver one, in an order of reports."""
    units: dict[int, list[int]] = {}
    for n in order:
        units.setdefault(copies[id(gold[n])], []).append(n)
    for report in silver:
        units.pop(copies[id(report)], None)
    if gold and (not units or len(next(iter(units.values()))) == len(gold) > 1):
        count = format_count(len(gold), "labeled report")
        what = f"{count}, copies of one another or of silver ones, so none can be held out"
        raise DataError([Problem("data.train", what, "name files in data.validation, or set data.allow_copies: true")])
    return list(units.values())


def _draw_units(
    units: Sequence[Sequence[int]], gold: Sequence[Document], left: Counter[str], count: int
) -> Sequence[int]:
    """Return the reports of the first units that fit into `count` reports and leave a mention of each label.

    If no unit does both: the smallest that leaves a mention of each label, or else the smallest.

    Args:
        left: how many mentions of each label there are.
    """

    def mentions(unit: Sequence[int]) -> Counter[str]:
        return Counter(mention.label for n in unit for mention in gold[n].mentions)

    def leaves_mentions(unit: Sequence[int]) -> bool:
        return all(left[label] > times for label, times in mentions(unit).items())

    chosen: list[int] = []
    for unit in units:
        if len(chosen) + len(unit) <= count and leaves_mentions(unit):
            chosen += unit
            left = left - mentions(unit)
    return chosen or min(filter(leaves_mentions, units), key=len, default=min(units, key=len, default=()))


def config_of_reports(paths: Path | Sequence[Path], overrides: Sequence[str] = ()) -> Config:
    """Return a config that trains on labeled reports: with the labels that occur, and a fifth set aside for validation.

    A folder with folders named after splits has these splits.

    Args:
        paths: a file or folder of labeled reports, or several.
        overrides: settings as `KEY=VALUE`, as in `load_config`.

    Raises:
        DataError: if files cannot be read, or no report has a mention.
        ConfigError: if a setting is not valid.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    name = str(paths[0])
    found = corpus.find_splits(paths[0]) if len(paths) == 1 else {}
    splits = (
        {split: found[split] for split in corpus.SPLITS if split in found} if "train" in found else {"train": paths}
    )
    if "train" in found and (others := [split for split in found if split not in splits]):
        names = ", ".join(f"{name}/{split}" for split in others)
        fix = f"folders of splits are called {', '.join(corpus.SPLITS)}"
        print_notes([Problem(names, "is not read", fix, note=True)])
    data = {split: [str(entry.absolute()) for entry in entries] for split, entries in splits.items()}
    output = Path.cwd() / "models" / (paths[0].name.split(".")[0] or "reports")
    draft = build_config({"labels": ["LABEL"], "data": data, "output": str(output)}, name, overrides)
    documents, problems = read_entries(splits["train"], [], ReadOptions.of(draft.data))
    if problems := [problem for problem in problems if problem.unreadable]:
        raise DataError(problems)
    labels = sorted({first_level(mention.label) for document in documents for mention in document.mentions})
    if not labels:
        raise DataError([Problem(name, "no report has a mention", "name labeled reports, or a config (.yaml)")])
    return build_config({"labels": labels, "data": data, "output": str(output)}, name, overrides)


def make_folds(
    documents: Sequence[Document], count: int, group: str | None, seed: int, copies: Copies | None = None
) -> tuple[tuple[Document, ...], ...]:
    """Divide reports into `count` folds, for cross-validation, of about equal size unless a group is too large.

    Reports that share a value of the metadata field `group` stay together, as in
    scikit-learn's GroupKFold: the largest group is placed first, each into the smallest fold
    so far; groups of equal size come in random order. Without `group`, the reports of one group of `copies` stay
    together; without either, each report stands alone.

    Raises:
        DataError: if a report lacks the field, or there are fewer groups than folds.
    """
    if not documents:
        what = "no training report was labeled by reading, and silver ones are in no fold"
        raise DataError([Problem("data.train", what, "name labeled reports")])
    groups = _groups(documents, group, copies)
    if len(groups) < count:
        found = f"{len(groups)} values of {group!r}" if group else format_count(len(groups), "report")
        is_copied = not group and len(groups) < len(documents)
        rest = f"; the other {len(documents) - len(groups)} are copies" * is_copied
        what = f"{found} among the training reports, too few for {count} folds{rest}"
        fixes = [f"ask for {len(groups)} folds or fewer"] * (len(groups) > 1)
        fixes += ["group by another field" if group else "name more reports"] * (not fixes)
        fixes += ["set data.allow_copies: true"] * is_copied
        raise DataError([Problem("data.train", what, ", or ".join(fixes))])
    shuffled = np.random.default_rng((seed, _FOLDS)).permutation(len(groups))
    names = [list(groups)[n] for n in shuffled]
    folds: list[list[int]] = [[] for _ in range(count)]
    for name in sorted(names, key=lambda name: -len(groups[name])):
        min(folds, key=len).extend(groups[name])
    return tuple(tuple(documents[n] for n in sorted(fold)) for fold in folds)


def group_values(documents: Sequence[Document], group: str) -> list[str]:
    """Return the values of a metadata field in these reports, sorted and each once.

    Raises:
        DataError: if a report lacks the field.
    """
    return sorted(_groups(documents, group, None))


def _groups(documents: Sequence[Document], group: str | None, copies: Copies | None) -> dict[str, list[int]]:
    """Return the indices of the reports of each group."""
    groups: dict[str, list[int]] = {}
    if group is None:
        for index, report in enumerate(documents):
            groups.setdefault(str(index if copies is None else copies[id(report)]), []).append(index)
        return groups
    problems = []
    for index, document in enumerate(documents):
        value = document.metadata_text(group)
        if value:
            groups.setdefault(value, []).append(index)
        else:
            what = f"report {document.id!r} has no {group!r} in its header"
            fix = "add it, or hold out by another field"
            problems.append(Problem(document.origin, what, fix, kind=f"no {group}"))
    if problems:
        raise DataError(problems)
    return groups


def copy_groups(documents: Sequence[Document]) -> Copies:
    """Return the groups of reports that are copies, exact or near, of one another, or of a copy."""
    groups = _copy_groups(tuple(normalized(document.text) for document in documents))
    return {id(document): group for document, group in zip(documents, groups, strict=True)}


@lru_cache(maxsize=1)  # every fold of a run divides the same reports again
def _copy_groups(texts: tuple[str, ...]) -> list[int]:
    """Return for each text the number of the first in its group.

    Near-copies share half of their shingles, so one of them is among the rarest half of either (prefix filtering;
    Chaudhuri, Ganti and Kaushik 2006): text that many reports share, such as a disclaimer, need not be compared.
    """
    first: dict[str, int] = {}
    for number, text in enumerate(texts):
        first.setdefault(text, number)
    shingles = {number: shingles_of(text) for text, number in first.items()}
    frequencies = Counter(chain.from_iterable(shingles.values()))
    parents = {number: number for number in shingles}

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    with_shingle: dict[int, list[int]] = {}
    for number, own in shingles.items():
        ordered = sorted(own, key=lambda shingle: (frequencies[shingle], shingle))
        least_shared = ceil(NEAR_DUPLICATE_SIMILARITY * len(own))
        rarest = [shingle for shingle in ordered[: len(own) - least_shared + 1] if frequencies[shingle] > 1]
        for other in set().union(*(with_shingle.get(shingle, ()) for shingle in rarest)):
            if root(other) != root(number):
                shared = len(own & shingles[other])
                if shared >= NEAR_DUPLICATE_SIMILARITY * (len(own) + len(shingles[other]) - shared):
                    low, high = sorted((root(other), root(number)))
                    parents[high] = low
        for shingle in rarest:
            with_shingle.setdefault(shingle, []).append(number)
    return [root(first[text]) for text in texts]


def read_splits(config: Config) -> Corpus:
    """Read and check the data files that a config names, without dividing them further.

    Raises:
        ConfigError: if the label of numbers or weapons is not one of the labels, or unlabeled texts have no teacher.
        DataError: as `corpus.load`, or if validation or test holds reports that a model has labeled.
    """
    refuse_unfit_settings(config)
    paths = {split: getattr(config.data, split) for split in corpus.SPLITS}
    present = {split: entries for split, entries in paths.items() if entries}
    settings = config.data
    data = corpus.load(
        present,
        config.labels,
        strict=settings.strict,
        allow_copies=settings.allow_copies,
        guidelines=settings.guidelines,
        options=ReadOptions.of(settings),
    )
    refuse_silver_splits(data)
    return data


def refuse_unfit_settings(config: Config) -> None:
    """Raise if settings do not fit together that say what is learned from the data.

    Raises:
        ConfigError: if the label of numbers or weapons is not one of the labels, or unlabeled texts have no teacher.
    """
    problems = value_label_problems(config.labels, config.values.number, config.values.weapon)
    if config.data.unlabeled and not config.training.teacher:
        problems.append(Problem("data.unlabeled", "nobody labels these texts", "name a checkpoint in training.teacher"))
    if problems:
        raise ConfigError("the config", problems)


def refuse_silver_splits(data: Corpus) -> None:
    """Raise if validation or test holds reports that a model has labeled.

    Raises:
        DataError: naming the first.
    """
    for split in ("validation", "test"):
        refuse_silver(f"data.{split}", data[split], "a model can only learn from them: move them to data.train")
