"""What goes wrong, said so that a person can mend it.

Every failure a user can cause is a `ConflictNerError`: the command line prints its
message and exits, a script catches one class. What is found in a file is a `Problem`
(place, fault, fix); problems are collected and raised together, because a person who
mends a file wants the whole list. One fault found many times is one message (`describe_problems`).

>>> print(Problem("reports.md:3:14", "'[' is never closed", "write ](LABEL) after it"))
reports.md:3:14: '[' is never closed; write ](LABEL) after it

An optional package that is missing is one too: `require` names the command that installs it.

>>> require_packages("arithmetic", {"math": "math"})
"""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PLACES = 5  # of a fault that is found many times
KINDS = 50  # of fault, in one message


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is (`file:line[:column]`), what it is and how to mend it.

    kind: the fault without what differs from place to place. Problems of one kind are shown as one message.
        By default it is the fault and its fix, numbers aside.
    """

    where: str
    what: str
    fix: str = ""
    unreadable: bool = False  # a whole file, not one report in it
    note: bool = False  # nothing is wrong or left out: only something to know
    kind: str = field(default="", compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", re.sub(r"[\d,.]*\d", "#", f"{self.what}; {self.fix}"))

    def __str__(self) -> str:
        mend = f"; {self.fix}" if self.fix else ""
        return f"{self.where}: {self.what}{mend}"


def excerpt(text: str, limit: int = 40) -> str:
    r"""Somebody's text for a message: quoted, control characters escaped, and cut where it is long.

    >>> print(excerpt("a\tb"), excerpt("\0" * 1_000_000, 16))
    'a\tb' '\x00\x00\x00...'
    """
    shown = repr(text[: limit + 1])
    if len(text) <= limit and len(shown) <= limit + 2:
        return shown
    # Not in the middle of an escape.
    cut = max(i for i in range(limit + 1) if len(repr(text[:i])) <= limit + 2 - len("..."))
    return repr(text[:cut])[:-1] + "..." + shown[0]


def describe_problems(problems: Iterable[Problem]) -> list[str]:
    """One message for each kind of problem: its first in full, then its next places and a count.

    Messages stand in the order of their first places. After `KINDS` of them only a count follows.

    >>> print(*describe_problems(Problem(f"a.md:{line}", "no text", "write it") for line in range(1, 2984)))
    a.md:1: no text; write it (2,983 places; the next: a.md:2, a.md:3, a.md:4, a.md:5)
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in _in_order_of_place(problems):
        kinds.setdefault(problem.kind, []).append(problem)
    messages = [_message(same) for same in kinds.values()]
    if len(messages) <= KINDS:
        return messages
    rest = list(kinds.values())[KINDS:]
    places = sum(map(len, rest))
    return [*messages[:KINDS], f"and {len(rest):,} more kinds of problem, in {places:,} places"]


def _in_order_of_place(problems: Iterable[Problem]) -> list[Problem]:
    """Files in the order in which they are first named; in each, problems by line and column."""
    files: dict[str, int] = {}

    def key(problem: Problem) -> tuple[int, int, int]:
        place = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", problem.where, re.DOTALL)
        file, line, column = place.groups() if place else (problem.where, None, None)
        return files.setdefault(file or "", len(files)), int((line or "0")[:18]), int((column or "0")[:18])

    return sorted(problems, key=key)


def _message(same: Sequence[Problem]) -> str:
    if len(same) == 1:
        return str(same[0])
    following = ", ".join(dict.fromkeys(problem.where for problem in same[1:PLACES]))
    return f"{same[0]} ({len(same):,} places; the next: {following})"


