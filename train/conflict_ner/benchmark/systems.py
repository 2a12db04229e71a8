"""The systems that are measured: our Tagger, `transformers.pipeline` and spaCy, each used as documented.

All have one interface: an iterable of texts in, the mentions of each text as (label, start, end) out. The
same function opens a system in the benchmark's process and in a fresh one, so this module imports no
library at its top: a fresh process must not wait for a library that its system does not need.

>>> System("pipeline", "pipeline, batch 8", "models/default", batch=8).as_arguments()["batch"]
8
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from conflict_ner.errors import BenchmarkError, require_packages

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
SPACY_PREFIX = "spacy:"  # before the name of a pipeline, where systems are named
# What spaCy's labels are here (OntoNotes, and PER of its pipelines trained on Wikipedia); weapons have none.
SPACY_LABELS = {
    **dict.fromkeys(("PERSON", "PER", "ORG", "NORP"), "ACTOR"),
    **dict.fromkeys(("GPE", "LOC", "FAC"), "LOCATION"),
    **dict.fromkeys(("CARDINAL", "QUANTITY", "MONEY", "PERCENT"), "NUMBER"),
}
_SPACY_REQUIREMENT = "spacy>=3.8,<4"
_ENTITIES = "doc.ents"  # what a component of spaCy that finds entities assigns
_TRIAL_TEXT = "At least 19 fighters died near El Fasher."


@dataclass(frozen=True, slots=True)
class System:
    """A system that tags texts, described so that another process can open it.

    folder: of the checkpoint, or of spaCy's pipeline. precision: of the Tagger.
    batch, stride: of the pipeline; with a stride it reads texts longer than its window, with 0 it truncates them.
    spacy: what spaCy's pipeline is loaded by. exclude: its components that are not loaded.
    """

    kind: Kind
    name: str
    folder: str = ""
    device: str = "cpu"
    precision: str = "auto"
    batch: int = 1
    stride: int = 0
    spacy: str = ""
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "exclude", tuple(self.exclude))  # a list, where it comes from JSON

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

    def bytes_on_disk(self) -> int | None:
        """Return the size of all files in the system's folder; None if it has no folder. Libraries do not count."""
        if not self.folder:
            return None
        return sum(file.stat().st_size for file in Path(self.folder).rglob("*") if file.is_file())


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


def list_spacy(names: Sequence[str]) -> tuple[list[System], list[str]]:
    """Return spaCy's pipelines of these names, or its small English one if none is named, and notes on them.

    Raises:
        BenchmarkError: if a pipeline is named that cannot be used, or one is named twice.
        MissingExtraError: if a pipeline is named and spaCy is not installed.
    """
    if not names and not is_spacy_installed():
        return [], [SPACY_MISSING]
    try:
        systems = [spacy_system(name) for name in names or (SPACY_MODEL,)]
    except BenchmarkError as error:
        if names:
            raise
        return [], [f"spaCy is not measured: {error}"]
    shown = [system.name for system in systems]
    if repeated := next((name for name in shown if shown.count(name) > 1), None):
        raise BenchmarkError(f"{repeated} is named twice; a system has one turn in a round")
    notes = [
        f"{system.name}: one process, all off that finding entities does without"
        + (f" ({', '.join(system.exclude)})" if system.exclude else "")
        for system in systems
    ]
    mapping = "its F1 is of its labels as ours (PERSON as ACTOR, GPE as LOCATION ...), and it knows no weapons"
    return systems, [*notes, f"spaCy was made for other labels: {mapping}"]


def spacy_system(name: str) -> System:
    """Load a pipeline of spaCy, let it tag a sentence, and describe it without the components that entities do without.

    A component is kept if it finds entities (it assigns `doc.ents`), or if one that does listens to its vectors.

    Args:
        name: a folder, an installed module, or another name that `spacy.load` knows.

    Raises:
        MissingExtraError: if spaCy is not installed.
        BenchmarkError: if there is no such pipeline, it cannot be loaded or cannot tag, or it does not find entities.
    """
    shown = f"{SPACY_PREFIX}{name}"
    if not name.strip():
        raise BenchmarkError(f"{shown} names no pipeline; for example {SPACY_PREFIX}{SPACY_MODEL}")
    require_packages(shown, {"spacy": _SPACY_REQUIREMENT})
    try:
        _import_spacy_for(name)
        model = _load_spacy(name, ())
    except BenchmarkError:
        raise
    except Exception as error:  # a pipeline runs code of its own, which may raise anything
        raise BenchmarkError(f"{shown} cannot be loaded: {_first_line(error)}") from error
    finders = [part for part in model.pipe_names if _ENTITIES in model.get_pipe_meta(part).assigns]
    if not finders:
        parts = ", ".join(model.pipe_names) or "none"
        raise BenchmarkError(f"{shown} finds no entities: none of its components does ({parts}); name one with `ner`")
    needed = {
        part
        for part in model.pipe_names
        if part in finders or set(finders) & set(getattr(model.get_pipe(part), "listening_components", ()))
    }
    folder = str(model.path) if model.path else ""
    label = Path(name).resolve().name if Path(name).is_dir() else name
    exclude = tuple(part for part in model.component_names if part not in needed)
    system = System("spacy", f"spaCy {label}", folder, spacy=name, exclude=exclude)
    try:
        next(system.open()([_TRIAL_TEXT]))
    except Exception as error:
        raise BenchmarkError(f"{shown} is loaded but cannot tag a sentence: {_first_line(error)}") from error
    return system


def _import_spacy_for(name: str) -> None:
    """Import spaCy, and raise a BenchmarkError if it has no pipeline of this name."""
    util = import_module("spacy").util
    if Path(name).exists() or util.is_package(name) or _is_module(name):
        return
    installed = ", ".join(sorted(util.get_installed_models())) or "none"
    raise BenchmarkError(
        f"{SPACY_PREFIX}{name}: no such pipeline: it is neither a folder nor an installed package (installed are: "
        f"{installed}); `python -m spacy download {SPACY_MODEL}` installs one"
    )


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split(".")) and find_spec(name.partition(".")[0]) is not None


def _load_spacy(name: str, exclude: tuple[str, ...]) -> Any:
    """Load a pipeline without some of its components; the module itself loads one that is installed as no package."""
    spacy = import_module("spacy")
    if Path(name).exists() or spacy.util.is_package(name):
        return spacy.load(name, exclude=list(exclude))
    return import_module(name).load(exclude=list(exclude))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _open_spacy(system: System) -> TagTexts:
    model = _load_spacy(system.spacy, system.exclude)

    def tag_texts(texts: Iterable[str]) -> Iterator[list[FoundMention]]:
        for document in model.pipe(texts, n_process=1):
            yield [(entity.label_, entity.start_char, entity.end_char) for entity in document.ents]

    return tag_texts
