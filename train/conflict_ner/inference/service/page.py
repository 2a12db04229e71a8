"""The page at `/`: paste a report, see it in color, copy its entities. One file, which asks no other site anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from string import Template

from conflict_ner.data.entity_html import COLORS, LOW_SCORE, color_number, tint
from conflict_ner.inference.service.bodies import Model
from conflict_ner.inference.service.limits import Settings


def render_page(model: Model, settings: Settings) -> tuple[bytes, Mapping[str, str]]:
    """Return the page, and the headers that allow its own script and style and nothing else.

    Args:
        model: whose name, labels and fields of entities the page shows.
        settings: the longest text that it may send.
    """
    facts = {
        "model": model.name,
        "labels": [[label, color_number(label, model.labels)] for label in model.labels],
        "columns": list(model.layout.entity_columns),
        "low": LOW_SCORE,
        "maxCharacters": settings.max_characters,
    }
    # Labels and names are untrusted: `<` could end the element that holds them.
    embedded = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    palette = "\n".join(f".p{number} {{ --p: {tint(color)}; --q: {color} }}" for number, color in enumerate(COLORS))
    source = (resources.files(__package__) / "page.html").read_text(encoding="utf-8")
    page = Template(source).substitute(facts=embedded, palette=palette)
    allowed = {kind: _hash(page, kind) for kind in ("script", "style")}
    policy = (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, "referrer-policy": "no-referrer", "cache-control": "no-cache"}
    return page.encode(), headers


def _hash(page: str, kind: str) -> str:
    """Return the hash by which a policy allows the page's only script or style."""
    [content] = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
