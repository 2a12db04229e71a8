"""Knowledge distillation: a model also learns the distribution that its teacher gives each word.

A teacher is a checkpoint, usually of a larger encoder. Its answers for the labeled reports, and for any number of
texts without labels, are computed once, before the first step, and kept on disk beside the run, so that an epoch costs
what it costs without a teacher. They are distributions over the tags of words and not of tokens: teacher and student
may have different tokenizers. Several teachers are averaged. (Hinton, Vinyals and Dean, 2015.)

The loss of a word is the cross entropy with its label and with the teacher's softened distribution, in shares that the
config sets; a word without a label has only the teacher's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.report_files import print_hidden, print_notes
from conflict_ner.data.label_levels import resolve_label
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.validation import HeldOutTexts
from conflict_ner.errors import ConfigError, DataError, OverwriteError, Problem, format_count, replace_advice
from conflict_ner.export.overwriting import keep_both
from conflict_ner.files import sha256, short_path, sync_folder
from conflict_ner.inference.files.sources import expand, read_sources
from conflict_ner.inference.runtime import TaggingPrecision
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.tokenization import IGNORED, WindowTokenizer, label_windows, word_tags
from conflict_ner.training.saved_epochs import RESTART, TEACHER_ANSWERS

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

Float32 = npt.NDArray[np.float32]
UNLABELED = -1  # the label of a word that only a teacher has tagged; unlike IGNORED it counts in the mean of the loss
# What the readers advise with options of `tag` that a config does not have.
_ADVICE = {
    "--column": "call the column of the texts text",
    "--id-column": "call the column of the ids id",
    "--encoding": "save it as UTF-8",
    "--sheet": "leave these columns in one sheet",
    "--delimiter": "separate its fields by commas",
}
_CHUNK = 512  # texts that are tagged by all teachers, and written, at a time


@dataclass(frozen=True, slots=True)
class Teacher:
    """A checkpoint that answers for a student.

    tags: for each of its tags, the student's tag that it stands for, shape (tags of the teacher,).
    """

    tagger: Tagger
    tags: npt.NDArray[np.int64]

    def answers(self, texts: Sequence[str], temperature: float, tags: int) -> Iterator[Float32]:
        """Yield for each text the student's tags' probabilities, shape (words, tags); zeros where it cannot tell."""
        for encoded, logits in self.tagger.predictor.logits(texts):
            softened = logits / temperature
            exponentials = np.exp(softened - softened.max(axis=-1, keepdims=True))
            own = exponentials / exponentials.sum(axis=-1, keepdims=True)
            own[encoded.first_subwords < 0] = 0.0  # the teacher's tokenizer dropped the word
            answers = np.zeros((len(own), tags), dtype=np.float32)
            np.add.at(answers.T, self.tags, own.T)
            yield answers


def load_teachers(config: Config, hardware: Hardware) -> list[Teacher]:
    """Load the teachers of a run.

    A teacher may know kinds of the student's labels: NUMBER.killed counts as NUMBER then. It computes in
    bf16 if the run does, else in fp32.

    Raises:
        CheckpointError: if one is not a complete checkpoint.
        ConfigError: if one lacks a label of the config, or has one that the config has not.
    """
    scheme = LabelScheme(config.labels)
    # Spans turn on near ties, which `auto` therefore computes again in fp32; softened answers do not.
    precision: TaggingPrecision = "bf16" if hardware.precision == "bf16" else "fp32"
    teachers, problems = [], []
    for path in config.training.teacher:
        tagger = Tagger.load(path, hardware.device, precision=precision)
        if tagger.checkpoint.manifest.plain:
            what = f"{path} was trained elsewhere, and its tags are not those that a model learns here"
            problems.append(Problem("training.teacher", what, "name a checkpoint that conflict-ner has trained"))
            continue
        found = {label: resolve_label(label, config.labels) for label in tagger.labels}
        unknown = [label for label, own in found.items() if own is None]
        missing = [label for label in config.labels if label not in found.values()]
        if unknown or missing:
            differences = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(unknown)}"] * bool(
                unknown
            )
            what = f"{path} {' and '.join(differences)}"
            problems.append(Problem("training.teacher", what, "name a checkpoint that was trained on the same labels"))
            continue
        tags = [tag if tag == "O" else f"{tag[:2]}{found[tag[2:]]}" for tag in tagger.checkpoint.scheme.tags]
        teachers.append(Teacher(tagger, np.array([scheme.label2id[tag] for tag in tags])))
    if problems:
        raise ConfigError("the config", problems)
    return teachers


def checkpoint_hashes(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Return for each checkpoint that a run learns from its name and the SHA-256 of its weights.

    A name is that of the folder, with as many folders above it as tell all of them apart: `a/best`, `b/best`.

    Raises:
        CheckpointError: if one is not a complete checkpoint.
    """
    paths = list(dict.fromkeys(paths))
    depths = range(1, max((len(path.parts) for path in paths), default=0) + 1)
    depth = next((n for n in depths if len({path.parts[-n:] for path in paths}) == len(paths)), 1)
    names = [Path(*path.parts[-depth:]).as_posix() for path in paths]
    return [(name, Checkpoint.load(path).manifest.weights_sha256) for name, path in zip(names, paths, strict=True)]


