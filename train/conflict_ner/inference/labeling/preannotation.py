"""Writes tagged reports as annotation tools import them: predictions for people to correct, and what a project needs.

People who correct a model are faster than those who begin with nothing (pre-annotation; Lingren et al. 2014,
https://doi.org/10.1136/amiajnl-2013-001837).

>>> find_tool("doccano").title, find_tool("brat").is_folder
('doccano JSONL', True)
>>> Project(find_tool("label-studio"), Path("sudan"), ("ACTOR",), "small-1f00").paths
[PosixPath('sudan/reports.json'), PosixPath('sudan/label-studio-config.xml')]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Entity
from conflict_ner.data.formats.format import Format, PredictedDocument
from conflict_ner.data.formats.registry import FORMATS
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.files import atomic_write

_FORMATS_OF_TOOLS: Mapping[str, tuple[str, ...]] = {"inception": ("uima-cas", "webanno-tsv")}  # the best one first
_OF_MENTIONS = ("label", "text", "start", "end", "score")
_NAME = "reports"  # of the file in a project's folder
_HASH_DIGITS = 8

Records = Callable[[], Iterable[Mapping[str, Any]]]  # tagged reports, as `Tagged.to_record` returns them


def find_tool(name: str) -> Format:
    """Return the format in which an annotation tool imports predictions.

    Args:
        name: `label-studio`, `doccano`, `prodigy`, `brat` or `inception`, or the name of such a format.

    Raises:
        ConfigError: if there is no such tool.
        MissingExtraError: if the package that writes the format is not installed.
    """
    forms = {form.name: form for form in FORMATS if form.write_predictions}
    names = _FORMATS_OF_TOOLS.get(name.lower(), (name.lower(),))
    form = next((forms[each] for each in names if each in forms), None)
    if form is None:
        tools = dict.fromkeys((*_FORMATS_OF_TOOLS, *forms))
        raise ConfigError(
            "the command line", [Problem(f"--to {name}", "no such annotation tool", f"name {', '.join(tools)}")]
        )
    with TemporaryDirectory() as folder:  # a package that is missing is reported before the work
        _predictions_writer(form)([], Path(folder) / _NAME, "")
    return form


def model_version(checkpoint: Checkpoint) -> str:
    """Return the name of a checkpoint with the beginning of its weights' hash, which changes with training."""
    return f"{checkpoint.name}-{checkpoint.weights_sha256[:_HASH_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Project:
    """The files with which people begin to label in an annotation tool.

    form: as from `find_tool`.
    target: a file with the ending of the tool's files, with the other files beside it; else the folder of the project.
    labels: those that people can give; they have the same colors as on our pages.
    model: the name and version of the model.
    """

    form: Format
    target: Path
    labels: Sequence[str]
    model: str

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder."""
        return self.form.is_folder or not self.target.suffix

    @property
    def paths(self) -> list[Path]:
        """The files to import, or their folder, and the files that configure the project."""
        if self.form.is_folder:
            return [self.target]
        first = self.target / f"{_NAME}{self.form.suffixes[0]}" if self.is_folder else self.target
        return [first, *(first.parent / name for name in self._configuration())]

    def check(self) -> None:
        """Check the target's ending, before the work.

        Raises:
            ConfigError: if it is that of other files.
        """
        suffix = self.form.suffixes[0]
        if not self.form.is_folder and self.target.suffix.lower() not in ("", suffix):
            fix = f"name a file with {suffix}, or a folder, whose name has no ending"
            what = f"{self.form.title} has another ending"
            raise ConfigError("the command line", [Problem(f"--output {self.target}", what, fix)])

    def write(self, records: Records, draft: Path) -> None:
        """Write the target at a new path, from which it is put in its place.

        Raises:
            DataError: if the format cannot hold some of the reports.
        """
        documents = (_predicted(record) for record in records())
        file = draft
        if self.is_folder and not self.form.is_folder:
            draft.mkdir()
            file = draft / f"{_NAME}{self.form.suffixes[0]}"
        _predictions_writer(self.form)(documents, file, self.model)
        if self.is_folder:
            for name, content in self._configuration().items():
                (draft / name).write_text(content, encoding="utf-8", newline="\n")

    def finish(self) -> None:
        """Write the files that stand beside a target that is one file."""
        if not self.is_folder:
            for name, content in self._configuration().items():
                with atomic_write(self.target.with_name(name)) as stream:
                    stream.write(content)

    def _configuration(self) -> dict[str, str]:
        """Return the files that configure the project; beside a file their names begin with its own."""
        files = self.form.project_files(self.labels) if self.form.project_files else {}
        prefix = "" if self.is_folder else f"{self.target.stem}-"
        return {f"{prefix}{name}": content for name, content in files.items()}


def _predictions_writer(form: Format) -> Callable[[Iterable[PredictedDocument], Path, str], None]:
    assert form.write_predictions is not None, "`find_tool` returns only formats with predictions"
    return form.write_predictions


def _predicted(record: Mapping[str, Any]) -> PredictedDocument:
    """Return a report and its entities, as `Tagged.to_record` has written them."""
    entities: Iterator[Entity] = (Entity(**{key: row[key] for key in _OF_MENTIONS}) for row in record["entities"])
    metadata = {key: value for key, value in record.items() if key not in ("id", "text", "entities")}
    return PredictedDocument(str(record["id"]), record["text"], tuple(entities), metadata)
