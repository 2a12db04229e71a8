"""Who is measured: our Tagger, `transformers.pipeline`, spaCy; each opened as its own documentation has it.

All answer alike: an iterable of texts in, for each text its mentions as (label, start, end) out. The
same function opens a system in the benchmark's own process and in a fresh one, so this module
imports nothing by itself: a fresh process must not wait for what its system does not need.

>>> System("pipeline", "pipeline, batch 8", "models/default", batch=8).as_arguments()["batch"]
8
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Found = tuple[str, int, int]  # label, start, end
Reader = Callable[[Iterable[str]], Iterator[list[Found]]]
Kind = Literal["tagger", "pipeline", "spacy"]

SPACY_MODEL = "en_core_web_sm"
SPACY_MISSING = (
    f"spaCy's small English model is not measured: it is not installed; type\n"
    f"    pip install spacy && python -m spacy download {SPACY_MODEL}"
)
PIPELINE_WEIGHTS = "model.safetensors"  # without it a checkpoint has no form that plain transformers loads
PIPELINE_BATCHES = (1, 8, 32, 64)  # 1 is its default
# All components of the model but the one that finds names (and its own embedding, which is part of it).
_SPACY_OFF = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")


@dataclass(frozen=True, slots=True)
class System:
    """One way to tag texts, said so that another process can open it.

    folder: of the checkpoint; spaCy has none. precision: the Tagger's.
    batch, stride: the pipeline's; a stride lets it read texts longer than its window, where 0 cuts them off.
    """

    kind: Kind
    name: str
    folder: str = ""
    device: str = "cpu"
    precision: str = "auto"
    batch: int = 1
    stride: int = 0

    def as_arguments(self) -> dict[str, Any]:
        """What makes the same system again; JSON can say it."""
        return asdict(self)

    def open(self) -> Reader:
        """Import and load all that it needs; what it gives is ready for the first text.

        Raises:
            CheckpointError: if the folder is no whole checkpoint.
            ImportError, OSError, ValueError: if a library or a model cannot be loaded.
        """
        openers: dict[Kind, Callable[[System], Reader]] = {"tagger": _tagger, "pipeline": _pipeline, "spacy": _spacy}
        return openers[self.kind](self)


def spacy_is_there() -> bool:
    """Whether spaCy and its small English model are installed."""
    return find_spec("spacy") is not None and find_spec(SPACY_MODEL) is not None


def pipeline_can_load(folder: Path) -> bool:
    """Whether plain transformers can load a checkpoint; it cannot where only another form's weights are."""
    return (folder / PIPELINE_WEIGHTS).is_file()


def _tagger(system: System) -> Reader:
    from conflict_ner.inference.tagger import Tagger

    options: dict[str, Any] = {} if system.precision == "auto" else {"precision": system.precision}
    tagger = Tagger.load(system.folder, system.device, **options)

    def read(texts: Iterable[str]) -> Iterator[list[Found]]:
        for entities in tagger.stream(texts):
            yield [(entity.label, entity.start, entity.end) for entity in entities]

    return read


def _pipeline(system: System) -> Reader:
    import warnings

    from transformers import pipeline

    from conflict_ner.modeling.encoder import quiet_transformers

    warnings.filterwarnings("ignore", message="Tokenizer does not support real words")
    settings: dict[str, Any] = {"aggregation_strategy": "first", "device": system.device}
    if system.stride:
        settings["stride"] = system.stride
    with quiet_transformers():
        tag: Any = pipeline("token-classification", model=system.folder, **settings)

    def read(texts: Iterable[str]) -> Iterator[list[Found]]:
        for found in tag((text for text in texts), batch_size=system.batch):
            yield [(each["entity_group"], int(each["start"]), int(each["end"])) for each in found]

    return read


def _spacy(_: System) -> Reader:
    model = import_module("spacy").load(SPACY_MODEL, disable=list(_SPACY_OFF))

    def read(texts: Iterable[str]) -> Iterator[list[Found]]:
        for document in model.pipe(texts):
            yield [(entity.label_, entity.start_char, entity.end_char) for entity in document.ents]

    return read
