"""Who takes part in a benchmark, who does not and why, and what the limits are of.

>>> names([Path("models/default"), Path("models/default-onnx")])
['Tagger default', 'Tagger default-onnx']
>>> names([Path("/a/model"), Path("/b/model")])
['Tagger /a/model', 'Tagger /b/model']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.roofline import Layers, linear_layers
from conflict_ner.benchmark.systems import (
    PIPELINE_WEIGHTS,
    SPACY_MISSING,
    SPACY_MODEL,
    Contender,
    pipeline_can_load,
    spacy_is_there,
)
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import BenchmarkError
from conflict_ner.files import short

_SPECIAL = 2  # tokens that the pipeline puts around a text


@dataclass(frozen=True, slots=True)
class Encoder:
    """What of a checkpoint the limits are of: its linear layers, its labels and the tokens of the data."""

    layers: Layers
    labels: tuple[str, ...]
    tokens: int

    @classmethod
    def of(cls, checkpoint: Checkpoint, texts: Sequence[str]) -> Encoder:
        """Of any form of a checkpoint: its weights are not read."""
        return cls(
            linear_layers(checkpoint.folder),
            checkpoint.manifest.labels,
            sum(count_tokens(checkpoint.folder, texts)),
        )


def count_tokens(folder: Path, texts: Sequence[str]) -> list[int]:
    """The tokens of each text, without special ones, as the checkpoint's tokenizer.json has them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(each) for each in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def entrants(
    checkpoint: Path, exports: Sequence[Path], precisions: Sequence[str], device: str, data: Reports
) -> tuple[list[Contender], list[str]]:
    """Who takes part: the checkpoint's Tagger in each precision, its exported forms, and who else is there.

    Also gives, in words, who is not and why. A pipeline gets a stride where a text is longer than the
    window: without one it would cut the text off, and be quick by reading less.

    Raises:
        BenchmarkError: if a folder is named twice.
        CheckpointError: if one is no whole checkpoint.
    """
    folders = [folder.resolve() for folder in (checkpoint, *exports)]
    if twice := next((folder for folder in folders if folders.count(folder) > 1), None):
        raise BenchmarkError(f"{short(twice)} is named twice; a contestant has one turn in a round")
    found = [Checkpoint.load(folder) for folder in (checkpoint, *exports)]
    ours = [
        Contender(
            "tagger",
            name if precision == "auto" else f"{name}, {precision}",
            str(one.folder),
            # A form for ONNX Runtime computes on the CPU, also where there is a GPU.
            device if pipeline_can_load(one.folder) else "auto",
            precision,
        )
        for one, name in zip(found, names([each.folder for each in found]), strict=True)
        for precision in (dict.fromkeys(precisions) if one is found[0] else ("auto",))
    ]
    pipelines, said = _pipelines(found[0], device, data)
    if not spacy_is_there():
        return [*ours, *pipelines], [*said, SPACY_MISSING]
    spacy = Contender("spacy", f"spaCy {SPACY_MODEL}")
    return [*ours, *pipelines, spacy], [*said, "spaCy has one process and its own labels: it shows speed only"]


def _pipelines(checkpoint: Checkpoint, device: str, data: Reports) -> tuple[list[Contender], list[str]]:
    """The pipeline, if it can load the checkpoint, and what is to be said of it."""
    folder, manifest = checkpoint.folder, checkpoint.manifest
    if not pipeline_can_load(folder):
        return [], [f"transformers.pipeline is not measured: {short(folder)} has no {PIPELINE_WEIGHTS}"]
    if max(count_tokens(folder, data.texts)) + _SPECIAL <= manifest.window:
        return [Contender("pipeline", "pipeline", str(folder), device)], []
    stride = min(manifest.overlap, manifest.window // 4)
    said = f"some reports are longer than the window: the pipeline reads them with stride={stride}"
    return [Contender("pipeline", "pipeline", str(folder), device, stride=stride)], [said]


def names(folders: Sequence[Path]) -> list[str]:
    """What ours are called: each folder's own name, or as much of its path as tells it from the others."""
    own = [folder.resolve().name for folder in folders]
    shown = own if len(set(own)) == len(own) else [short(folder) for folder in folders]
    return [f"Tagger {name}" for name in shown]
