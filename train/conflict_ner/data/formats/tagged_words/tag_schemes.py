"""Tags of words in any scheme, read into labeled spans and written; which scheme a file has is decided by its tags.

The schemes, after Ramshaw & Marcus (1995), Tjong Kim Sang & Veenstra (1999) and Ratinov & Roth (2009):

    words            in    El    Fasher  Goma  .
    IOB2             O     B-L   I-L     B-L   O     B- begins every mention
    IOB1             O     I-L   I-L     B-L   O     B- begins a mention only after another one of its label
    IOE2             O     I-L   E-L     E-L   O     E- ends every mention
    IOE1             O     I-L   E-L     I-L   O     E- ends a mention only before another one of its label
    BIOES            O     B-L   E-L     S-L   O     S- is a mention of one word; BILOU has L- and U-, BMES has M-
    IO               O     I-L   I-L     I-L   O     neighboring words of one label are one mention; also without I-

Whatever the scheme, a word begins a mention if its own prefix says so, if the prefix before it ends one, or if the
word before it has another label or none. A scheme only says which tags may stand where. So a file that keeps to two
schemes is the same in both, and the tags of a file decide how it is read. Only if they keep to no scheme and two are
about as near, and differ in what they make of the file, a person has to name one.

>>> read_tags(["I-LOC", "I-LOC", "B-LOC", "O", "I-ACTOR"], find_scheme("IOB1"))
([(0, 2, 'LOC'), (2, 3, 'LOC'), (4, 5, 'ACTOR')], [])
>>> write_tags([(0, 2, "LOC"), (2, 3, "LOC")], 4, find_scheme("BIOES"))
['B-LOC', 'E-LOC', 'S-LOC', 'O']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from conflict_ner.data.labels import WordSpan
from conflict_ner.errors import ConfigError, Problem, format_count

_OUTSIDE = "O"
_PREFIXED = re.compile(r"([BIESLUMW])-(\S+)")
_TAG_LIKE = re.compile(rf"{_OUTSIDE}|{_PREFIXED.pattern}")
# How some programs write tags: `B_LOC`, `b-loc`, `LOC-B`. As labels without prefixes they would be silently wrong.
_NOTATIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"(?P<prefix>[BIESLUMW])[-_.:/](?P<label>\S+)", r"(?P<label>\S+)[-_.:/](?P<prefix>[BIESLUMW])")
)
_PLAIN_LABEL = re.compile(r"[^\W\d_]\S*")
_BEGIN, _END = frozenset("BSUW"), frozenset("ELSUW")  # prefixes of words that begin a mention, and that end one
_RIVAL = 2  # times the faults of the nearest scheme: such a scheme may be the right one
_SHOWN = 40  # characters of a tag in a message

Fault = tuple[int, str, str]  # the number of a word, what is wrong with its tag, and the fix
_Tag = tuple[str, str]  # prefix and label; both are empty for O and for what is not a tag of the scheme


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme of tags: the prefixes of a mention's only word, and of its first, middle and last word.

    neighbor: the prefix of the word at which a mention touches another one of its label, in schemes that use it only
        there: the first word in IOB1, the last one in IOE1.
    """

    name: str
    only: str
    first: str
    middle: str
    last: str
    neighbor: str = ""

    @property
    def prefixes(self) -> str:
        """All prefixes of the scheme."""
        return "".join(dict.fromkeys(self.first + self.middle + self.last + self.only + self.neighbor))


IOB2 = Scheme("IOB2", "B", "B", "I", "I")
_IO = Scheme("IO", "I", "I", "I", "I")
_PLAIN = Scheme("IO", "", "", "", "")  # labels stand alone as tags
# Of schemes that a file keeps to, the first is named.
_SCHEMES = (
    IOB2,
    _IO,
    Scheme("IOB1", "I", "I", "I", "I", neighbor="B"),
    Scheme("BIOES", "S", "B", "I", "E"),
    Scheme("BILOU", "U", "B", "I", "L"),
    Scheme("IOE2", "E", "I", "I", "E"),
    Scheme("IOE1", "I", "I", "I", "I", neighbor="E"),
    Scheme("BMES", "S", "B", "M", "E"),
    Scheme("BMEW", "W", "B", "M", "E"),
    Scheme("BIOS", "S", "B", "I", "I"),
)
SCHEME_NAMES = tuple(scheme.name for scheme in _SCHEMES)
_OTHER_NAMES = {"BIO": "IOB2", "BIO2": "IOB2", "BIO1": "IOB1", "IOBES": "BIOES", "BILUO": "BILOU", "BIOLU": "BILOU"}
_OTHER_NAMES |= {"IOBLU": "BILOU", "BMESO": "BMES", "BMEWO": "BMEW", "BIESO": "BIOES"}


