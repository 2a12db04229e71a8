"""What a reader of an annotation tool's export has to decide: whose labels count, and what is left out and said.

>>> from conflict_ner.data.formats.format import NO_OPTIONS
>>> export = Export(Path("export.json"), NO_OPTIONS, "task")
>>> anna = Labeling(("anna",), (RawMention(0, 6, "ACTOR"),))
>>> export.choose([anna, Labeling(("ben",), ())], "export.json, task 1")
>>> print(*(problem.what for problem in export.end()))
anna (1 mention) and ben (no mention) label it differently
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document
from conflict_ner.data.formats.format import Read, ReadAnnotators, ReadOptions
from conflict_ner.data.formats.offsets import OffsetMender, RawMention
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem, format_count

_MOST_NAMES = 12  # of annotators in a message
_RESERVED = frozenset({"id", "text", "entities"})  # what the metadata of a report is not called
_OF_OTHERS = "left out: not labeled by"


@dataclass(frozen=True, slots=True)
class Labeling:
    """The labels that one person, or one model, gave to a report.

    names: what the annotator is called, the name to show first; empty if the file does not say.
    time: of the last change; of an annotator's labels the last ones count.
    is_reference: marked as the correct ones. problems: what could not be read of them.
    """

    names: tuple[str, ...]
    mentions: tuple[RawMention, ...]
    time: str = ""
    is_reference: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def content(self) -> frozenset[tuple[int, int, str]]:
        """The mentions without their texts, for comparison."""
        return frozenset((each.start, each.end, each.label) for each in self.mentions)


class Export:
    """An export that is being read.

    Args:
        file: the file.
        options: whose labels to read, if several annotators labeled a report.
        noun: what the tool calls a report, such as `task`.
    """

    def __init__(self, file: Path, options: ReadOptions, noun: str) -> None:
        self.name, self._annotator, self._noun = printable(file), options.annotator, noun
        self._stem = Path(strip_compression_suffix(self.name)).stem
        self._mender = OffsetMender(self.name)
        self._annotators: Counter[str] = Counter()  # with the reports that each labeled
        self._conflicts: list[tuple[str, list[Labeling]]] = []
        self._notes: Counter[tuple[str, str]] = Counter()
        self._documents = 0
        self._has_problems = False

    @property
    def annotators(self) -> list[str]:
        """Those who labeled what was read so far, with the most reports first."""
        return [name for name, _ in self._annotators.most_common()]

    def note(self, what: str, noun: str = "", count: int = 1) -> None:
        """Count something that is said at the end of the file.

        Args:
            what: what is to be said of it, after the number and the noun, such as `left out: nobody has labeled it`.
            noun: what is counted; by default reports, by the tool's name for them.
            count: how many to add.
        """
        self._notes[noun or self._noun, what] += count

    def choose(self, labelings: Sequence[Labeling], where: str) -> Labeling | None:
        """Return the labels of a report that count; None if they are not there or not clear, which `end` says.

        They are those of the annotator that the user named. If none was named, all have to be equal, but for those
        marked as correct, which count more.
        """
        latest: dict[tuple[str, ...], Labeling] = {}
        for each in sorted(labelings, key=lambda each: each.time):
            earlier = latest.get(each.names)
            if earlier is not None and earlier.content != each.content:
                self.note("labeled more than once by one annotator: the last labels were read")
            latest[each.names] = each
        self._annotators.update(each.names[0] for each in latest.values() if each.names)
        if self._annotator is not None:
            wanted = self._annotator.casefold()
            chosen = [each for each in latest.values() if wanted in map(str.casefold, each.names)]
            if not chosen:
                self.note(f"{_OF_OTHERS} {self._annotator}")
            return chosen[-1] if chosen else None
        candidates = [each for each in latest.values() if each.is_reference] or list(latest.values())
        if len({each.content for each in candidates}) > 1:
            self._conflicts.append((where, candidates))
            return None
        if candidates[0].is_reference and len({each.content for each in latest.values()}) > 1:
            self.note("labeled differently by several annotators: the labels marked as ground truth were read")
        return candidates[0]

    def report(
        self,
        identity: Any,
        text: str,
        labeling: Labeling,
        metadata: Mapping[str, Any],
        where: str,
        number: int,
    ) -> Iterator[Document | Problem]:
        """Yield a report with its mentions, and the problems of those that are not in its text or cannot be read.

        Args:
            identity: its id in the file, a string or a number; otherwise it gets one from the file and its number.
            text: its text.
            labeling: its labels.
            metadata: keys that a report has itself get the prefix `data_`.
            where: its place, for problems.
            number: the number of its record in the file.
        """
        found, problems = self._mender.mentions(text, labeling.mentions, where)
        problems = [*labeling.problems, *problems]
        is_id = isinstance(identity, str | int) and not isinstance(identity, bool)
        yield Document(
            id=str(identity) if is_id else f"{self._stem}:{number}",
            text=text,
            mentions=found,
            metadata={f"data_{key}" if key in _RESERVED else key: value for key, value in metadata.items()},
            origin=where,
            is_valid=not problems,
        )
        self._documents += 1
        self._has_problems = self._has_problems or bool(problems)
        yield from problems

    def refuse(self, problem: Problem) -> Problem:
        """Return a problem, and remember that there was one."""
        self._has_problems = True
        return problem

    def end(self) -> Iterator[Problem]:
        """Yield the problems and notes of the whole file."""
        fix = f"choose one with --annotator: {self._list_annotators()}"
        for where, labelings in self._conflicts:
            yield from (self.refuse(problem) for each in labelings for problem in each.problems)
            what = f"{_name_all(labelings)} label it differently"
            yield self.refuse(Problem(where, what, fix, kind="annotators differ"))
        notes = [f"{format_count(count, noun)} {what}" for (noun, what), count in self._notes.items()]
        if self._documents or self._has_problems:
            for what in notes:
                yield Problem(self.name, what, note=True)
        elif self._annotator is not None and self._annotators:
            what = f"no labels of {self._annotator!r} in this file"
            yield Problem(self.name, what, f"the annotators are {self._list_annotators()}")
        else:
            what = ": ".join([f"no labeled {self._noun} in this file", *notes[:1]]) + "".join(
                f"; {n}" for n in notes[1:]
            )
            yield Problem(self.name, what, "export labeled ones, or name another file")
        yield from self._mender.notes()

    def _list_annotators(self) -> str:
        names = [f"{name} ({format_count(count, self._noun)})" for name, count in self._annotators.most_common()]
        rest = len(names) - _MOST_NAMES
        return ", ".join(names[:_MOST_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


def reader_of_annotators(read: Read, list_annotators: Callable[[Path], list[str]]) -> ReadAnnotators:
    """Return a format's reader of what each annotator labeled, for files that hold the labels of everybody.

    Args:
        read: the format's reader, which follows the option `annotator`.
        list_annotators: returns the names of those who labeled reports in a file, as that option takes them.
    """

    def read_annotators(file: Path, options: ReadOptions) -> Iterator[tuple[str, Document] | Problem]:
        for name in list_annotators(file):
            for item in read(file, replace(options, annotator=name)):
                if isinstance(item, Document):
                    yield name, item
                elif not item.note or not item.what.endswith(f"{_OF_OTHERS} {name}"):  # no loss here
                    yield item

    return read_annotators


def _name_all(labelings: Sequence[Labeling]) -> str:
    names = [f"{each.names[0] if each.names else 'unknown'} ({_count(len(each.mentions))})" for each in labelings]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _count(mentions: int) -> str:
    return format_count(mentions, "mention") if mentions else "no mention"