def distillation_windows(
    config: Config, data: Corpus, window_tokenizer: WindowTokenizer, folder: Path, hardware: Hardware, *, resume: bool
) -> datasets.Dataset:
    """Return the windows of a run with the teachers' answers; they are computed unless the folder has them.

    Each row has `input_ids` and `labels` of equal length, and `teacher`: for each token whose label is not IGNORED, in
    order, the probabilities of all tags, flattened.

    Args:
        folder: of the run; the windows are kept in it.
        resume: the run goes on from an epoch, so that the windows must be those of its beginning.

    Raises:
        CheckpointError, ConfigError: as `load_teachers`.
        DataError: if unlabeled texts cannot be read, there are none, or one copies a validation or test report.
        OverwriteError: if the teachers or the unlabeled texts are others than at the beginning of the run.
    """
    import datasets

    hidden: set[str] = set()
    unlabeled = _unlabeled_files(config, hidden)
    file = folder / TEACHER_ANSWERS.format(_fingerprint(config, data, window_tokenizer, unlabeled))
    if not file.is_file():
        if resume and any(folder.glob(TEACHER_ANSWERS.format("*"))):
            fault = f"{short_path(folder)} holds an interrupted run with other teachers or unlabeled texts"
            raise OverwriteError(f"{fault}; nothing was changed", [RESTART, keep_both(config.output)])
        for old in folder.glob(TEACHER_ANSWERS.format("*")):
            old.unlink()
        _check_unlabeled(unlabeled, data, hidden)  # now: a teacher may need hours for an archive
        teachers = load_teachers(config, hardware)
        _write(file, _rows(config, data, unlabeled, teachers, window_tokenizer))
    return datasets.Dataset.from_file(str(file))


def _unlabeled_files(config: Config, hidden: set[str]) -> list[Path]:
    """Return the files with unlabeled texts.

    Args:
        hidden: collects those that are left out because they are hidden.

    Raises:
        DataError: if a path does not exist, or holds nothing that can be read.
    """
    problems: list[Problem] = []
    files = expand(config.data.unlabeled, problems.append, hidden)
    problems += [
        Problem(str(file), "no such file or folder", "correct the path") for file in files if not file.exists()
    ]
    if problems:
        raise DataError([_for_config(problem) for problem in problems])
    return files


def _check_unlabeled(files: Sequence[Path], data: Corpus, hidden: set[str]) -> None:
    """Read all unlabeled texts once; what the reader only notes, and what is hidden, is printed.

    Args:
        hidden: what is left out already.

    Raises:
        DataError: with all texts that cannot be read or copy a held-out report, or if there is no text.
    """
    held_out = HeldOutTexts({split: data[split] for split in data.splits if split != "train"})
    problems: list[Problem] = []
    count = 0
    for file in files:
        for source in read_sources([file], problems.append, hidden=hidden):
            count += bool(source.text.strip())
            if copy := held_out.describe_copy(source.text):
                place = str(source.id) if str(source.id).startswith(str(file)) else f"{file}: {source.id}"
                problems.append(Problem(place, copy, "take it out of data.unlabeled: it would be learned"))
    print_hidden(sorted(hidden))
    problems = print_notes([_for_config(problem) for problem in problems])
    if files and not count and not problems:
        problems = [Problem(str(files[0]), "has no text in it", "name files with reports")]
    if problems:
        raise DataError(problems)


def _for_config(problem: Problem) -> Problem:
    """Return a problem of a reader as one of a config, in which a guessed encoding is not good enough to learn from."""
    is_note = problem.note and "--encoding" not in problem.fix
    return replace(replace_advice(problem, _ADVICE), note=is_note)


