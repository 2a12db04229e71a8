"""Tag actors, weapons, locations and numbers in conflict reports.

This is the public API: docs/api.md describes it, and a test pins it. Other modules may change in any version.
Names load on first use, so that `import conflict_ner` imports no library:

>>> from conflict_ner import Mention
>>> Mention(0, 6, "ACTOR").end
6
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from conflict_ner.modeling.telemetry import disable_telemetry

if TYPE_CHECKING:
    from conflict_ner.checkpoint import Checkpoint
    from conflict_ner.config import Config, load_config
    from conflict_ner.data.corpus import Corpus, load_corpus
    from conflict_ner.data.document import Document, Entity, Mention
    from conflict_ner.data.formats.conversion import convert
    from conflict_ner.errors import ConflictNerError
    from conflict_ner.evaluation.annotators.agreement import Agreement, agree
    from conflict_ner.evaluation.comparison import Comparison, compare
    from conflict_ner.evaluation.gold.label_errors import Review
    from conflict_ner.evaluation.report import Evaluation, Report
    from conflict_ner.export.onnx.export import export_onnx
    from conflict_ner.inference.cluster.tag_batches import Tag
    from conflict_ner.inference.evaluate import evaluate
    from conflict_ner.inference.labeling.next_reports import choose_next
    from conflict_ner.inference.labeling.review import review
    from conflict_ner.inference.tagger import Tagger
    from conflict_ner.training.run import train

disable_telemetry()  # now: a library reads such a setting when it is imported, and never again

__version__ = "0.2.0"
_MODULE_OF = {
    "Agreement": "evaluation.annotators.agreement",
    "Checkpoint": "checkpoint",
    "Comparison": "evaluation.comparison",
    "Config": "config",
    "ConflictNerError": "errors",
    "Corpus": "data.corpus",
    "Document": "data.document",
    "Entity": "data.document",
    "Evaluation": "evaluation.report",
    "Mention": "data.document",
    "Report": "evaluation.report",
    "Review": "evaluation.gold.label_errors",
    "Tag": "inference.cluster.tag_batches",
    "Tagger": "inference.tagger",
    "agree": "evaluation.annotators.agreement",
    "choose_next": "inference.labeling.next_reports",
    "compare": "evaluation.comparison",
    "convert": "data.formats.conversion",
    "evaluate": "inference.evaluate",
    "export_onnx": "export.onnx.export",
    "load_config": "config",
    "load_corpus": "data.corpus",
    "review": "inference.labeling.review",
    "train": "training.run",
}
__all__ = [
    "Agreement",
    "Checkpoint",
    "Comparison",
    "Config",
    "ConflictNerError",
    "Corpus",
    "Document",
    "Entity",
    "Evaluation",
    "Mention",
    "Report",
    "Review",
    "Tag",
    "Tagger",
    "__version__",
    "agree",
    "choose_next",
    "compare",
    "convert",
    "evaluate",
    "export_onnx",
    "load_config",
    "load_corpus",
    "review",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
