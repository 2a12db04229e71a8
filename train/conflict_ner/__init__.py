"""Tag actors, weapons, locations and numbers in conflict reports.

Names load on first use, so that `import conflict_ner` costs nothing:

>>> from conflict_ner import Mention
>>> Mention(0, 6, "ACTOR").end
6
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from conflict_ner.privacy import disable_telemetry

if TYPE_CHECKING:
    from conflict_ner.config import Config
    from conflict_ner.corpus import Corpus
    from conflict_ner.document import Document, Entity, Mention
    from conflict_ner.errors import ConflictNerError
    from conflict_ner.evaluation import Report
    from conflict_ner.tagger import Tagger

disable_telemetry()  # now: a library reads such a setting when it is imported, and never again

__version__ = "0.1.0"
_HOMES = {
    "Config": "config",
    "ConflictNerError": "errors",
    "Corpus": "corpus",
    "Document": "document",
    "Entity": "document",
    "Mention": "document",
    "Report": "evaluation",
    "Tagger": "tagger",
}
__all__ = ["Config", "ConflictNerError", "Corpus", "Document", "Entity", "Mention", "Report", "Tagger", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