def _fingerprint(config: Config, data: Corpus, window_tokenizer: WindowTokenizer, unlabeled: Sequence[Path]) -> str:
    """Return a hash of all that the windows and answers depend on."""
    facts = [
        [str(path) for path in config.training.teacher],
        [weights for _, weights in checkpoint_hashes(config.training.teacher)],
        config.training.teacher_temperature,
        config.training.precision,
        config.labels,
        data.fingerprint("train"),
        [(str(file), sha256(file)) for file in unlabeled],
        hashlib.sha256(window_tokenizer.tokenizer.to_str().encode()).hexdigest(),
        [window_tokenizer.window, window_tokenizer.overlap],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _rows(
    config: Config,
    data: Corpus,
    unlabeled: Sequence[Path],
    teachers: Sequence[Teacher],
    window_tokenizer: WindowTokenizer,
) -> Iterator[dict[str, Any]]:
    scheme = LabelScheme(config.labels)
    documents = iter(data["train"])
    while chunk := list(islice(documents, _CHUNK)):
        yield from _windows(chunk, scheme, config, teachers, window_tokenizer, labeled=True)
    texts = _unlabeled_texts(unlabeled)
    while chunk := list(islice(texts, _CHUNK)):
        yield from _windows(chunk, scheme, config, teachers, window_tokenizer, labeled=False)


def _unlabeled_texts(files: Sequence[Path]) -> Iterator[Document]:
    """Yield unlabeled texts, one after the other.

    Raises:
        DataError: at the first that cannot be read; they could be read a while ago.
    """

    def refuse(problem: Problem) -> None:
        if not problem.note:
            raise DataError([problem])

    for source in read_sources(files, refuse):
        if source.text.strip():
            yield Document(str(source.id), source.text)


def _windows(
    documents: Sequence[Document],
    scheme: LabelScheme,
    config: Config,
    teachers: Sequence[Teacher],
    window_tokenizer: WindowTokenizer,
    *,
    labeled: bool,
) -> Iterator[dict[str, Any]]:
    """Yield the windows of some texts with the teachers' answers."""
    texts = [document.text for document in documents]
    answers = [teacher.answers(texts, config.training.teacher_temperature, len(scheme.tags)) for teacher in teachers]
    for document, encoded, *given in zip(documents, window_tokenizer.encode(texts), *answers, strict=True):
        mean = _mean_answer(given)
        if labeled:
            tags, _ = word_tags(encoded, document.mentions, scheme)
        else:
            tags = np.where(mean.sum(axis=-1) > 0, UNLABELED, IGNORED)
        for window, words in label_windows(encoded, tags, window_tokenizer):
            yield {**window, "teacher": mean[words].astype(np.float16).ravel()}


def _mean_answer(answers: Sequence[Float32]) -> Float32:
    """Return the mean of the answers to a text, shape (words, tags), of those teachers that can tell of a word."""
    total = np.sum(answers, axis=0)
    told = np.sum([answer.sum(axis=-1) > 0 for answer in answers], axis=0)
    return np.asarray(total / np.maximum(told, 1)[:, None], dtype=np.float32)


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write windows to an Arrow file, a chunk at a time; the file has its name once it is complete."""
    import pyarrow as pa

    schema = pa.schema(
        {"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32()), "teacher": pa.list_(pa.float16())}
    )
    partial = file.with_suffix(".partial")
    with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for chunk in _chunks(rows):
            writer.write_batch(_batch(chunk, schema))
    partial.replace(file)
    sync_folder(file.parent)


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _batch(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [[row[name] for row in rows] for name in schema.names]
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema
    )


def describe_teachers(config: Config, windows: int, labeled: int) -> str:
    """Return a line about a run's teachers and the windows of its unlabeled texts."""
    names = ", ".join(name for name, _ in checkpoint_hashes(config.training.teacher))
    return f"teacher: {names}; {format_count(windows - labeled, 'window')} of unlabeled texts"


def warn_of_informed_teachers(config: Config, data: Corpus) -> list[str]:
    """Return a warning for each teacher that has learned reports that its student will be scored on."""
    warnings = []
    for path in config.training.teacher:
        teacher = Checkpoint.load(path)
        memory = teacher.seen_mentions()
        for split in ("test", "fold"):
            known = sum(memory.knows_text(report.text) for report in data[split]) if memory else 0
            if known:
                share = f"{known:,} of the {len(data[split]):,} reports of {split}"
                warnings.append(f"the teacher {teacher.name} knows {share}: scores on them may be too high")
    return warnings
