"""Errors for the user, and the problems found in files that they list.

Every failure a user can cause is a `ConflictNerError`: the command line prints its
message and exits, a script catches one class. A fault found in a file is a `Problem`
(place, fault, fix); problems are collected and raised together, because a person who
corrects a file wants the whole list. A fault found many times is one message (`describe_problems`).

>>> print(Problem("reports.md:3:14", "'[' is never closed", "write ](LABEL) after it"))
reports.md:3:14: '[' is never closed; write ](LABEL) after it

A missing optional package is a `ConflictNerError` too: `require_packages` names the command that installs it.

>>> require_packages("arithmetic", {"math": "math"})
"""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_MAX_PLACES = 5  # that are listed for one kind of fault
_MAX_KINDS = 50  # of fault that are described in one message


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is (`file:line[:column]`), what it is and how to fix it.

    kind: the fault without the details that differ from place to place. Problems of one kind are shown as one
        message. By default it is the fault and its fix without their numbers.
    """

    where: str
    what: str
    fix: str = ""
    unreadable: bool = False  # the file as a whole, not one report in it
    note: bool = False  # information only: nothing is wrong and nothing is left out
    kind: str = field(default="", compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", re.sub(r"[\d,.]*\d", "#", f"{self.what}; {self.fix}"))

    def __str__(self) -> str:
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.where}: {self.what}{fix}"


def excerpt(text: str, limit: int = 40) -> str:
    r"""Quote a text for a message: control characters are escaped, and a long text is cut.

    >>> print(excerpt("a\tb"), excerpt("\0" * 1_000_000, 16))
    'a\tb' '\x00\x00\x00...'
    """
    shown = repr(text[: limit + 1])
    if len(text) <= limit and len(shown) <= limit + 2:
        return shown
    # The longest prefix that fits: cutting `shown` could split an escape.
    cut = max(i for i in range(limit + 1) if len(repr(text[:i])) <= limit + 2 - len("..."))
    return repr(text[:cut])[:-1] + "..." + shown[0]


def format_count(number: int, singular: str, plural: str = "") -> str:
    """Format a number with its noun, in the singular or the plural.

    >>> format_count(1, "report"), format_count(1234, "report"), format_count(2, "input or row", "inputs or rows")
    ('1 report', '1,234 reports', '2 inputs or rows')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def replace_advice(problem: Problem, advice: Mapping[str, str]) -> Problem:
    """Return a problem whose fix does not name an option that the caller does not have.

    Args:
        advice: what to advise in the place of a fix that names an option.
    """
    option = next((option for option in advice if option in problem.fix), None)
    return replace(problem, fix=advice[option], kind=problem.what) if option else problem


def describe_problems(problems: Iterable[Problem]) -> list[str]:
    """Return one message for each kind of problem: the first in full, then the next places and a count.

    Messages are in the order of their first places. After 50 of them only a count follows.

    >>> print(*describe_problems(Problem(f"a.md:{line}", "no text", "write it") for line in range(1, 2984)))
    a.md:1: no text; write it (2,983 places; the next: a.md:2, a.md:3, a.md:4, a.md:5)
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in _sort_by_place(problems):
        kinds.setdefault(problem.kind, []).append(problem)
    messages = [_describe_kind(problems_of_kind) for problems_of_kind in kinds.values()]
    if len(messages) <= _MAX_KINDS:
        return messages
    rest = list(kinds.values())[_MAX_KINDS:]
    places = sum(map(len, rest))
    return [*messages[:_MAX_KINDS], f"and {len(rest):,} more kinds of problem, in {places:,} places"]


def _sort_by_place(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by file, in the order in which the files are first named, then by line and column."""
    files: dict[str, int] = {}

    def key(problem: Problem) -> tuple[int, int, int]:
        place = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", problem.where, re.DOTALL)
        file, line, column = place.groups() if place else (problem.where, None, None)
        return files.setdefault(file or "", len(files)), int((line or "0")[:18]), int((column or "0")[:18])

    return sorted(problems, key=key)


