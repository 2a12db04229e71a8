"""The choice of the layer that holds the mentions."""

from __future__ import annotations

import json

import pytest
from conflict_ner.data.formats.annotation_tools.inception.layers import (
    NAMED_ENTITY,
    Layer,
    LayerError,
    choose_layer,
    project_files,
)

POS = Layer("de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS", ("PosValue",))
ENTITY = Layer(NAMED_ENTITY, ("identifier", "value"))
EVENT = Layer("webanno.custom.Event", ("type", "time"))


def test_named_entities_come_before_other_layers_and_linguistic_ones_do_not_count() -> None:
    chosen = choose_layer([POS, EVENT, ENTITY])
    assert chosen is not None
    assert (chosen.layer, chosen.feature, chosen.left_out) == (NAMED_ENTITY, "value", (EVENT.name,))
    assert "left out: webanno.custom.Event" in next(chosen.notes("a.tsv")).what
    assert choose_layer([POS]) is None
    named = choose_layer([POS], "POS")
    assert named is not None
    assert (named.layer, named.feature) == (POS.name, "PosValue")


def test_a_label_that_several_features_may_be_has_to_be_named() -> None:
    with pytest.raises(LayerError) as caught:
        choose_layer([EVENT])
    assert caught.value.choices == ("webanno.custom.Event.type", "webanno.custom.Event.time")
    named = choose_layer([EVENT], "webanno.custom.Event.time")
    assert named is not None
    assert named.feature == "time"


def test_labels_are_a_tag_set() -> None:
    (content,) = project_files(["ACTOR", "NUMBER.killed"]).values()
    assert [tag["tag_name"] for tag in json.loads(content)["tags"]] == ["ACTOR", "NUMBER.killed"]
