"""Reading of labeled files into a checked `Corpus` of documents by split.

A path is a file or a folder, read in any of the formats of labeled reports (`formats.registry`). `load`
reads and checks every split and returns a `Corpus` only if nothing is wrong (or, if not strict, without
the faulty documents).

>>> from conflict_ner.data.document import Mention
>>> corpus = Corpus({"train": (Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),)),)})
>>> corpus.counts("train")
Counter({'ACTOR': 1})
>>> corpus.to_datasets()["train"][0]["mentions"]
[{'start': 0, 'end': 6, 'label': 'ACTOR'}]
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import NO_OPTIONS, Feature, ReadOptions
from conflict_ner.data.formats.registry import FORMATS, detect_all, unused_options
from conflict_ner.data.formats.report_files import print_hidden, print_notes, read_entries, search
from conflict_ner.data.label_levels import first_levels, is_first_level_only, labels_with_kinds, resolve_labels
from conflict_ner.data.silver import divide_gold_and_silver
from conflict_ner.data.text_files.file_search import is_hidden, printable
from conflict_ner.data.validation import GUIDELINE_LABELS, check_groups, check_splits
from conflict_ner.errors import DataError, Problem
from conflict_ner.files import as_paths, atomic_path

if TYPE_CHECKING:
    import datasets

    from conflict_ner.config import ColumnsConfig

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Checked documents by split.

    skipped: the problems of documents that a load left out as faulty. labels: the labels that mentions were read as.
    """

    splits: Mapping[str, tuple[Document, ...]]
    skipped: tuple[Problem, ...] = ()
    labels: tuple[str, ...] = field(default=(), compare=False)

    def __getitem__(self, split: str) -> tuple[Document, ...]:
        return self.splits.get(split, ())

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of all splits, one split after the other."""
        return tuple(document for documents in self.splits.values() for document in documents)

    def counts(self, split: str) -> Counter[str]:
        """Count the mentions of each label in a split."""
        return _count_labels(self[split])

    def summary(self, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Count the reports, words (between spaces), mentions, and mentions of each label in each split.

        Reports that a model has labeled are counted apart, under the name of the split and `, silver`.
        """
        rows = {}
        for split, documents in self.splits.items():
            gold, silver = divide_gold_and_silver(documents)
            if gold or not silver:
                rows[split] = _summarize(gold, labels)
            if silver:
                rows["silver" if split == "silver" else f"{split}, silver"] = _summarize(silver, labels)
        return rows

    def sample(self, split: str, share: float, seed: int) -> Corpus:
        """Return the corpus with a random share of one split, at least one report, in their order.

        With the same seed a smaller share is a subset of a larger one, as a learning curve needs it.

        Raises:
            ValueError: if there is no such split, or the share is not more than 0 and at most 1.
        """
        documents = self._existing(split)
        if not 0 < share <= 1:
            raise ValueError(f"a share of a split is more than 0 and at most 1, not {share}")
        order = np.random.default_rng(seed).permutation(len(documents))
        chosen = sorted(order[: max(round(share * len(documents)), 1)])
        return replace(self, splits={**self.splits, split: tuple(documents[index] for index in chosen)})

    def fingerprint(self, split: str) -> str:
        """Return the SHA-256 of a split's ids, texts and mentions; it does not depend on the file format."""
        digest = hashlib.sha256()
        for document in self[split]:
            mentions = [(m.start, m.end, m.label) for m in document.mentions]
            digest.update(json.dumps([document.id, document.text, mentions]).encode())
        return digest.hexdigest()

    def save(self, file: str | Path, split: str | None = None) -> None:
        """Write the documents of one split, or of all, in the format of the file's suffix: .md, .jsonl or .parquet.

        An existing file is replaced once everything is written.

        Raises:
            DataError: if the file has another suffix.
            ValueError: if there is no such split.
            OSError: if the file cannot be written.
        """
        documents = self.documents if split is None else self._existing(split)
        file = Path(file)
        wanted = {Feature.IDS, Feature.METADATA, Feature.WHITESPACE}
        forms = (form for form in FORMATS if file.suffix.lower() in form.default_for and form.carries >= wanted)
        write = next((form.write for form in forms if form.write), None)
        if write is None:
            fix = "name it .md or .jsonl, or convert such a file to another format"
            raise DataError([Problem(str(file), "no format of labeled reports has this suffix", fix)])
        with atomic_path(file) as draft:
            write(documents, draft)

    def _existing(self, split: str) -> tuple[Document, ...]:
        if split not in self.splits:
            raise ValueError(f"there is no split {split!r}; the splits are {', '.join(self.splits) or 'none'}")
        return self.splits[split]

    def to_datasets(self) -> datasets.DatasetDict:
        """Return a `datasets.DatasetDict` with the columns id, text, mentions and metadata (JSON)."""
        import datasets

        mention = {"start": datasets.Value("int64"), "end": datasets.Value("int64"), "label": datasets.Value("string")}
        string = datasets.Value("string")
        features = datasets.Features({"id": string, "text": string, "mentions": [mention], "metadata": string})
        return datasets.DatasetDict(
            {
                split: datasets.Dataset.from_dict(_dataset_columns(documents), features=features)
                for split, documents in self.splits.items()
            }
        )