def _describe_kind(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return str(problems[0])
    next_places = ", ".join(dict.fromkeys(problem.where for problem in problems[1:_MAX_PLACES]))
    return f"{problems[0]} ({len(problems):,} places; the next: {next_places})"


class ProblemLog:
    """Show problems and notes of a long job: the first of each kind as they come, and the rest as a count.

    count: the problems so far, without notes.

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
        self._hidden: dict[str, tuple[str, int]] = {}  # by kind: the first message not shown, and how many were not

    def __call__(self, problem: Problem) -> None:
        """Show a problem, or count it."""
        self.count += not problem.note
        self._shown[problem.kind] += 1
        message = f"{'note' if problem.note else 'error'}: {problem}"
        if self._shown[problem.kind] <= _MAX_PLACES:
            self._show(message)
        else:
            first, count = self._hidden.get(problem.kind, (message, 0))
            self._hidden[problem.kind] = first, count + 1

    def show_rest(self) -> None:
        """Show one line for each kind of which problems were only counted."""
        for message, count in self._hidden.values():
            self._show(f"{message}, and {count - 1:,} more places" if count > 1 else message)
        self._hidden.clear()


class ConflictNerError(Exception):
    """Base of every error this package raises on purpose; the message is for the user."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle message and attributes, whatever arguments a subclass takes: worker processes send errors back."""
        return _unpickle, (type(self), self.args, self.__dict__)


def _unpickle(error_class: type[ConflictNerError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    error = error_class.__new__(error_class, *arguments)
    error.__dict__.update(attributes)
    return error


class DataError(ConflictNerError):
    """All faults found in labeled data; the message has one line for each kind of fault."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{format_count(count, 'problem')} in the data:"
        super().__init__("\n".join([head, *(f"  {message}" for message in describe_problems(self.problems))]))


class ConfigError(ConflictNerError):
    """All faults found in a run's config, in options, or in a file of settings."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        few = len(self.problems) <= _MAX_KINDS
        messages = list(map(str, self.problems)) if few else describe_problems(self.problems)
        super().__init__("\n".join([f"{source} is not valid:", *(f"  {message}" for message in messages)]))


@dataclass(frozen=True, slots=True)
class Alternative:
    """A command that avoids an error: its purpose, and the options that it adds.

    config: the config file that the command trains, if it is not the one that the user named.
    """

    purpose: str
    options: tuple[str, ...]
    config: Path | None = None


class OverwriteError(ConflictNerError):
    """A command would destroy earlier work without being asked to; the message lists the alternatives.

    In Python each option is an argument of the same name: `--overwrite` is `overwrite=True`.
    """

    def __init__(self, fault: str, alternatives: Sequence[Alternative], command: Sequence[str] = ()) -> None:
        self.fault, self.alternatives = fault, tuple(alternatives)
        lines = []
        for alternative in self.alternatives:
            base = ["conflict-ner", "train", str(alternative.config)] if alternative.config else list(command)
            if "--restart" in alternative.options:
                base = [part for part in base if part != "--resume"]
            lines.append(f"  {alternative.purpose}:\n    {shlex.join([*base, *alternative.options])}")
        super().__init__("\n".join([fault, *lines]))

    def for_command(self, command: Sequence[str]) -> OverwriteError:
        """Return the same error with complete commands: the one that the user typed, and its options."""
        return OverwriteError(self.fault, self.alternatives, command)


class EncoderError(ConflictNerError):
    """The encoder cannot be found, loaded or used; the message says what to install or set."""


class CheckpointError(ConflictNerError):
    """A checkpoint cannot be read, written or trusted."""


def damaged_file(file: Path, error: Exception) -> CheckpointError:
    """Return the error of a checkpoint's file that cannot be read; of all that pydantic finds it names the first."""
    fault = str(error)
    if isinstance(error, RecursionError):
        fault = "it is nested too deeply"
    elif callable(details := getattr(error, "errors", None)):
        first, *others = details()
        place = ".".join(map(str, first["loc"]))
        fault = f"{place + ': ' if place else ''}{first['msg']}" + (f" (and {len(others):,} more)" if others else "")
    return CheckpointError(f"{file} cannot be read: {fault}; restore it, or train or export the checkpoint again")


class TrainingError(ConflictNerError):
    """A training run cannot succeed: found before its first step, or when its loss is no longer finite."""


class JobError(ConflictNerError):
    """A long job's output cannot be written: the disk is full or fails, or the form of the output cannot hold it."""


class BenchmarkError(ConflictNerError):
    """A benchmark cannot measure what it was asked to: there is nothing to read, or a system fails."""


class ServeError(ConflictNerError):
    """A service cannot start: its port or address cannot be had, or its API key is empty."""


class MissingExtraError(ConflictNerError):
    """A feature needs optional packages that are not installed; the message says which."""


def require_packages(feature: str, requirements: Mapping[str, str]) -> None:
    """Raise if a module is not installed, before any long work that needs it.

    Args:
        feature: the name of what needs the modules, for the message.
        requirements: for each module the requirement that pip installs it by.

    Raises:
        MissingExtraError: with the command that installs those missing.
    """
    missing = [requirement for module, requirement in requirements.items() if find_spec(module) is None]
    if missing:
        command = [sys.executable, "-m", "pip", "install", *missing]
        raise MissingExtraError(f"{feature} needs packages that are not installed; type\n    {shlex.join(command)}")
