"""The reports that a benchmark reads: a user's own, labeled or plain, or those of the checkpoint's test split.

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

from conflict_ner.config import ColumnsConfig, load_config
from conflict_ner.data import corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.file_search import describe_hidden, printable, search_folder
from conflict_ner.data.words import split_words
from conflict_ner.errors import BenchmarkError, ConfigError, DataError
from conflict_ner.files import short_path


@dataclass(frozen=True)
class Reports:
    """What is tagged. labeled: whether its mentions are gold, so that strict F1 can stand beside speed."""

    name: str
    documents: tuple[Document, ...]
    labeled: bool

    @cached_property
    def texts(self) -> list[str]:
        """In the order of the files."""
        return [document.text for document in self.documents]

    @cached_property
    def counts(self) -> list[int]:
        """The words of each text, as `words.split_words` splits it; nearly every punctuation mark is one."""
        return [len(split_words(text)[0]) for text in self.texts]

    @property
    def words(self) -> int:
        """Of all texts once."""
        return sum(self.counts)

    def repeated(self, reports: int) -> Iterator[str]:
        """So many texts, in turn and again from the start."""
        return islice(cycle(self.texts), reports)

    def words_of(self, reports: int) -> int:
        """The words of as many texts as `repeated` gives."""
        whole, rest = divmod(reports, len(self.counts))
        return whole * self.words + sum(self.counts[:rest])


def read(entries: Sequence[Path], checkpoint: Path, labels: Sequence[str]) -> Reports:
    """The reports of files and folders, or if none are named, of the checkpoint's test split.

    A `.txt` file is one report without labels, and so is each of a folder that has no other kind.
    Reports without a word in them are left out.

    Raises:
        BenchmarkError: if there is nothing to read.
        DataError: if files cannot be read or labeled data has problems.
    """
    columns = None
    if not entries:
        entries, columns = _test_split(checkpoint)
    plain: list[Path] = []
    marked: list[Path] = []
    hidden: list[str] = []
    for entry in entries:
        texts = _plain_files(entry, hidden)
        (plain if texts else marked).extend(texts or [entry])
    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)
    documents = [_plain(file) for file in plain]
    if marked:
        # Neither speed nor a comparison of runtimes depends on whose guidelines the reports were labeled by.
        documents += corpus.load({"data": marked}, labels, guidelines=False, columns=columns)["data"]
    kept = tuple(document for document in documents if len(split_words(document.text)[0]))
    named = ", ".join(printable(short_path(entry)) for entry in entries)
    if not kept:
        raise BenchmarkError(f"{named}: no report with a word in it; name other files")
    return Reports(named, kept, labeled=not plain)


def _test_split(checkpoint: Path) -> tuple[Sequence[Path], ColumnsConfig | None]:
    """Find what the checkpoint was tested on, if it is still there, and the columns of its CoNLL files."""
    advice = "name DATA: labeled .md or .jsonl files, plain .txt files, or folders of them"
    try:
        data = load_config(checkpoint / "run.yaml").data
    except ConfigError:
        data = None
    if data is None or not data.test:
        raise BenchmarkError(f"{checkpoint} says of no test reports; {advice}")
    gone = [str(entry) for entry in data.test if not entry.exists()]
    if gone:
        raise BenchmarkError(f"the checkpoint's test reports are not there any more ({', '.join(gone)}); {advice}")
    return data.test, data.columns


def _plain_files(entry: Path, hidden: list[str]) -> list[Path]:
    """The plain texts that a path names: itself, or those of a folder without labeled files.

    Raises:
        DataError: if parts of such a folder cannot be searched.
    """
    if not entry.is_dir():
        return [entry] if _is_plain(entry.name) else []
    labeled, _ = corpus.find_files(entry)
    if labeled:
        return []
    found = search_folder(entry, _is_plain)
    if found.files:
        if found.problems:
            raise DataError(found.problems)
        hidden += found.hidden
    return found.files


def _is_plain(name: str) -> bool:
    return corpus.format_suffix(name) == ".txt"


def _plain(file: Path) -> Document:
    """A report as its file has it: corpus would look for labels in it."""
    text, problems = corpus.read_text(file)
    if text is None:
        raise DataError(problems)
    return Document(printable(file), text)
