"""What goes wrong, said so that a person can mend it.

Every failure a user can cause is a `ConflictNerError`: the command line prints its
message and exits, a script catches one class. What is found in a file is a `Problem`
(place, fault, fix); problems are collected and raised together, because a person who
mends a file wants the whole list.

>>> print(Problem("reports.md:3:14", "'[' is never closed", "write ](LABEL) after it"))
reports.md:3:14: '[' is never closed; write ](LABEL) after it
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is (`file:line[:column]`), what it is and how to mend it."""

    where: str
    what: str
    fix: str = ""
    unreadable: bool = False  # a whole file, not one report in it
    note: bool = False  # nothing is wrong or left out: only something to know

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


class ConflictNerError(Exception):
    """Base of every error this package raises on purpose; the message is for the user."""


class DataError(ConflictNerError):
    """Faults in labeled data, all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the data:"
        super().__init__("\n".join([head, *(f"  {p}" for p in self.problems)]))


class ConfigError(ConflictNerError):
    """Faults in a run's config, all that were found."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([f"{source} is not valid:", *(f"  {p}" for p in self.problems)]))


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of an error: what it is good for, and the options that a command needs for it.

    config: the config that the command is about, if not the one that the user named.
    """

    purpose: str
    options: tuple[str, ...]
    config: Path | None = None


class OverwriteError(ConflictNerError):
    """Earlier work would be destroyed unasked; the message names the ways to go on.

    In Python an option is the argument of its name: `--overwrite` is `overwrite=True`.
    """

    def __init__(self, fault: str, ways: Sequence[Way], command: Sequence[str] = ()) -> None:
        self.fault, self.ways = fault, tuple(ways)
        lines = []
        for way in self.ways:
            start = ["conflict-ner", "train", str(way.config)] if way.config else list(command)
            if "--restart" in way.options:
                start = [part for part in start if part != "--resume"]
            lines.append(f"  {way.purpose}:\n    {shlex.join([*start, *way.options])}")
        super().__init__("\n".join([fault, *lines]))

    def for_command(self, command: Sequence[str]) -> OverwriteError:
        """Give the same error with whole commands: the one that the user typed, and each way's options."""
        return OverwriteError(self.fault, self.ways, command)


class EncoderError(ConflictNerError):
    """The encoder's weights cannot be had; the message says what to install or set."""


class CheckpointError(ConflictNerError):
    """A checkpoint cannot be read, written or trusted."""


class TrainingError(ConflictNerError):
    """A run that cannot end well: found out before its first step, or when its loss breaks."""


class JobError(ConflictNerError):
    """A long job's output cannot be written: the disk is full or fails; the message says what is safe."""


class BenchmarkError(ConflictNerError):
    """What is to be measured cannot be: nothing to read, or a contestant that fails."""


class MissingExtraError(ConflictNerError):
    """What was asked for needs packages that the plain installation leaves out; the message says which."""
