"""Reports for a benchmark: the user's files, labeled or plain, or the checkpoint's test split.

>>> Reports("demo", (Document("a", "Rebels left Goma."),), labeled=False).words
4
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path

from conflict_ner.config import load_config
from conflict_ner.data import corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats import report_files
from conflict_ner.data.formats.format import NO_OPTIONS, ReadOptions
from conflict_ner.data.formats.registry import suffix_of
from conflict_ner.data.text_files.file_search import describe_hidden, printable, search_folder
from conflict_ner.data.text_files.reading import read_text
from conflict_ner.data.words import split_words
from conflict_ner.errors import BenchmarkError, ConfigError, DataError
from conflict_ner.files import short_path


@dataclass(frozen=True)
class Reports:
    """The reports to tag.

    name: the files, for the table. labeled: whether the mentions are gold, so that strict F1 can be computed.
    labels: the labels of the mentions.
    """

    name: str
    documents: tuple[Document, ...]
    labeled: bool
    labels: tuple[str, ...] = ()

    @cached_property
    def texts(self) -> list[str]:
        """The texts, in the order of the files."""
        return [document.text for document in self.documents]

    @cached_property
    def word_counts(self) -> list[int]:
        """The number of words in each text, as `split_words` splits it; nearly every punctuation mark is a word."""
        return [len(split_words(text)[0]) for text in self.texts]

    @property
    def words(self) -> int:
        """The number of words in all texts."""
        return sum(self.word_counts)

    def repeated(self, reports: int) -> Iterator[str]:
        """Yield this many texts, in order and again from the start."""
        return islice(cycle(self.texts), reports)

    def count_words(self, reports: int) -> int:
        """Return the number of words in the texts of `repeated(reports)`."""
        passes, remainder = divmod(reports, len(self.word_counts))
        return passes * self.words + sum(self.word_counts[:remainder])


def read_reports(entries: Sequence[Path], checkpoint: Path, labels: Sequence[str]) -> Reports:
    """Read the reports of files and folders, or of the checkpoint's test split if none are named.

    A `.txt` file is one report without labels. The `.txt` files of a folder are read only if the folder
    has no labeled files. Reports without words are left out.

    Raises:
        BenchmarkError: if there is nothing to read.
        DataError: if files cannot be read or labeled data has problems.
    """
    options = NO_OPTIONS
    if not entries:
        entries, options = _test_split(checkpoint)
    plain: list[Path] = []
    labeled: list[Path] = []
    hidden: list[str] = []
    for entry in entries:
        texts = _plain_files(entry, hidden)
        (plain if texts else labeled).extend(texts or [entry])
    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)
    documents = [_read_plain(file) for file in plain]
    labels = tuple(labels)
    if labeled:
        # The labeling guidelines affect neither speed nor a comparison of runtimes.
        loaded = corpus.load({"data": labeled}, labels, guidelines=False, options=options, as_deep_as_data=True)
        documents, labels = documents + list(loaded["data"]), loaded.labels
    with_words = tuple(document for document in documents if len(split_words(document.text)[0]))
    name = ", ".join(printable(short_path(entry)) for entry in entries)
    if not with_words:
        raise BenchmarkError(f"{name}: no report with a word in it; name other files")
    return Reports(name, with_words, labeled=not plain, labels=labels)


def _test_split(checkpoint: Path) -> tuple[Sequence[Path], ReadOptions]:
    """Return the paths of the checkpoint's test split and how its files are read.

    Raises:
        BenchmarkError: if it has no test split, or the files no longer exist.
    """
    advice = "name DATA: labeled .md or .jsonl files, plain .txt files, or folders of them"
    try:
        data = load_config(checkpoint / "run.yaml").data
    except ConfigError:
        data = None
    if data is None or not data.test:
        raise BenchmarkError(f"{checkpoint} names no test reports; {advice}")
    missing = [str(entry) for entry in data.test if not entry.exists()]
    if missing:
        raise BenchmarkError(f"the checkpoint's test reports no longer exist ({', '.join(missing)}); {advice}")
    return data.test, ReadOptions.of(data)


def _plain_files(entry: Path, hidden: list[str]) -> list[Path]:
    """Return the `.txt` files that a path names: itself, or those of a folder without labeled files.

    Args:
        hidden: names of files that were passed over are appended to it.

    Raises:
        DataError: if parts of such a folder cannot be searched.
    """
    if not entry.is_dir():
        return [entry] if _is_plain(entry.name) else []
    if report_files.search(entry).files:
        return []
    found = search_folder(entry, _is_plain)
    if found.files:
        if found.problems:
            raise DataError(found.problems)
        hidden += found.hidden
    return found.files


def _is_plain(name: str) -> bool:
    return suffix_of(name) == ".txt"


def _read_plain(file: Path) -> Document:
    """Read a file as one report without labels; a reader of labeled reports would look for labels in it."""
    text, problems = read_text(file)
    if text is None:
        raise DataError(problems)
    return Document(printable(file), text)