class ProblemLog:
    """Problems and notes of a long job: each kind's first are shown as they come, the rest are counted.

    count: of the problems; notes are none.

    >>> log = ProblemLog(print)
    >>> for line in range(1, 9):
    ...     log(Problem(f"a.csv:{line}", "no text"))
    error: a.csv:1: no text
    error: a.csv:2: no text
    error: a.csv:3: no text
    error: a.csv:4: no text
    error: a.csv:5: no text
    >>> log.show_rest()
    error: a.csv:6: no text, and 2 more places
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self.count = 0
        self._shown: Counter[str] = Counter()
        self._hidden: dict[str, tuple[str, int]] = {}  # a kind: the first that was not shown, and how many were not

    def __call__(self, problem: Problem) -> None:
        """Show a problem, or count it."""
        self.count += not problem.note
        self._shown[problem.kind] += 1
        message = f"{'note' if problem.note else 'error'}: {problem}"
        if self._shown[problem.kind] <= PLACES:
            self._show(message)
        else:
            first, count = self._hidden.get(problem.kind, (message, 0))
            self._hidden[problem.kind] = first, count + 1

    def show_rest(self) -> None:
        """Show what was only counted, a line a kind."""
        for message, count in self._hidden.values():
            self._show(f"{message}, and {count - 1:,} more places" if count > 1 else message)
        self._hidden.clear()


class ConflictNerError(Exception):
    """Base of every error this package raises on purpose; the message is for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle message and attributes, whatever a subclass is made of: a pool's processes hand errors over."""
        return _unpickled, (type(self), self.args, self.__dict__)


def _unpickled(kind: type[ConflictNerError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


class DataError(ConflictNerError):
    """Faults in labeled data, all that were found; the message has one line for each kind of fault."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count:,} problem{'s' if count != 1 else ''} in the data:"
        super().__init__("\n".join([head, *(f"  {message}" for message in describe_problems(self.problems))]))


class ConfigError(ConflictNerError):
    """Faults in a run's config, all that were found."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"{source} is not valid:", *(f"  {p}" for p in self.problems)]))


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way out of an error: what it is good for, and the options that a command needs for it.

    config: the config that the command is about, if not the one that the user named.
    """

    purpose: str
    options: tuple[str, ...]
    config: Path | None = None


class OverwriteError(ConflictNerError):
    """Earlier work would be destroyed unasked; the message names the alternatives to go on.

    In Python an option is the argument of its name: `--overwrite` is `overwrite=True`.
    """

    def __init__(self, fault: str, alternatives: Sequence[Alternative], command: Sequence[str] = ()) -> None:
        self.fault, self.alternatives = fault, tuple(alternatives)
        lines = []
        for alternative in self.alternatives:
            start = ["conflict-ner", "train", str(alternative.config)] if alternative.config else list(command)
            if "--restart" in alternative.options:
                start = [part for part in start if part != "--resume"]
            lines.append(f"  {alternative.purpose}:\n    {shlex.join([*start, *alternative.options])}")
        super().__init__("\n".join([fault, *lines]))

    def for_command(self, command: Sequence[str]) -> OverwriteError:
        """Give the same error with whole commands: the one that the user typed, and each way's options."""
        return OverwriteError(self.fault, self.alternatives, command)


class EncoderError(ConflictNerError):
    """The encoder's weights cannot be had; the message says what to install or set."""


class CheckpointError(ConflictNerError):
    """A checkpoint cannot be read, written or trusted."""


class TrainingError(ConflictNerError):
    """A run that cannot end well: found out before its first step, or when its loss breaks."""


class JobError(ConflictNerError):
    """A long job's output cannot be written: the disk is full or fails; the message says what is safe."""


class BenchmarkError(ConflictNerError):
    """What is to be measured cannot be: nothing to read, or a system that fails."""


class MissingExtraError(ConflictNerError):
    """What was asked for needs packages that the plain installation leaves out; the message says which."""


def require_packages(what: str, needed: Mapping[str, str]) -> None:
    """See that modules are there, before any long work that needs them.

    Args:
        what: what needs them, for the message.
        needed: for each module what to install.

    Raises:
        MissingExtraError: with the command that installs those missing.
    """
    missing = [wanted for module, wanted in needed.items() if find_spec(module) is None]
    if missing:
        command = [sys.executable, "-m", "pip", "install", *missing]
        raise MissingExtraError(f"{what} needs packages that are not installed; type\n    {shlex.join(command)}")