def load(
    paths: Mapping[str, Sequence[Path]],
    labels: Sequence[str],
    *,
    strict: bool = True,
    group: str | None = None,
    allow_copies: bool = False,
    guidelines: bool | None = None,
    options: ReadOptions = NO_OPTIONS,
    as_deep_as_data: bool = False,
    with_kinds: bool = False,
) -> Corpus:
    """Read and check the splits.

    Args:
        paths: the files and folders of each split.
        labels: the labels that mentions may have. A mention with a label one level below one of these, such as
            NUMBER.killed where these have NUMBER, is read as the label above it (see `label_levels`).
        strict: whether any problem is an error.
        group: a metadata field whose values no two splits may share, such as the conflict.
        allow_copies: a text may occur twice, also in two splits, as in some benchmarks.
        guidelines: whether the data must follow our guidelines; see `validation.guidelines_apply`.
        options: the choices that the formats of the files leave open, such as the columns of CoNLL files.
        as_deep_as_data: if `labels` has only kinds of a label, such as NUMBER.killed, and no mention of the data has
            one (all are a plain NUMBER), read all labels at their first level; `Corpus.labels` tells.
        with_kinds: read each mention with its kind, whether `labels` has the kind or only the label above it;
            `Corpus.labels` are then those that occur.

    Raises:
        DataError: with every problem of every file. If not `strict`, faulty documents are left
            out instead (`Corpus.skipped` lists their problems) and only unreadable files are errors.
    """
    splits: dict[str, tuple[Document, ...]] = {}
    problems: list[Problem] = []
    hidden: list[str] = []
    for split, entries in paths.items():
        splits[split], read_problems = read_entries(entries, hidden, options)
        problems += read_problems
    print_hidden(hidden)
    problems = print_notes(problems) + _unused_options(paths, options)
    if as_deep_as_data and is_first_level_only((d for documents in splits.values() for d in documents), labels):
        labels = first_levels(labels)
    findings = check_splits(splits, labels, allow_copies=allow_copies, guidelines=guidelines)
    findings += check_groups(splits, group) if group else []
    problems += [finding.problem for finding in findings]
    if problems and (strict or any(problem.unreadable for problem in problems)):
        raise DataError(problems)
    faulty = {id(finding.document) for finding in findings}
    if with_kinds:
        sound = (d for documents in splits.values() for d in documents if d.is_valid and id(d) not in faulty)
        labels = labels_with_kinds(sound, labels)
    accepted = {
        split: resolve_labels((d for d in documents if d.is_valid and id(d) not in faulty), labels)
        for split, documents in splits.items()
    }
    return Corpus(accepted, tuple(problems), tuple(labels))