def find_scheme(name: str, where: str = "--scheme") -> Scheme:
    """Return the scheme of a name, such as `BIOES`; capitals do not matter.

    Args:
        name: the scheme's name, or another name that it has.
        where: where the name was given, for the message.

    Raises:
        ConfigError: if there is no such scheme.
    """
    upper = name.upper()
    schemes = {scheme.name: scheme for scheme in _SCHEMES}
    if scheme := schemes.get(_OTHER_NAMES.get(upper, upper)):
        return scheme
    close = get_close_matches(upper, [*schemes, *_OTHER_NAMES], 1)
    fix = f"did you mean {close[0]}? " if close and upper != "IOB" else ""
    raise ConfigError(
        "the scheme of tags",
        [Problem(where, f"there is no scheme {name!r}", f"{fix}it is one of {', '.join(schemes)}")],
    )


def is_tag_like(text: str) -> bool:
    """Return whether a string is a tag with a prefix of some scheme, or O."""
    return bool(_TAG_LIKE.fullmatch(text))


def read_tags(tags: Sequence[str], scheme: Scheme = IOB2) -> tuple[list[WordSpan], list[Fault]]:
    """Return the mentions in a sentence's tags, and the faults: number of the word, fault, fix.

    A string that is not a tag of the scheme is a fault and read as O. Where a tag cannot stand in the scheme, that is a
    fault, and the mention is kept: an I- tag that continues no mention begins one, as in conlleval.
    """
    parsed = [_parse(tag, scheme) for tag in tags]
    spans: list[WordSpan] = []
    faults: list[Fault] = []
    for word, (tag, own) in enumerate(zip(tags, parsed, strict=True)):
        before = parsed[word - 1] if word else ("", "")
        if own[1]:
            if _begins(before, own):
                spans.append((word, word + 1, own[1]))
            else:
                spans[-1] = (spans[-1][0], word + 1, own[1])
        after = tags[word + 1] if word + 1 < len(tags) else _OUTSIDE
        if fault := _fault(tags[word - 1] if word else _OUTSIDE, tag, after, scheme):
            faults.append((word, *fault))
    return spans, faults


def write_tags(spans: Sequence[WordSpan], words: int, scheme: Scheme = IOB2) -> list[str]:
    """Return the tags of `words` words with these spans, which are in order and do not overlap.

    Raises:
        ValueError: if two spans of one label touch and the scheme cannot tell them apart.
    """
    tags = [_OUTSIDE] * words
    before: WordSpan = (0, 0, "")
    for span in spans:
        first, last, label = span
        tags[first:last] = [f"{scheme.middle}-{label}"] * (last - first)
        tags[first], tags[last - 1] = f"{scheme.first}-{label}", f"{scheme.last}-{label}"
        if last - first == 1:
            tags[first] = f"{scheme.only}-{label}"
        if before[1:] == (first, label):
            if scheme.first == scheme.only == scheme.middle and not scheme.neighbor:
                raise ValueError(f"{scheme.name} cannot tell neighboring mentions of one label apart ({label})")
            if scheme.neighbor in _BEGIN:
                tags[first] = f"{scheme.neighbor}-{label}"
            elif scheme.neighbor:
                tags[first - 1] = f"{scheme.neighbor}-{label}"
        before = span
    return tags


