"""From files to splits of documents: the one door through which labeled data comes in.

A path is a `.md` file (the marked-up form), a `.jsonl` file, a benchmark's file in CoNLL's
form (`.conll`, `.bio`, `.iob2`, `.txt`), or a folder that is searched for all of these but
`.txt`, which is mostly plain text and is read where it is named. `load` reads every split,
lets `check` look at all of it and hands out a `Corpus` only when nothing is wrong (or, if
not strict, without the documents at fault).

>>> from conflict_ner.document import Mention
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conflict_ner import conll, jsonl, markup
from conflict_ner.check import check_groups, check_splits
from conflict_ner.document import Document
from conflict_ner.errors import DataError, Problem

if TYPE_CHECKING:
    import datasets

SPLITS = ("train", "validation", "test")
FORMS = {".md": markup, ".jsonl": jsonl}  # read and written
FOREIGN = dict.fromkeys((".conll", ".bio", ".iob2", ".txt"), conll)  # read only
_SEARCHED = FORMS.keys() | FOREIGN.keys() - {".txt"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labeled documents by split, checked. `skipped` says what a lenient load left out."""

    splits: Mapping[str, tuple[Document, ...]]
    skipped: tuple[Problem, ...] = ()

    def __getitem__(self, split: str) -> tuple[Document, ...]:
        return self.splits.get(split, ())

    def counts(self, split: str) -> Counter[str]:
        """Mentions a label."""
        return Counter(mention.label for document in self[split] for mention in document.mentions)

    def summary(self, split: str, labels: Sequence[str]) -> dict[str, Any]:
        """How many reports, words (between spaces), mentions, and mentions a label."""
        counts = self.counts(split)
        return {
            "reports": len(self[split]),
            "words": sum(len(document.text.split()) for document in self[split]),
            "mentions": counts.total(),
            "labels": {label: counts[label] for label in labels},
        }

    def sampled(self, split: str, share: float, seed: int) -> Corpus:
        """The corpus with a random share of one split, at least one report of it, in their order.

        With one seed a smaller share lies within a larger, as a learning curve wants it.
        """
        documents = self[split]
        order = np.random.default_rng(seed).permutation(len(documents))
        kept = sorted(order[: max(round(share * len(documents)), 1)])
        return replace(self, splits={**self.splits, split: tuple(documents[index] for index in kept)})

    def fingerprint(self, split: str) -> str:
        """Sha256 of a split's ids, texts and mentions: the same data in either form agree."""
        digest = hashlib.sha256()
        for document in self[split]:
            mentions = [(m.start, m.end, m.label) for m in document.mentions]
            digest.update(json.dumps([document.id, document.text, mentions]).encode())
        return digest.hexdigest()

    def to_datasets(self) -> datasets.DatasetDict:
        """The corpus as a `datasets.DatasetDict`; columns id, text, mentions, metadata (JSON)."""
        import datasets

        mention = {"start": datasets.Value("int64"), "end": datasets.Value("int64"), "label": datasets.Value("string")}
        string = datasets.Value("string")
        features = datasets.Features({"id": string, "text": string, "mentions": [mention], "metadata": string})
        return datasets.DatasetDict(
            {
                split: datasets.Dataset.from_dict(_columns(documents), features=features)
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
) -> Corpus:
    """Read and check the splits; `paths` gives each split's files and folders.

    Args:
        strict: any problem is an error.
        group: a metadata field whose values no two splits may share, such as the conflict.
        allow_copies: a text may stand twice, also in two splits, as in some benchmarks.

    Raises:
        DataError: with every problem of every file. If not `strict`, documents at fault are
            left out instead (the corpus lists them) and only unreadable files are errors.
    """
    splits: dict[str, tuple[Document, ...]] = {}
    problems: list[Problem] = []
    for split, entries in paths.items():
        splits[split], found = read(entries)
        problems += found
    findings = check_splits(splits, labels, allow_copies=allow_copies) + (check_groups(splits, group) if group else [])
    problems += [finding.problem for finding in findings]
    if problems and (strict or any(problem.unreadable for problem in problems)):
        raise DataError(problems)
    faulty = {id(finding.document) for finding in findings}
    kept = {
        split: tuple(document for document in documents if document.sound and id(document) not in faulty)
        for split, documents in splits.items()
    }
    return Corpus(kept, tuple(problems))


def read(entries: Iterable[Path]) -> tuple[tuple[Document, ...], list[Problem]]:
    """All documents under the given files and folders, and what could not be read."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for entry in entries:
        files, found = find_files(entry)
        problems += found
        for file in files:
            read_documents, found = read_file(file)
            documents += read_documents
            problems += found
    return tuple(documents), problems


def find_splits(entry: Path) -> dict[str, list[Path]]:
    """The splits in a folder that has folders named after some; any other path is one split, `data`.

    Every folder beside a split is one too, whatever its name: none is passed over.
    """
    folders = [folder for folder in sorted(entry.iterdir()) if folder.is_dir()] if entry.is_dir() else []
    if not any(folder.name in SPLITS for folder in folders):
        return {"data": [entry]}
    ranked = sorted(folders, key=lambda folder: (*SPLITS, folder.name).index(folder.name))
    return {folder.name: [folder] for folder in ranked}


def find_files(entry: Path) -> tuple[list[Path], list[Problem]]:
    """The report files that a path names, in order of their names."""
    if entry.is_dir():
        files = sorted(file for file in entry.rglob("*") if file.suffix in _SEARCHED and file.is_file())
        fault, fix = "a folder with no .md or .jsonl file in it", "put report files there or name another folder"
        if any(entry.rglob("*.txt")):
            fix = "name its .txt files one by one, if they are in CoNLL's form"
    elif entry.exists():
        files = [entry] if entry.suffix in FORMS.keys() | FOREIGN.keys() else []
        fault = f"reports are .md or .jsonl files, or a benchmark's .conll, not {entry.suffix or 'this'}"
        fix = "convert or rename it"
    else:
        files, fault, fix = [], "no such file or folder", "mend the path"
    return files, ([] if files else [Problem(str(entry), fault, fix, unreadable=True)])


def read_file(file: Path) -> tuple[list[Document], list[Problem]]:
    """One file's documents, and its problems with line and column."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        return [], [Problem(str(file), f"cannot be read: {error.strerror}", "check its permissions", unreadable=True)]
    try:
        source = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        before = raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8")) + 1
        hint = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        fix = f"save it as UTF-8, for example: iconv -f {hint} -t utf-8 {file.name} > new"
        what = f"not UTF-8 (byte 0x{raw[error.start]:02x})"
        return [], [Problem(f"{file}:{line}:{column}", what, fix, unreadable=True)]
    documents, problems = (FORMS | FOREIGN)[file.suffix].parse(source, str(file))
    return documents, problems


def _columns(documents: Sequence[Document]) -> dict[str, list[Any]]:
    return {
        "id": [document.id for document in documents],
        "text": [document.text for document in documents],
        "mentions": [[asdict(mention) for mention in document.mentions] for document in documents],
        "metadata": [json.dumps(dict(document.metadata)) for document in documents],
    }
