"""From files to splits of documents: the one door through which labeled data comes in.

A path is a `.md` file (the marked-up form), a `.jsonl` file, a benchmark's file in CoNLL's
form (`.conll`, `.bio`, `.iob2`, `.txt`), each in small letters or capitals and perhaps packed (`.gz`, `.bz2`,
`.xz`, `.zst`), or a folder that is searched for all of these but
`.txt`, which is mostly plain text and is read where it is named. `load` reads every split,
lets `check` look at all of it and hands out a `Corpus` only when nothing is wrong (or, if
not strict, without the documents at fault).

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
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from conflict_ner.data.document import Document
from conflict_ner.data.formats import conll, jsonl, markup
from conflict_ner.data.formats.compression import (
    READ_ERRORS,
    compression_suffix,
    open_decompressed,
    strip_compression_suffix,
)
from conflict_ner.data.formats.encodings import describe_decoding_error, detect_encoding, guess_encoding
from conflict_ner.data.formats.file_search import SearchResult, describe_hidden, is_hidden, printable, search_folder
from conflict_ner.data.validation import GUIDELINE_LABELS, check_groups, check_splits
from conflict_ner.errors import DataError, Problem, describe_problems
from conflict_ner.files import as_paths, atomic_write

if TYPE_CHECKING:
    import datasets

    from conflict_ner.config import ColumnsConfig

SPLITS = ("train", "validation", "test")
FORMATS = {".md": markup, ".jsonl": jsonl}  # read and written
READ_ONLY_FORMATS = dict.fromkeys((".conll", ".bio", ".iob2", ".txt"), conll)  # read only
_SAMPLE = 1500  # bytes before a wrong one that an encoding is guessed by, about
_SEARCHED = FORMATS.keys() | READ_ONLY_FORMATS.keys() - {".txt"}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labeled documents by split, checked. `skipped` says what a lenient load left out."""

    splits: Mapping[str, tuple[Document, ...]]
    skipped: tuple[Problem, ...] = ()

    def __getitem__(self, split: str) -> tuple[Document, ...]:
        return self.splits.get(split, ())

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of all splits, one split after the other."""
        return tuple(document for documents in self.splits.values() for document in documents)

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

    def sample(self, split: str, share: float, seed: int) -> Corpus:
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

    def save(self, file: str | Path, split: str | None = None) -> None:
        """Write the documents of one split, or of all, in the form that the file's ending names: .md or .jsonl.

        A file of that name is replaced once all is written.

        Raises:
            DataError: if the file has another ending.
            OSError: if it cannot be written.
        """
        file = Path(file)
        form = FORMATS.get(file.suffix.lower())
        if form is None:
            fault = Problem(str(file), "the ending names the form of labeled reports", "name it .md or .jsonl")
            raise DataError([fault])
        with atomic_write(file) as stream:
            stream.write(form.dump(self.documents if split is None else self[split]))

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
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
) -> Corpus:
    """Read and check the splits; `paths` gives each split's files and folders.

    Args:
        strict: any problem is an error.
        group: a metadata field whose values no two splits may share, such as the conflict.
        allow_copies: a text may stand twice, also in two splits, as in some benchmarks.
        guidelines: hold the data to our guidelines; None does if it has exactly our labels (see `check`).
        columns: where CoNLL files have their words and tags; without it they are found.

    Raises:
        DataError: with every problem of every file. If not `strict`, documents at fault are
            left out instead (the corpus lists them) and only unreadable files are errors.
    """
    splits: dict[str, tuple[Document, ...]] = {}
    problems: list[Problem] = []
    hidden: list[str] = []
    for split, entries in paths.items():
        splits[split], found = _read(entries, hidden, columns)
        problems += found
    _tell_hidden(hidden)
    problems = _tell_notes(problems)
    findings = check_splits(splits, labels, allow_copies=allow_copies, guidelines=guidelines)
    findings += check_groups(splits, group) if group else []
    problems += [finding.problem for finding in findings]
    if problems and (strict or any(problem.unreadable for problem in problems)):
        raise DataError(problems)
    faulty = {id(finding.document) for finding in findings}
    kept = {
        split: tuple(document for document in documents if document.is_valid and id(document) not in faulty)
        for split, documents in splits.items()
    }
    return Corpus(kept, tuple(problems))


def load_corpus(
    path: str | Path | None = None,
    *,
    train: str | Path | Iterable[str | Path] = (),
    validation: str | Path | Iterable[str | Path] = (),
    test: str | Path | Iterable[str | Path] = (),
    labels: Sequence[str] | None = None,
    strict: bool = True,
    group: str | None = None,
    allow_copies: bool | None = None,
    guidelines: bool | None = None,
    columns: ColumnsConfig | None = None,
) -> Corpus:
    """Load and check labeled reports: what `conflict-ner check PATH` reads, or files and folders by split.

    Args:
        path: a run's config (`.yaml`), a folder that holds folders named after splits, or any other folder or
            file, which is one split named `data`. Either this is given, or some of `train`, `validation` and `test`.
        labels: the labels allowed; None takes the config's, else ACTOR, WEAPON, LOCATION and NUMBER.
        strict: any problem is an error; if False, reports at fault are left out and listed in `Corpus.skipped`.
        group: a metadata field whose values no two splits may share, such as the conflict.
        allow_copies: a text may stand twice, also in two splits; None takes the config's setting, else False.
        guidelines: hold the data to the project's guidelines; None takes the config's setting, else does if it
            has exactly the project's four labels.
        columns: where CoNLL files have their words and tags; None takes the config's setting, else finds them.

    Raises:
        DataError: with every problem of every file.
        ConfigError: if the config is not valid.
        TypeError: if neither a path nor a split is given, or both are.
    """
    by_split = {"train": as_paths(train), "validation": as_paths(validation), "test": as_paths(test)}
    splits = {split: paths for split, paths in by_split.items() if paths}
    if (path is None) == (not splits):
        raise TypeError("load_corpus takes either a path, or files and folders of train, validation or test")
    if path is not None and Path(path).suffix.lower() in (".yaml", ".yml"):
        from conflict_ner.config import load_config

        config = load_config(path)
        splits = {split: list(paths) for split in SPLITS if (paths := getattr(config.data, split))}
        labels = config.labels if labels is None else labels
        allow_copies = config.data.allow_copies if allow_copies is None else allow_copies
        guidelines = config.data.guidelines if guidelines is None else guidelines
        columns = columns or config.data.columns
    elif path is not None:
        splits = find_splits(Path(path))
    return load(
        splits,
        sorted(GUIDELINE_LABELS) if labels is None else labels,
        strict=strict,
        group=group,
        allow_copies=bool(allow_copies),
        guidelines=guidelines,
        columns=columns,
    )


def read(entries: Iterable[Path], columns: ColumnsConfig | None = None) -> tuple[tuple[Document, ...], list[Problem]]:
    """All documents under the given files and folders, and what could not be read."""
    hidden: list[str] = []
    documents, problems = _read(entries, hidden, columns)
    _tell_hidden(hidden)
    return documents, _tell_notes(problems)


def _read(
    entries: Iterable[Path], hidden: list[str], columns: ColumnsConfig | None
) -> tuple[tuple[Document, ...], list[Problem]]:
    documents: list[Document] = []
    problems: list[Problem] = []
    for entry in entries:
        found = search(entry)
        hidden += found.hidden
        problems += found.problems
        for file in found.files:
            read_documents, faults = read_file(file, columns)
            documents += read_documents
            problems += faults
    return tuple(documents), problems


def find_splits(entry: Path) -> dict[str, list[Path]]:
    """The splits in a folder that has folders named after some; any other path is one split, `data`.

    Every folder beside a split is one too, whatever its name, unless it is hidden: none is passed over.
    """
    try:
        below = sorted(entry.iterdir()) if entry.is_dir() else []
        # A link that leads nowhere may have led to a split: it is said when it is read.
        folders = [path for path in below if path.is_dir() or (path.is_symlink() and not path.exists())]
    except OSError:
        folders = []  # it is said when it is read
    shown = [folder for folder in folders if not is_hidden(folder.name)]
    if not any(folder.name in SPLITS for folder in shown):
        return {"data": [entry]}
    _tell_hidden([str(folder) for folder in folders if folder not in shown])
    ranked = sorted(shown, key=lambda folder: (*SPLITS, folder.name).index(folder.name))
    return {printable(folder.name): [folder] for folder in ranked}


def format_suffix(name: str) -> str | None:
    """The ending, in small letters and without that of a compression, by which a labeled file's form is known.

    >>> [format_suffix(name) for name in ("M.MD", "c.jsonl.gz", "notes.pdf")]
    ['.md', '.jsonl', None]
    """
    ending = PurePath(strip_compression_suffix(name)).suffix.lower()
    return ending if ending in FORMATS or ending in READ_ONLY_FORMATS else None


def search(entry: Path) -> SearchResult:
    """The report files that a path names, in order of their names; what cannot be searched; what is hidden."""
    try:
        is_folder, exists = entry.is_dir(), entry.exists()
    except OSError as error:  # a folder above it is closed
        return SearchResult(problems=[_no_files(entry, f"cannot be read: {error.strerror}", "check its permissions")])
    if is_folder:
        found = search_folder(entry, format_suffix)
        files = [file for file in found.files if format_suffix(file.name) in _SEARCHED]
        fault, fix = "a folder with no .md or .jsonl file in it", "put report files there or name another folder"
        if found.files:
            fix = "name its .txt files one by one, if they are in CoNLL's form"
        found.problems += [] if files or found.problems else [_no_files(entry, fault, fix)]
        found.files = files
        return found
    if not exists:
        return SearchResult(problems=[_no_files(entry, "no such file or folder", "mend the path")])
    if format_suffix(entry.name) is None:
        ending = printable(entry.suffix) or "this"
        fault = f"reports are .md or .jsonl files, or a benchmark's .conll, not {ending}"
        return SearchResult(problems=[_no_files(entry, fault, "convert or rename it")])
    return SearchResult([entry])


def _no_files(entry: Path, fault: str, fix: str) -> Problem:
    return Problem(printable(entry), fault, fix, unreadable=True)


def find_files(entry: Path) -> tuple[list[Path], list[Problem]]:
    """The report files that a path names, in order of their names, and what cannot be searched."""
    found = search(entry)
    return found.files, found.problems


def read_file(file: Path, columns: ColumnsConfig | None = None) -> tuple[list[Document], list[Problem]]:
    """One file's documents, and its problems with line and column; some are only notes."""
    source, problems = read_text(file)
    if source is None:
        return [], problems
    form = format_suffix(file.name) or ".txt"
    name = printable(file)
    documents, problems = FORMATS[form].parse(source, name) if form in FORMATS else conll.parse(source, name, columns)
    return documents, problems