def load_corpus(
    path: str | Path | None = None,
    *,
    train: str | Path | Iterable[str | Path] = (),
    validation: str | Path | Iterable[str | Path] = (),
    test: str | Path | Iterable[str | Path] = (),
    labels: str | Sequence[str] | None = None,
    strict: bool = True,
    group: str | None = None,
    allow_copies: bool | None = None,
    guidelines: bool | None = None,
    columns: ColumnsConfig | Mapping[str, int] | None = None,
    trim: bool | None = None,
    options: ReadOptions = NO_OPTIONS,
) -> Corpus:
    """Load and check labeled reports: what `conflict-ner check PATH` reads, or files and folders by split.

    Args:
        path: a run's config (`.yaml`), a folder that holds folders named after splits, or any other folder or
            file, which is one split named `data`. Either this is given, or some of `train`, `validation` and `test`.
        labels: the labels allowed; None takes the config's, else ACTOR, WEAPON, LOCATION and NUMBER. They also say
            how deep labels are read: a mention NUMBER.killed is a NUMBER unless NUMBER.killed is among them.
        strict: any problem is an error; if False, reports at fault are left out and listed in `Corpus.skipped`.
        group: a metadata field whose values no two splits may share, such as the conflict.
        allow_copies: a text may stand twice, also in two splits; None takes the config's setting, else False.
        guidelines: hold the data to the project's guidelines; None takes the config's setting, else does if it
            has exactly the project's four labels.
        columns: where CoNLL files have their words and tags, such as `{"word": 1, "tag": 4}`; None takes the
            config's setting, else finds them.
        trim: leave white space and punctuation at the edges of mentions outside; None takes the config's setting,
            else does not.
        options: further choices that the formats of the files leave open, such as whose annotations to read; they
            count more than the config's settings.

    Raises:
        DataError: with every problem of every file.
        ConfigError: if the config is not valid.
        TypeError: if neither a path nor a split is given, or both are.
    """
    by_split = {"train": as_paths(train), "validation": as_paths(validation), "test": as_paths(test)}
    splits = {split: paths for split, paths in by_split.items() if paths}
    if (path is None) == (not splits) or not isinstance(path, str | Path | None):
        raise TypeError("load_corpus takes either one path, or files and folders of train=, validation= or test=")
    labels = [labels] if isinstance(labels, str) else labels
    if isinstance(columns, Mapping):
        from conflict_ner.config import ColumnsConfig

        columns = ColumnsConfig.model_validate(columns)
    if path is not None and Path(path).suffix.lower() in (".yaml", ".yml"):
        from conflict_ner.config import load_config

        config = load_config(path)
        splits = {split: list(paths) for split in SPLITS if (paths := getattr(config.data, split))}
        labels = config.labels if labels is None else labels
        allow_copies = config.data.allow_copies if allow_copies is None else allow_copies
        guidelines = config.data.guidelines if guidelines is None else guidelines
        options = ReadOptions.of(config.data).updated(options)
    elif path is not None:
        splits = find_splits(Path(path))
    if columns is not None:
        options = replace(options, columns=columns)
    if trim is not None:
        options = replace(options, trim=trim)
    return load(
        splits,
        sorted(GUIDELINE_LABELS) if labels is None else labels,
        strict=strict,
        group=group,
        allow_copies=bool(allow_copies),
        guidelines=guidelines,
        options=options,
    )


def read(entries: Iterable[Path], options: ReadOptions = NO_OPTIONS) -> tuple[tuple[Document, ...], list[Problem]]:
    """Read all documents in these files and folders; return them and what is wrong. Notes are printed."""
    hidden: list[str] = []
    documents, problems = read_entries(entries, hidden, options)
    print_hidden(hidden)
    return documents, print_notes(problems)


def _unused_options(paths: Mapping[str, Sequence[Path]], options: ReadOptions) -> list[Problem]:
    """Return a problem for each option that no reader of these files follows: it would be ignored in silence."""
    if not options.chosen():
        return []
    files = [file for entries in paths.values() for entry in entries for file in search(entry).files]
    return unused_options(options, (detection.format for detection in detect_all(files)))


def find_splits(entry: Path) -> dict[str, list[Path]]:
    """Return the splits of a folder with subfolders named after splits; any other path is one split, `data`.

    Then every other subfolder that is not hidden is a split too, whatever its name, so that none is ignored.
    """
    try:
        children = sorted(entry.iterdir()) if entry.is_dir() else []
        # A broken link may have led to a split; reading it reports the problem.
        folders = [path for path in children if path.is_dir() or (path.is_symlink() and not path.exists())]
    except OSError:
        folders = []  # reading it reports the problem
    visible = [folder for folder in folders if not is_hidden(folder.name)]
    if not any(folder.name in SPLITS for folder in visible):
        return {"data": [entry]}
    print_hidden([str(folder) for folder in folders if folder not in visible])
    ranked = sorted(visible, key=lambda folder: (*SPLITS, folder.name).index(folder.name))
    return {printable(folder.name): [folder] for folder in ranked}


def _count_labels(documents: Iterable[Document]) -> Counter[str]:
    return Counter(mention.label for document in documents for mention in document.mentions)


def _summarize(documents: Sequence[Document], labels: Sequence[str]) -> dict[str, Any]:
    counts = _count_labels(documents)
    return {
        "reports": len(documents),
        "words": sum(len(document.text.split()) for document in documents),
        "mentions": counts.total(),
        "labels": {label: counts[label] for label in labels},
    }


def _dataset_columns(documents: Sequence[Document]) -> dict[str, list[Any]]:
    return {
        "id": [document.id for document in documents],
        "text": [document.text for document in documents],
        "mentions": [[asdict(mention) for mention in document.mentions] for document in documents],
        "metadata": [json.dumps(dict(document.metadata)) for document in documents],
    }
