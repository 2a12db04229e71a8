"""The systems that are measured: our Tagger, `transformers.pipeline` and spaCy, each used as documented.

All have one interface: an iterable of texts in, the mentions of each text as (label, start, end) out. The
same function opens a system in the benchmark's process and in a fresh one, so this module imports no
library at its top: a fresh process must not wait for a library that its system does not need.

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

FoundMention = tuple[str, int, int]  # label, start, end
TagTexts = Callable[[Iterable[str]], Iterator[list[FoundMention]]]
Kind = Literal["tagger", "pipeline", "spacy"]

SPACY_MODEL = "en_core_web_sm"
SPACY_MISSING = (
    f"spaCy's small English model is not measured: it is not installed; type\n"
    f"    pip install spacy && python -m spacy download {SPACY_MODEL}"
)
PIPELINE_WEIGHTS = "model.safetensors"  # plain transformers loads no other form of a checkpoint
PIPELINE_BATCHES = (1, 8, 32, 64)  # 1 is its default
# All components of the model but the one that finds names, which has an embedding of its own.
_SPACY_DISABLED = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer", "senter")


@dataclass(frozen=True, slots=True)
class System:
    """A system that tags texts, described so that another process can open it.

    folder: of the checkpoint; empty for spaCy. precision: of the Tagger.
    batch, stride: of the pipeline; with a stride it reads texts longer than its window, with 0 it truncates them.
    """

    kind: Kind
    name: str
    folder: str = ""
    device: str = "cpu"
    precision: str = "auto"
    batch: int = 1
    stride: int = 0

    def as_arguments(self) -> dict[str, Any]:
        """Return the arguments that create the same system, as values for JSON."""
        return asdict(self)

    def open(self) -> TagTexts:
        """Import the libraries, load the model and return the function that tags texts.

        Raises:
            CheckpointError: if the folder is no complete checkpoint.
            ImportError, OSError, ValueError: if a library or a model cannot be loaded.
        """
        openers: dict[Kind, Callable[[System], TagTexts]] = {
            "tagger": _open_tagger,
            "pipeline": _open_pipeline,
            "spacy": _open_spacy,
        }
        return openers[self.kind](self)


def is_spacy_installed() -> bool:
    """Return whether spaCy and its small English model are installed."""
    return find_spec("spacy") is not None and find_spec(SPACY_MODEL) is not None


def pipeline_can_load(folder: Path) -> bool:
    """Return whether plain transformers can load a checkpoint; it cannot load an ONNX export."""
    return (folder / PIPELINE_WEIGHTS).is_file()


def _open_tagger(system: System) -> TagTexts:
    from conflict_ner.inference.tagger import Tagger

    options: dict[str, Any] = {} if system.precision == "auto" else {"precision": system.precision}
    tagger = Tagger.load(system.folder, system.device, **options)

    def tag_texts(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
        for entities in tagger.stream(texts):
            yield [(entity.label, entity.start, entity.end) for entity in entities]

    return tag_texts


def _open_pipeline(system: System) -> TagTexts:
    import warnings

    from transformers import pipeline

    from conflict_ner.modeling.encoder import quiet_transformers

    warnings.filterwarnings("ignore", message="Tokenizer does not support real words")
    settings: dict[str, Any] = {"aggregation_strategy": "first", "device": system.device}
    if system.stride:
        settings["stride"] = system.stride
    with quiet_transformers():
        tag: Any = pipeline("token-classification", model=system.folder, **settings)

    def tag_texts(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
        for entities in tag((text for text in texts), batch_size=system.batch):
            yield [(entity["entity_group"], int(entity["start"]), int(entity["end"])) for entity in entities]

    return tag_texts


def _open_spacy(_: System) -> TagTexts:
    model = import_module("spacy").load(SPACY_MODEL, disable=list(_SPACY_DISABLED))

    def tag_texts(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
        for document in model.pipe(texts):
            yield [(entity.label_, entity.start_char, entity.end_char) for entity in document.ents]

    return tag_texts
