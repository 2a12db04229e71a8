"""Which annotations of an INCEpTION project are mentions: the layer, and the feature that holds their label.

A project has layers, a layer has features. Layers of linguistic annotation and INCEpTION's own are not mentions, unless
they are named.

>>> layers = [Layer("webanno.custom.Weapon", ("kind",)), Layer("webanno.custom.Event", ("type", "time"))]
>>> choose_layer(layers[:1])
LabelFeature(layer='webanno.custom.Weapon', feature='kind', left_out=())
>>> choose_layer(layers, "Event.type").left_out
('webanno.custom.Weapon',)
>>> choose_layer(layers)
Traceback (most recent call last):
    ...
conflict_ner.data.formats.annotation_tools.inception.layers.LayerError: several layers may hold the mentions
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conflict_ner.errors import Problem

NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
LABEL = "value"  # the feature of named entities that holds their label
_NOT_MENTIONS = (  # beginnings of the names of layers
    "de.tudarmstadt.ukp.dkpro.core.api.",
    "de.tudarmstadt.ukp.clarin.",
    "de.tudarmstadt.ukp.inception.",
    "org.dkpro.core.",
    "org.apache.",
    "uima.",
)
_NOT_LABELS = ("identifier", "begin", "end", "sofa", "score")  # features: a link to a knowledge base, and others


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that has annotations of spans, with the names of its features."""

    name: str
    features: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name without its package."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class LabelFeature:
    """The layer of the mentions and the feature with their label, None if it has no feature.

    left_out: the names of other layers that may hold mentions.
    """

    layer: str
    feature: str | None
    left_out: tuple[str, ...] = ()

    def notes(self, where: str) -> Iterator[Problem]:
        """Yield what to say of this choice, if it is not the only one."""
        if self.left_out:
            names = ", ".join(self.left_out)
            what = f"mentions are read from the layer {self.layer}, and the others left out: {names}"
            yield Problem(where, what, "--layer NAME reads another", note=True, kind=what)


class LayerError(ValueError):
    """It is not clear which layer holds the mentions, or which feature their label.

    choices: the values of `--layer` that make it clear.
    """

    def __init__(self, what: str, choices: Sequence[str]) -> None:
        super().__init__(what)
        self.choices = tuple(choices)

    def problem(self, where: str) -> Problem:
        """Return the problem of a file."""
        fix = f"name one with --layer: {', '.join(self.choices)}"
        return Problem(where, str(self), fix, unreadable=True, kind=f"{self}{fix}")


def choose_layer(layers: Sequence[Layer], wanted: str | None = None) -> LabelFeature | None:
    """Return the layer and the feature that hold the mentions of a document; None if no layer does.

    It is the one that the user wants, else the layer of named entities, else the only layer there is.

    Args:
        layers: those that have annotations in the document.
        wanted: `LAYER` or `LAYER.FEATURE`, the layer with or without its package.

    Raises:
        LayerError: if that is not clear, or the document has other layers than the wanted one.
    """
    candidates = [layer for layer in layers if layer.name == NAMED_ENTITY or not layer.name.startswith(_NOT_MENTIONS)]
    if wanted is not None:
        for layer in layers:
            for name in (layer.name, layer.short_name):
                features = [feature for feature in layer.features if wanted == f"{name}.{feature}"]
                if wanted == name or features:
                    others = tuple(each.name for each in candidates if each != layer)
                    return LabelFeature(layer.name, features[0] if features else _label_feature(layer), others)
        if candidates:
            raise LayerError(
                f"there is no layer {wanted}", [choice for each in candidates for choice in _choices(each)]
            )
        return None
    chosen = [layer for layer in candidates if layer.name == NAMED_ENTITY] or candidates
    if len(chosen) > 1:
        raise LayerError("several layers may hold the mentions", [each.name for each in chosen])
    if not chosen:
        return None
    others = tuple(each.name for each in candidates if each != chosen[0])
    return LabelFeature(chosen[0].name, _label_feature(chosen[0]), others)


def _label_feature(layer: Layer) -> str | None:
    features = [feature for feature in layer.features if feature not in _NOT_LABELS]
    if LABEL in features or len(features) == 1:
        return LABEL if LABEL in features else features[0]
    if not features:
        return None
    raise LayerError(f"several features of {layer.name} may be the label", _choices(layer))


def _choices(layer: Layer) -> list[str]:
    features = [feature for feature in layer.features if feature not in _NOT_LABELS]
    return [f"{layer.name}.{feature}" for feature in features] if len(features) > 1 else [layer.name]


def project_files(labels: Sequence[str]) -> dict[str, str]:
    """Return the labels as a tag set, to be imported in the settings of a project."""
    tags = [{"tag_name": label, "tag_description": ""} for label in labels]
    tag_set = {"name": "Labels", "description": "", "language": "en", "tags": tags, "create_tag": False}
    return {"tagset.json": json.dumps(tag_set, ensure_ascii=False, indent=2) + "\n"}
