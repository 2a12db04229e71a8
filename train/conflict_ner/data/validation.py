"""Checks of labeled data before a model is trained or scored on it.

Each document is checked alone (labels, offsets, edges, overlaps) and against all others
(ids, copies, near-copies across splits: a report seen in training makes a test score too
high). All findings are returned together, each with its position and its fix.

Two rules come from the labeling guidelines of this project (data/guidelines.md): punctuation at the edges of
a mention is left outside it, and a text occurs once in a split. By default they are applied only to data with
exactly our four labels, whatever the file format. Data labeled by other guidelines, such as a benchmark, is
used as published. All other rules apply to all data.

>>> report = Document("r1", "Rebels left.", (Mention(0, 7, "ACTOR"),), origin="demo.md:1")
>>> print(check_document(report, ["ACTOR"])[0])
demo.md:1: 'Rebels ' (ACTOR, 0:7) ends with a space; leave it outside the mention, or --trim cuts it
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from conflict_ner.data.document import Document, Mention, is_encodable
from conflict_ner.data.edges import has_loose_beginning, has_loose_end
from conflict_ner.data.label_levels import (
    NUMBER_KINDS,
    first_level,
    first_levels,
    kinds_below,
    resolve_label,
    second_level,
)
from conflict_ner.data.silver import is_silver
from conflict_ner.errors import Problem

SHINGLE_WORDS = 5
NEAR_DUPLICATE_SIMILARITY = 0.5  # Jaccard similarity of the two texts' shingles
GUIDELINE_LABELS = frozenset({"ACTOR", "WEAPON", "LOCATION", "NUMBER"})  # of data/guidelines.md
MISSING_KIND = "label without its kind"  # the fault, as `Problem.kind` begins
_TYPO_SIMILARITY = 0.8  # of two kinds, from which one is taken for the other misspelled
_NO_GUIDELINES = "--no-guidelines, or data.guidelines: false in the config"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and the document that is left out because of it if loading is not strict."""

    problem: Problem
    document: Document


def guidelines_apply(setting: bool | None, labels: Sequence[str]) -> bool:
    """Return whether data must follow our guidelines: as set, or if `setting` is None, if it has exactly our labels.

    Kinds of our labels, such as NUMBER.killed, are ours too.

    >>> guidelines_apply(None, ["NUMBER", "LOCATION", "WEAPON", "ACTOR"]), guidelines_apply(None, ["ACTOR"])
    (True, False)
    """
    return set(first_levels(labels)) == GUIDELINE_LABELS if setting is None else setting


def check_splits(
    splits: Mapping[str, Sequence[Document]],
    labels: Sequence[str],
    *,
    allow_copies: bool = False,
    guidelines: bool | None = None,
) -> list[Finding]:
    """Return every problem of the documents in all splits, checked alone and against each other.

    Args:
        allow_copies: a text may occur in several splits, exactly or nearly.
        guidelines: whether documents must follow our guidelines; see `guidelines_apply`.
    """
    use_guidelines = guidelines_apply(guidelines, labels)
    findings = [
        Finding(problem, document)
        for documents in splits.values()
        for document in documents
        for problem in check_document(document, labels, guidelines=use_guidelines)
    ]
    findings += _repeated_ids(splits)
    if allow_copies:
        return findings
    findings += _repeated_texts(splits, guidelines=use_guidelines)
    return [*findings, *_near_duplicates(splits, guidelines=use_guidelines)]


def check_groups(splits: Mapping[str, Sequence[Document]], field: str) -> list[Finding]:
    """Find reports that lack a metadata field or share its value with a report in another split.

    With the conflict as `field`, a corpus without findings has no conflict in two splits: a model
    is not tested on a conflict whose names it has seen in training. Silver reports are only learned from, so they
    count as those of `train`, wherever they are.
    """
    findings = []
    first_seen: dict[str, tuple[str, Document]] = {}  # split and document of each value's first occurrence
    for name, documents in splits.items():
        for document in documents:
            split = "train" if is_silver(document) else name
            if document.metadata.get(field) in (None, ""):
                what = f"report {document.id!r} has no {field!r} in its header"
                problem = Problem(document.origin, what, "add it", kind=f"no {field}")
                findings.append(Finding(problem, document))
                continue
            value = json.dumps(document.metadata[field])
            first_split, first = first_seen.setdefault(value, (split, document))
            if first_split != split:
                what = f"{field} {value} occurs in {split} and in {first_split} ({first.origin})"
                problem = Problem(
                    document.origin, what, "keep all of it in one split", kind=f"{field} {value} in two splits"
                )
                findings.append(Finding(problem, document))
    return findings