class TagStatistics:
    """The tags of a file as far as they decide its scheme: each tag with those before and after it.

    normalize: returns a tag of the file as `B-LABEL`, once `decide` has found how the file writes it.
    """

    def __init__(self) -> None:
        self._triples: dict[tuple[str, str, str], list[int]] = {}
        self._places: list[str] = []
        self._has_prefix = False
        self.normalize: Callable[[str], str] = str

    def add(self, tags: Sequence[str], where: Callable[[int], str]) -> None:
        """Count the tags of a sentence.

        Args:
            tags: its tags; what is not a tag is not counted.
            where: returns the place of a word, for messages.
        """
        outside = _OUTSIDE
        for word, triple in enumerate(zip([outside, *tags], tags, [*tags[1:], outside], strict=False)):
            if triple[1] == outside:
                continue
            if known := self._triples.get(triple):
                known[0] += 1
            else:
                self._triples[triple] = [1, len(self._places)]
                self._places.append(where(word))
                self._has_prefix = self._has_prefix or is_tag_like(triple[1])

    @property
    def is_plain(self) -> bool:
        """Whether tags are labels without prefixes."""
        return bool(self._triples) and not self._has_prefix

    def decide(self, file: str, named: Scheme | None = None) -> Scheme | Problem:
        """Return the scheme of the file, or the problem that it cannot be decided and a person has to name it.

        Args:
            file: the file's name, for the problem.
            named: the scheme that a person named, which is taken.
        """
        if self.is_plain:
            self._find_notation()
        if self.is_plain and named in (None, _IO):
            return _PLAIN
        if named is not None:
            return named
        counts = [self.count_faults(each) for each in _SCHEMES]
        # IOB2 is by far the most common: another one has to fit clearly better. Of two, the one that knows more tags.
        best = min(
            range(len(_SCHEMES)),
            key=lambda rank: (counts[rank] * (_RIVAL if rank else 1), -len(self._alphabet(_SCHEMES[rank]))),
        )
        known = self._alphabet(_SCHEMES[best])
        others = [rank for rank, each in enumerate(_SCHEMES) if not self._alphabet(each) <= known]
        fewest = min((counts[rank] for rank in others if counts[rank] <= _RIVAL * counts[best]), default=None)
        rivals = [_SCHEMES[best], *(_SCHEMES[rank] for rank in others if counts[rank] == fewest)]
        if counts[best] == 0 or len(rivals) == 1:
            return _SCHEMES[best]
        what = "; ".join(f"as {each.name} {self.describe(each)}" for each in rivals)
        names = " or ".join(each.name for each in rivals)
        fix = f"name the scheme: --scheme {names} (in a config, data.scheme), or correct the tags"
        return Problem(file, f"the tags follow no scheme: {what}", fix, unreadable=True)

    def _find_notation(self) -> None:
        """Find out whether all tags are written in another notation, and rewrite them."""
        tags = {tag for triple in self._triples for tag in triple} - {_OUTSIDE}
        for pattern in _NOTATIONS:
            matches = {tag: match for tag in tags if (match := pattern.fullmatch(tag))}
            if len(matches) < len(tags):
                continue
            names = {tag: f"{match['prefix'].upper()}-{match['label']}" for tag, match in matches.items()}
            self.normalize = lambda tag, names=names: names.get(tag, tag)  # type: ignore[misc] # a default
            self._triples = {
                (names.get(before, before), names[tag], names.get(after, after)): value
                for (before, tag, after), value in self._triples.items()
            }
            self._has_prefix = True
            return

    def note(self, scheme: Scheme) -> str:
        """Return what a person should know of the scheme that was decided; empty if it is IOB2."""
        if scheme == IOB2:
            return ""
        if scheme in (_IO, _PLAIN):
            kind = "have no prefixes" if scheme == _PLAIN else "are in IO"
            return f"the tags {kind}: neighboring words of one label are one mention"
        return f"the tags are in {scheme.name}"

    def count_faults(self, scheme: Scheme) -> int:
        """Return how many words have a tag that cannot stand there in a scheme."""
        return sum(self._faulty(scheme).values())

    def _alphabet(self, scheme: Scheme) -> frozenset[str]:
        """Return the tags of the file that a scheme has."""
        return frozenset(tag for _, tag, _ in self._triples if _parse(tag, scheme)[1])

    def _faulty(self, scheme: Scheme) -> dict[tuple[str, str, str], int]:
        return {
            triple: count
            for triple, (count, _) in self._triples.items()
            if is_tag_like(triple[1]) and _fault(*triple, scheme)
        }

    def describe(self, scheme: Scheme) -> str:
        """Return how many faults there are in a scheme, with the first one."""
        faulty = self._faulty(scheme)
        first = min(faulty, key=lambda triple: self._triples[triple][1])
        fault = _fault(*first, scheme)
        assert fault is not None, "only triples with a fault are faulty"
        return f"{format_count(sum(faulty.values()), 'fault')} ({self._places[self._triples[first][1]]}: {fault[0]})"


@lru_cache(maxsize=4096)
def _parse(tag: str, scheme: Scheme) -> _Tag:
    """Return the prefix and the label of a tag; both are empty for O and for what is not a tag of the scheme."""
    match = _PREFIXED.fullmatch(tag)
    if match:
        return (match[1], match[2]) if match[1] in scheme.prefixes else ("", "")
    return ("", tag) if scheme == _PLAIN and _PLAIN_LABEL.fullmatch(tag) and tag != _OUTSIDE else ("", "")


def _begins(before: _Tag, tag: _Tag) -> bool:
    """Return whether a tag with a label begins a mention."""
    return before[1] != tag[1] or tag[0] in _BEGIN or before[0] in _END


@lru_cache(maxsize=65536)
def _fault(before: str, tag: str, after: str, scheme: Scheme) -> tuple[str, str] | None:
    """Return what is wrong with a tag between two others, and the fix; None if it may stand there."""
    if tag == _OUTSIDE:
        return None
    own, previous, following = (_parse(each, scheme) for each in (tag, before, after))
    if not own[1]:
        tags = ", ".join(f"{prefix}-LABEL" for prefix in scheme.prefixes) or "LABEL"
        is_other = is_tag_like(tag) or scheme != IOB2
        of_scheme = f" of {scheme.name}" if is_other else ""
        return f"{tag[:_SHOWN]!r} is not a tag{of_scheme}", f"write O, {_or(tags)}"
    if not own[0]:
        return None
    begins, ends = _begins(previous, own), not following[1] or _begins(own, following)
    expected = scheme.only if begins and ends else scheme.first if begins else scheme.last if ends else scheme.middle
    touches = (scheme.neighbor in _BEGIN and begins and previous[1] == own[1]) or (
        scheme.neighbor in _END and ends and following[1] == own[1]
    )
    expected = scheme.neighbor if touches else expected
    if own[0] == expected:
        return None
    what = f"{tag!r} continues no mention" if scheme == IOB2 else f"{tag!r} cannot stand here in {scheme.name}"
    return what, f"write {expected}-{own[1]}"


def _or(tags: str) -> str:
    head, _, last = tags.rpartition(", ")
    return f"{head} or {last}" if head else last
