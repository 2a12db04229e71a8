"""Labels reports with a checkpoint, so that other models can learn from them as silver reports (pseudo-labels).

from conflict_ner.inference.labeling.silver_labels import label_files

label_files("models/quality", "drafts", "data/silver")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conflict_ner.data.document import Document
from conflict_ner.data.formats import markup, report_files
from conflict_ner.data.formats.registry import suffix_of
from conflict_ner.data.silver import as_silver, is_silver
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.data.text_files.reading import read_text
from conflict_ner.errors import DataError, OverwriteError, Problem
from conflict_ner.files import atomic_write
from conflict_ner.inference.tagger import Tagger

_OWN_COMMENT = "# Labeled by the model {}; nobody has read these labels."


def label_files(
    checkpoint: Path | str,
    source: Path | str,
    target: Path | str,
    device: str = "auto",
    *,
    overwrite: bool = False,
    label_map: Mapping[str, str | None] | None = None,
) -> int:
    """Label the reports of files anew with a checkpoint, mark them as silver, and return how many there are.

    Files are written once all are labeled, under their own names and in their own subfolders, as `.md`. Labels that a
    model gave before are replaced; comments above the first report of a file are kept.

    Args:
        source: a file or folder of reports (`.md`, `.jsonl`) without labels, or with silver ones.
        target: the folder to write to; it may be the source, whose `.md` files are then replaced.
        overwrite: replace files that are in the target; silver ones of the source itself are replaced in any case.
        label_map: for a plain transformers model, what each of its labels is called (see `Tagger.load`).

    Raises:
        CheckpointError: if the checkpoint is not complete.
        ConfigError: if the map of labels is wrong.
        DataError: if a report cannot be read, or has labels that are not marked as silver: they may be someone's work.
        OverwriteError: if a file to write exists.
        OSError: if a file cannot be written.
    """
    source, target = Path(source), Path(target)
    found = report_files.search(source)
    problems = list(found.problems)
    by_target: dict[Path, list[Document]] = {}
    comments: dict[Path, list[str]] = {}
    for file in found.files:
        documents, file_problems = report_files.read_file(file)
        problems += file_problems
        problems += [_gold_problem(document) for document in documents if document.mentions and not is_silver(document)]
        below = file.relative_to(source).parent if source.is_dir() else Path()
        name = Path(strip_compression_suffix(file.name)).stem
        written = target / below / f"{name}.md"
        by_target.setdefault(written, []).extend(documents)
        comments.setdefault(written, []).extend(_comments(file))
    if problems := [problem for problem in problems if not problem.note]:
        raise DataError(problems)
    sources = {file.resolve() for file in found.files}
    if taken := [file for file in by_target if file.exists() and file.resolve() not in sources and not overwrite]:
        raise OverwriteError(f"{taken[0]} exists; nothing was written. --overwrite replaces it", [])
    tagger = Tagger.load(checkpoint, device, label_map=label_map)
    model = tagger.checkpoint.name
    texts = (document.text for documents in by_target.values() for document in documents)
    entities = tagger.stream(texts)
    labeled = {
        file: [as_silver(document, next(entities)) for document in documents] for file, documents in by_target.items()
    }
    for file, documents in labeled.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as stream:
            lines = [_OWN_COMMENT.format(model), *comments[file]]
            stream.write("\n".join(lines) + "\n\n" + markup.dump(documents))
    return sum(map(len, labeled.values()))


def _comments(file: Path) -> list[str]:
    """Return the comments above a file's first report, except that of an earlier labeling."""
    text = (read_text(file)[0] or "") if suffix_of(file.name) == ".md" else ""
    head, _, tail = _OWN_COMMENT.partition("{}")
    return [line for line in markup.comments(text) if not (line.startswith(head) and line.endswith(tail))]


def _gold_problem(document: Document) -> Problem:
    what = f"report {document.id!r} has labels and is not marked as silver"
    fix = "leave it out, or write `labels: silver` in its header if a model made them"
    return Problem(document.origin, what, fix, kind="has labels")
