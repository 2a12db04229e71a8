"""Tag actors, weapons, locations and numbers in conflict reports.

Names load on first use, so that `import conflict_ner` costs nothing:

>>> from conflict_ner import Mention
>>> Mention(0, 6, "ACTOR").end
6
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from conflict_ner.modeling.telemetry import disable_telemetry

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.data.corpus import Corpus
    from conflict_ner.data.document import Document, Entity, Mention
    from conflict_ner.errors import ConflictNerError
    from conflict_ner.evaluation.report import Report
    from conflict_ner.inference.tagger import Tagger

disable_telemetry()  # now: a library reads such a setting when it is imported, and never again

__version__ = "0.2.0"
_HOMES = {
    "Config": "config",
    "ConflictNerError": "errors",
    "Corpus": "data.corpus",
    "Document": "data.document",
    "Entity": "data.document",
    "Mention": "data.document",
    "Report": "evaluation.report",
    "Tagger": "inference.tagger",
}
__all__ = ["Config", "ConflictNerError", "Corpus", "Document", "Entity", "Mention", "Report", "Tagger", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