def check_document(
    document: Document, labels: Sequence[str], *, guidelines: bool | None = None, edges: bool = True
) -> list[Problem]:
    """Return the problems of one document checked alone.

    Args:
        guidelines: as in `check_splits`.
        edges: check the first and last characters of mentions.
    """
    use_guidelines = guidelines_apply(guidelines, labels)
    problems = []
    if not document.text.strip():
        what = f"report {document.id!r} is empty"
        problems.append(Problem(document.origin, what, "write its text or remove it", kind="empty report"))
    elif not is_encodable(document.id + document.text + json.dumps(dict(document.metadata), ensure_ascii=False)):
        problems.append(
            Problem(document.origin, "half of a surrogate pair in the report", "write the complete character")
        )
    for index, mention in enumerate(document.mentions):
        label_fault = _label_fault(mention.label, labels, guidelines=use_guidelines)
        fault = label_fault or _offset_fault(document, mention)
        if not fault and edges:
            fault = _edge_fault(document.slice(mention), guidelines=use_guidelines)
        if fault:
            what, fix, kind = f"{_describe(document, mention)} {fault[0]}", fault[1], fault[0]
            if fault == label_fault:
                kind = f"{fault[0].removeprefix('has a').removeprefix('n').strip()} {mention.label}"
            problems.append(Problem(document.place(index), what, fix, kind=kind))
    return problems + list(_overlaps(document))


def _overlaps(document: Document) -> Iterator[Problem]:
    outer: Mention | None = None  # the earlier mention with the largest end
    for index, mention in enumerate(document.mentions):
        if outer and mention.start < outer.end:
            relation = "lies inside" if mention.end <= outer.end else "overlaps"
            what = f"{_describe(document, mention)} {relation} {_describe(document, outer)}"
            yield Problem(document.place(index), what, "keep one: mentions neither nest nor overlap", kind="overlap")
        if outer is None or mention.end > outer.end:
            outer = mention


def _label_fault(label: str, labels: Sequence[str], *, guidelines: bool) -> tuple[str, str] | None:
    """Return the fault of a mention's label and its fix; None if it is one of `labels` or a kind of one."""
    resolved = resolve_label(label, labels)
    if resolved is None and (kinds := kinds_below(label, labels)):
        return f"has a {MISSING_KIND}", f"write one of {', '.join(kinds)}"
    has_guideline_kind = second_level(label) in NUMBER_KINDS
    if resolved is not None and (has_guideline_kind or not (resolved == "NUMBER" != label and guidelines)):
        return None
    family = first_level(label)
    kinds = [f"NUMBER.{kind}" for kind in NUMBER_KINDS] if resolved else kinds_below(family, labels)
    if kinds:
        # NUMBER takes every kind of the guidelines and, where they apply, no other.
        is_closed = family == "NUMBER" and guidelines and not has_guideline_kind
        return "has an unknown label", _fix_kind(label, kinds, is_closed=is_closed)
    folded = {other.casefold(): other for other in labels}
    near = get_close_matches(label.casefold(), folded, n=1, cutoff=0.5)
    return (
        "has an unknown label",
        f"did you mean {folded[near[0]]}?" if near else f"the labels are {', '.join(labels)}",
    )


