"""The tags of models: conversion between tag ids and labeled spans of words.

IOB2 (Ramshaw & Marcus 1995; Tjong Kim Sang & Veenstra 1999): the first word of a mention
is `B-LABEL`, the others `I-LABEL`, all else `O`. Tag ids are fixed by the order of the
config's labels: 0 is O, label number k has B at 2k + 1 and I at 2k + 2.
The tags of files, in any scheme, are read by `formats.tagged_words.tag_schemes`; no other module knows prefixes.

>>> scheme = LabelScheme(("ACTOR", "LOCATION"))
>>> scheme.tags
('O', 'B-ACTOR', 'I-ACTOR', 'B-LOCATION', 'I-LOCATION')
>>> scheme.encode([(0, 1, "LOCATION"), (1, 3, "ACTOR")], 4).tolist()
[3, 1, 2, 0]
>>> scheme.decode(np.array([3, 1, 2, 0]))
[(0, 1, 'LOCATION'), (1, 3, 'ACTOR')]

A model that was trained elsewhere has tags of its own, in any scheme and order; they are read as IOB2:

>>> model = ModelTags.parse({0: "O", 1: "S-PER", 2: "B-PER", 3: "E-PER", 4: "S-MISC"}).renamed({"PER": "ACTOR"})
>>> model.scheme, [model.output.tags[tag] for tag in model.to_iob2(np.array([2, 3, 1, 4, 0]))]
('BIOES', ['B-ACTOR', 'I-ACTOR', 'B-ACTOR', 'O', 'O'])
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

import numpy as np
import numpy.typing as npt

from conflict_ner.data.label_levels import first_level, resolve_label
from conflict_ner.errors import ConfigError, Problem

OUTSIDE = 0

TagIds = npt.NDArray[np.int64]
WordSpan = tuple[int, int, str]  # first word, past the last word, label

# The prefixes that schemes have, the simplest first. IOB1 and IOB2 have the same ones, and so have IOE1 and IOE2.
_SCHEMES = {"IO": "I", "BIO": "BI", "IOE": "IE", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEW": "BMEW"}
_BEGIN, _END = "BSUW", "ELSUW"  # prefixes of words that begin a mention, and of those that end one
_PREFIXED = re.compile(r"([BIESLUMW])-(.+)")
# How some programs write prefixes: `B_PER`, `b-per`, `PER-B`. Read as labels they would be silently wrong.
_OTHER_NOTATION = re.compile(r"[BIESLUMW][-_.:/ ].+|.+[-_.:/ ][BIESLUMW]", re.IGNORECASE)
_NAMELESS = re.compile(r"LABEL_\d+")  # what transformers calls a tag that was given no name


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """IOB2 over any ordered set of labels."""

    labels: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags in the order of their ids."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    @property
    def id2label(self) -> dict[int, str]:
        """The tag of each id, as a checkpoint's config stores them."""
        return dict(enumerate(self.tags))

    @property
    def label2id(self) -> dict[str, int]:
        """The inverse of `id2label`."""
        return {tag: index for index, tag in enumerate(self.tags)}

    @property
    def _first_levels(self) -> TagIds:
        """The number of each label's first level, shape (labels,)."""
        return np.unique([first_level(label) for label in self.labels], return_inverse=True)[1]

    @classmethod
    def from_id2label(cls, id2label: Mapping[int, str] | Mapping[str, str]) -> LabelScheme:
        """Rebuild the scheme from a checkpoint's `id2label`.

        Raises:
            ValueError: if the tags are not O and paired B-/I- tags in this module's order.
        """
        by_id = {int(index): tag for index, tag in id2label.items()}
        tags = tuple(by_id.get(index, "") for index in range(len(by_id)))
        scheme = cls(tuple(tag[2:] for tag in tags[1::2]))
        if scheme.tags != tags or len(set(tags)) < len(tags):
            raise ValueError(f"not IOB2 tags in order O, B-X, I-X, ...: {', '.join(tags)}")
        return scheme

    def encode(self, spans: Iterable[WordSpan], words: int) -> TagIds:
        """Return the tag ids, shape (words,), of `words` words with these non-overlapping spans."""
        index = {label: k for k, label in enumerate(self.labels)}
        tags = np.full(words, OUTSIDE, dtype=np.int64)
        for first, last, label in spans:
            tags[first:last] = 2 * index[label] + 2
            tags[first] = 2 * index[label] + 1
        return tags

    def decode(self, tags: TagIds) -> list[WordSpan]:
        """Return the mentions in a sequence of tag ids, shape (words,).

        An I- tag that continues no mention begins one, as in conlleval and in
        `transformers.pipeline`: a mention that the model found is kept rather than dropped.
        Kinds of one label (NUMBER.killed, NUMBER.injured) do not divide a mention: an I- tag of another kind continues
        it, and the kind of its first word counts.
        """
        firsts, lasts, kinds = self.decode_arrays(tags)
        return [
            (first, last, self.labels[kind])
            for first, last, kind in zip(firsts.tolist(), lasts.tolist(), kinds.tolist(), strict=True)
        ]

    def decode_arrays(self, tags: TagIds, ends: TagIds | None = None) -> tuple[TagIds, TagIds, TagIds]:
        """Return the mentions as arrays of shape (mentions,): first words, ends (exclusive), label numbers.

        Args:
            ends: the ends of sequences that are concatenated in `tags`; no mention crosses one.
        """
        inside = np.flatnonzero(tags != OUTSIDE)
        kinds = (tags[inside] - 1) // 2
        begins = (tags[inside] % 2 == 1) | self._continues_none(inside, kinds, ends)
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], inside.size) - 1 if firsts.size else firsts
        return inside[firsts], inside[lasts] + 1, kinds[firsts]

    def stray_inside(self, tags: TagIds, starts: TagIds) -> TagIds:
        """Return the words whose I- tag continues no mention, shape (strays,).

        Args:
            starts: the first words of sequences that are concatenated in `tags`; no mention crosses one.
        """
        inside = np.flatnonzero(tags != OUTSIDE)
        is_stray = (tags[inside] % 2 == 0) & self._continues_none(inside, (tags[inside] - 1) // 2, starts)
        strays: TagIds = inside[is_stray]
        return strays

    def _continues_none(self, inside: TagIds, kinds: TagIds, starts: TagIds | None) -> npt.NDArray[np.bool_]:
        """Return which words of mentions follow no word of a mention with the same first level, shape (words,).

        Args:
            inside: the words of mentions.
            kinds: their label numbers.
            starts: words that continue no mention.
        """
        alone = np.ones(inside.size, dtype=np.bool_)
        alone[1:] = (np.diff(inside) > 1) | (np.diff(self._first_levels[kinds]) != 0)
        if starts is not None:
            alone |= np.isin(inside, starts)
        return alone

    def continues(self, tags: TagIds, following: TagIds) -> npt.NDArray[np.bool_]:
        """Return where the second tag continues the mention of a word that has the first, shape as both tags have."""
        levels = np.append(self._first_levels, -1)  # O, whose label number is -1, is of none
        is_inside = (following != OUTSIDE) & (following % 2 == 0)
        continued: npt.NDArray[np.bool_] = is_inside & (levels[(tags - 1) // 2] == levels[(following - 1) // 2])
        return continued

    @property
    def tags_by_state(self) -> list[TagIds]:
        """The tags that may follow the same tags: O alone, then the B- tags, then the I- tags of each first level."""
        levels = self._first_levels
        kinds = [np.flatnonzero(levels == level) for level in np.unique(levels)]
        return [np.array([OUTSIDE]), *(2 * k + 1 for k in kinds), *(2 * k + 2 for k in kinds)]

    @property
    def label_numbers(self) -> TagIds:
        """What each tag says of a word's label, shape (tags,): 0 for O, k + 1 for B and I of label number k."""
        return (np.arange(len(self.tags)) + 1) // 2

    def tags_in(self, coarser: LabelScheme) -> TagIds:
        """Return for each tag the tag of a scheme whose labels are the same or a level above, shape (tags,).

        >>> LabelScheme(("ACTOR", "NUMBER.killed", "NUMBER.other")).tags_in(LabelScheme(("ACTOR", "NUMBER"))).tolist()
        [0, 1, 2, 3, 4, 3, 4]

        Raises:
            ValueError: if a label has none in the other scheme.
        """
        numbers = [coarser.labels.index(resolve_label(label, coarser.labels) or label) for label in self.labels]
        return np.array([OUTSIDE, *(2 * number + part for number in numbers for part in (1, 2))], dtype=np.int64)

    def inside_tags(self, tags: TagIds) -> TagIds:
        """Return the I- tag of each tag's label (O stays O)."""
        return np.where(tags == OUTSIDE, OUTSIDE, (tags + 1) // 2 * 2)


@dataclass(frozen=True)  # without slots, which would leave cached properties no place
class ModelTags:
    """The tags of a model that was trained elsewhere, and the labels that they are read as.

    Whatever the scheme, a word begins a mention if its prefix says so (B, S, U, W), if the word before it ended one (E,
    L, S, U, W), or if that had another label or none. So IOB1 and IOB2 are read alike, and prefixes in an impossible
    order are read as by `LabelScheme.decode`: what the model found is kept rather than dropped.

    tags: in the order of their ids.
    names: by the model's label, the label that its mentions get; mentions of a label that is not in it are left out.
    """

    tags: tuple[str, ...]
    names: Mapping[str, str]

    @classmethod
    def parse(cls, id2label: Mapping[str, str] | Mapping[int, str]) -> ModelTags:
        """Read the tags of a model's config; every label keeps its name.

        Raises:
            ValueError: if the tags are of no known scheme; the message says which and why.
        """
        try:
            by_id = {int(index): tag for index, tag in id2label.items()}
        except ValueError:
            raise ValueError("an id is not a number") from None
        tags = tuple(by_id.get(index, "") for index in range(len(by_id)))
        if not all(isinstance(tag, str) and tag for tag in tags):
            raise ValueError(f"the ids are not the numbers from 0 to {len(tags) - 1}, each with a tag")
        if repeated := [tag for tag, count in Counter(tags).items() if count > 1]:
            raise ValueError(f"two ids have the tag {repeated[0]}")
        if all(map(_NAMELESS.fullmatch, tags)):
            raise ValueError(f"the tags have no names, only {', '.join(tags[:2])} ...")
        model = cls(tags, {})
        if not model.labels:
            raise ValueError("no tag is that of a label")
        _ = model.scheme
        return replace(model, names={label: label for label in model.labels})

    def renamed(self, label_map: Mapping[str, str | None]) -> ModelTags:
        """Return the same tags with other names of labels, in the order of the map.

        Args:
            label_map: by the model's own label, its new name. Mentions of a label that is mapped to nothing (an empty
                string, None), or that is not in the map, are left out.

        Raises:
            ConfigError: with every name that is not one of the model's labels or cannot be a label, or if none is left.
        """
        from conflict_ner.config.schema import check_labels  # tagging does without it

        problems = []
        for label, name in label_map.items():
            setting = f"--map {label}={name or ''}"
            if label not in self.labels:
                near = get_close_matches(label.casefold(), {own.casefold(): own for own in self.labels}, n=1)
                advice = (
                    f"did you mean {near[0]}? " if (near := [x for x in self.labels if x.casefold() in near]) else ""
                )
                fix = f"{advice}its labels are {', '.join(self.labels)}"
                problems.append(Problem(setting, f"the model has no label {label!r}", fix))
            try:
                check_labels((name,) if name else ())
            except ValueError as error:
                problems.append(Problem(setting, str(error), "give another name"))
        names = {label: name for label, name in label_map.items() if name}
        if not names and not problems:
            problems.append(Problem("--map", "leaves no label", "map at least one of the model's labels to a name"))
        if problems:
            raise ConfigError("the map of labels", problems)
        return replace(self, names=names)

    @cached_property
    def scheme(self) -> str:
        """The name of the tagging scheme: IO, BIO (IOB1 or IOB2), IOE, BIOES, BILOU, BMES or BMEW.

        Raises:
            ValueError: if it is none of these.
        """
        tags = [tag for tag in self.tags if tag != "O"]
        prefixed = [tag for tag in tags if _PREFIXED.fullmatch(tag)]
        if prefixed and len(prefixed) < len(tags):
            bare = next(tag for tag in tags if tag not in prefixed)
            raise ValueError(f"{prefixed[0]} has a prefix and {bare} has none")
        if not prefixed and all(map(_OTHER_NOTATION.fullmatch, tags)):
            raise ValueError(f"{tags[0]} has its prefix in another notation than B-LABEL, I-LABEL")
        prefixes = {tag[0] for tag in prefixed}
        known = [name for name, letters in _SCHEMES.items() if prefixes <= set(letters)]
        if not known:
            raise ValueError(f"no scheme has all of the prefixes {', '.join(sorted(prefixes))}")
        return known[0]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The model's own labels, in the order of their first tags."""
        return tuple(dict.fromkeys(label for _, label in self._parts if label))

    @property
    def has_outside(self) -> bool:
        """Whether a tag says that a word is in no mention."""
        return "O" in self.tags

    @cached_property
    def output(self) -> LabelScheme:
        """The IOB2 scheme of the labels that are read."""
        return LabelScheme(tuple(dict.fromkeys(self.names.values())))

    @cached_property
    def _parts(self) -> list[tuple[str, str]]:
        """The prefix and the label of each tag; both empty for O, and no prefix where labels stand alone."""
        matches = [_PREFIXED.fullmatch(tag) for tag in self.tags]
        return [
            ("", "") if tag == "O" else (match[1], match[2]) if match else ("", tag)
            for tag, match in zip(self.tags, matches, strict=True)
        ]

    def to_iob2(self, tags: TagIds) -> TagIds:
        """Return the tag ids of `output` for the ids of the model's tags, both of shape (words,)."""
        own = {label: number for number, label in enumerate(self.labels)}
        read = {label: self.output.labels.index(name) for label, name in self.names.items()}
        labels = np.array([own.get(label, -1) for _, label in self._parts])[tags]
        output = np.array([read.get(label, -1) for _, label in self._parts])[tags]
        begins = np.array([bool(prefix) and prefix in _BEGIN for prefix, _ in self._parts])[tags]
        ends = np.array([bool(prefix) and prefix in _END for prefix, _ in self._parts])[tags]
        begins[:1] = True
        begins[1:] |= ends[:-1] | (labels[1:] != labels[:-1])
        return np.where(output < 0, OUTSIDE, 2 * output + 2 - begins)

    @cached_property
    def shares(self) -> npt.NDArray[np.float64]:
        """What each tag says of a word by itself, as shares of the tags of `output`, shape (tags, tags of `output`).

        A tag of a scheme that does not tell where mentions begin (IO) is as much B as I.
        """
        shares = np.zeros((len(self.tags), len(self.output.tags)))
        has_begin = any(prefix and prefix in _BEGIN for prefix, _ in self._parts)
        for row, (prefix, label) in enumerate(self._parts):
            if label in self.names:
                number = self.output.labels.index(self.names[label])
                begins = float(prefix in _BEGIN) if has_begin else 0.5
                shares[row, 2 * number + 1 : 2 * number + 3] = begins, 1.0 - begins
            else:
                shares[row, OUTSIDE] = 1.0
        return shares