def read_text(file: Path) -> tuple[str | None, list[Problem]]:
    """A file's text, unpacked if it is packed; None if it cannot be read, and why."""
    name, packing = printable(file), compression_suffix(file.name)
    try:
        with file.open("rb") as stream:
            raw = open_decompressed(stream, packing).read()
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            said, fix = f"cannot be read: {error.strerror}", "check its permissions"
        else:
            said, fix = f"damaged: {str(error) or type(error).__name__}", "get the file anew"
        return None, [Problem(name, said, fix, unreadable=True)]
    encoding = detect_encoding(raw[:4], None)
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "ignore").removeprefix("\ufeff")
        place = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        return None, [Problem(place, *_not_decoded(raw, error.start, encoding, file), unreadable=True)]
    if raw and raw.count(0) * 4 > len(raw) and encoding == "utf-8":  # UTF-16 without a mark is UTF-8, byte by byte
        return None, [Problem(f"{name}:1:1", *_not_decoded(raw, 0, encoding, file), unreadable=True)]
    return text, []


def _not_decoded(raw: bytes, at: int, encoding: str, file: Path) -> tuple[str, str]:
    """What is wrong with a file that its encoding does not read, and how to save it as UTF-8 on any system."""
    if encoding != "utf-8":
        return f"not {encoding}, though its first bytes say so", "save it as UTF-8 in an editor, or get it anew"
    sample = raw[max(raw.rfind(b"\n", 0, max(at - _SAMPLE, 0)) + 1, at - 2 * _SAMPLE) :]
    guess, (what, _) = guess_encoding(sample), describe_decoding_error(sample)
    if guess is None:
        return f"{what} (byte 0x{raw[at]:02x})", "open it in an editor that shows it right, and save it as UTF-8"
    if compression_suffix(file.name):
        return what, f"if that is right, unpack it, then open it as {guess} and save it as UTF-8"
    name = printable(file.name)
    script = f"from pathlib import Path; f = Path({name!r}); f.write_bytes(f.read_bytes().decode({guess!r}).encode())"
    return what, f'if that is right, save it as UTF-8 in an editor, or in its folder: python -c "{script}"'


def _tell_hidden(hidden: Sequence[str]) -> None:
    """Say on standard error what was not read because of its name; no problem, and nothing to be silent about."""
    if hidden:
        print(f"note: {describe_hidden(hidden)}", file=sys.stderr)


def _tell_notes(problems: Sequence[Problem]) -> list[Problem]:
    """Say on standard error what is only to be known about the files, and give the other problems."""
    for message in describe_problems(problem for problem in problems if problem.note):
        print(f"note: {message}", file=sys.stderr)
    return [problem for problem in problems if not problem.note]


def _columns(documents: Sequence[Document]) -> dict[str, list[Any]]:
    return {
        "id": [document.id for document in documents],
        "text": [document.text for document in documents],
        "mentions": [[asdict(mention) for mention in document.mentions] for document in documents],
        "metadata": [json.dumps(dict(document.metadata)) for document in documents],
    }