def _fix_kind(label: str, kinds: Sequence[str], *, is_closed: bool) -> str:
    """Return the fix of a label with an unknown kind: the one kind that is spelled nearly so, else all.

    is_closed: the label above them cannot take other kinds.
    """
    family, kind = first_level(label), second_level(label) or ""
    folded = {(second_level(other) or "").casefold(): other for other in kinds}
    if near := get_close_matches(kind.casefold(), folded, n=1, cutoff=_TYPO_SIMILARITY):
        return f"did you mean {folded[near[0]]}?"
    listed = f"write one of {', '.join(kinds)}"
    return listed if is_closed else f"{listed}, or add {family} to labels, which takes the other kinds"


def _offset_fault(document: Document, mention: Mention) -> tuple[str, str] | None:
    """Return the fault of a mention's offsets and its fix; None if there is none."""
    size = len(document.text)
    if not 0 <= mention.start < mention.end <= size:
        fault = "is empty" if mention.start == mention.end else f"lies outside the text of {size} characters"
        return fault, "offsets are in characters, 0 <= start < end <= length"
    return None


def _edge_fault(text: str, *, guidelines: bool) -> tuple[str, str] | None:
    """Return the fault of a mention's first or last character and its fix; None if there is none."""
    for char, verb, is_loose in ((text[0], "begins", has_loose_beginning), (text[-1], "ends", has_loose_end)):
        if char.isspace():
            return f"{verb} with a space", "leave it outside the mention, or --trim cuts it"
        if guidelines and is_loose(text):
            fix = (
                f"leave it outside the mention, or --trim cuts it; if your guidelines have it inside: {_NO_GUIDELINES}"
            )
            return f"{verb} with the punctuation {char!r}", fix
    return None


def _repeated_ids(splits: Mapping[str, Sequence[Document]]) -> Iterator[Finding]:
    ids: dict[str, Document] = {}
    for document in (document for documents in splits.values() for document in documents):
        if document.id in ids:
            what = f"the id {document.id!r} is already used at {ids[document.id].origin}"
            fix = "give each report its own id"
            if _is_id_from_position(document):
                fix = "rename one of the files: its name is part of the ids"
            yield Finding(Problem(document.origin, what, fix, kind="id used twice"), document)
        ids.setdefault(document.id, document)


def _is_id_from_position(document: Document) -> bool:
    """Return whether the id is the file's name and line, as for CoNLL files, which have no ids."""
    file, _, line = document.origin.rpartition(":")
    path = Path(file)
    return path.suffix not in (".md", ".jsonl") and document.id == f"{path.stem}:{line}"


def _repeated_texts(splits: Mapping[str, Sequence[Document]], *, guidelines: bool) -> Iterator[Finding]:
    """Find texts that occur twice, ignoring white space and case."""
    texts: dict[str, tuple[str, Document]] = {}
    for split, documents in splits.items():
        for document in documents:
            text = normalized(document.text)
            other_split, other = texts.setdefault(text, (split, document))
            same_split = other_split == split
            if text and other is not document and not (same_split and not guidelines):
                in_splits = "" if same_split else f" ({other_split} and {split})"
                what = f"report {document.id!r} has the same text as {other.id!r} at {other.origin}{in_splits}"
                kind = f"same text{in_splits}"
                fix = _copy_fix("remove one of the two", same_split=same_split, guidelines=guidelines)
                yield Finding(Problem(document.origin, what, fix, kind=kind), document)


def _copy_fix(fix: str, *, same_split: bool, guidelines: bool) -> str:
    """Add to a fix the setting that allows copies: the files of a benchmark are better not changed."""
    if not guidelines:
        return f"{fix}, or set data.allow_copies: true"
    return f"{fix}; if your guidelines allow copies in a split: {_NO_GUIDELINES}" if same_split else fix


def _near_duplicates(splits: Mapping[str, Sequence[Document]], *, guidelines: bool) -> Iterator[Finding]:
    """Find documents that share most of their five-word shingles with one in another split.

    Computes the exact Jaccard similarity with an inverted index: MinHash would only estimate
    it, and labeled corpora are small enough. If there are several, the most similar is named.
    """
    index = _ShingleIndex(splits)
    for split, documents in splits.items():
        for document in documents:
            shingles = shingles_of(document.text)
            if found := index.nearest(shingles, outside=split):
                other_split, other, similarity = found
                if similarity >= NEAR_DUPLICATE_SIMILARITY and normalized(other.text) != normalized(document.text):
                    what = (
                        f"report {document.id!r} ({split}) is a near-copy of {other.id!r} ({other_split}) "
                        f"at {other.origin}: {similarity:.0%} of their five-word runs are shared"
                    )
                    fix = _copy_fix("keep both in one split, or remove one", same_split=False, guidelines=guidelines)
                    kind = f"near-copy {other_split} {split}"
                    yield Finding(Problem(document.origin, what, fix, kind=kind), document)
            index.add(split, document, shingles)


class _ShingleIndex:
    """An inverted index of the shingles of documents, by split."""

    def __init__(self, splits: Iterable[str]) -> None:
        self._seen: list[tuple[str, Document, int]] = []
        self._postings: dict[str, dict[int, list[int]]] = {split: defaultdict(list) for split in splits}

    def add(self, split: str, document: Document, shingles: set[int]) -> None:
        for shingle in shingles:
            self._postings[split][shingle].append(len(self._seen))
        self._seen.append((split, document, len(shingles)))

    def nearest(self, shingles: set[int], outside: str | None = None) -> tuple[str, Document, float] | None:
        """Return the split, the document and the similarity of the most similar one, of another split if one is given.

        None if none shares a shingle.
        """
        others = [postings for split, postings in self._postings.items() if split != outside]
        hits = [numbers for postings in others for shingle in shingles if (numbers := postings.get(shingle))]
        if not hits:
            return None
        number, similarity = _nearest(hits, len(shingles), self._seen)
        split, document, _ = self._seen[number]
        return split, document, similarity


class HeldOutTexts:
    """Finds texts that copy a held-out report, exactly or nearly; the texts may be any number, read one by one."""

    def __init__(self, splits: Mapping[str, Sequence[Document]]) -> None:
        self._exact: dict[str, tuple[str, Document]] = {}
        self._index = _ShingleIndex(splits)
        for split, documents in splits.items():
            for document in documents:
                self._exact.setdefault(normalized(document.text), (split, document))
                self._index.add(split, document, shingles_of(document.text))

    def describe_copy(self, text: str) -> str | None:
        """Return which held-out report a text copies, in words; None if it copies none."""
        if found := self._exact.get(normalized(text)):
            split, document = found
            return f"has the same text as {document.id!r} ({split}) at {document.origin}"
        if nearest := self._index.nearest(shingles_of(text)):
            split, document, similarity = nearest
            if similarity >= NEAR_DUPLICATE_SIMILARITY:
                return f"is a near-copy of {document.id!r} ({split}) at {document.origin}: {similarity:.0%} is shared"
        return None


def _nearest(hits: list[list[int]], size: int, seen: Sequence[tuple[str, Document, int]]) -> tuple[int, float]:
    """Return the number of the most similar document in the postings, and its similarity.

    Args:
        hits: for each shingle that occurs elsewhere, the numbers of the documents in `seen` that have it.
        size: number of shingles of the document.
    """
    numbers, shared = np.unique(np.concatenate([np.array(hit) for hit in hits]), return_counts=True)
    sizes = np.array([seen[number][2] for number in numbers])
    similarities = shared / (sizes + size - shared)
    best = int(similarities.argmax())
    return int(numbers[best]), float(similarities[best])


def normalized(text: str) -> str:
    """Return a text that is the same for copies that differ in case and white space."""
    return " ".join(text.casefold().split())


def shingles_of(text: str) -> set[int]:
    """Return hashes of the runs of five words of a text, letters folded; valid in this process only."""
    words = re.findall(r"\w+", text.casefold())
    return {hash(tuple(words[i : i + SHINGLE_WORDS])) for i in range(len(words) - SHINGLE_WORDS + 1)}


def _describe(document: Document, mention: Mention) -> str:
    return f"{document.slice(mention)!r} ({mention.label}, {mention.start}:{mention.end})"
