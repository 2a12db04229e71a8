"""Labeling configs of Label Studio: which field is the text, which labels there are, and configs that are refused."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Entity
from conflict_ner.inference.files.layouts import REPORTS
from conflict_ner.inference.service.bodies import Model
from conflict_ner.inference.service.label_studio import LabelingTags, PredictRequest, labeling_tags
from conflict_ner.inference.service.limits import RequestError

MODEL = Model("stub", "0123456789ab", ("ACTOR", "NUMBER.killed"), REPORTS)
CONFIG = """
<View>
  <Choices name="kind" toName="t"><Choice value="battle"/></Choices>
  <Labels name="boxes" toName="image"><Label value="Car"/></Labels>
  <Image name="image" value="$photo"/>
  <View><Labels name="ner" toName="t"><Label value="NUMBER" background="red"/><Label value="ACTOR"/></Labels></View>
  <Text name="t" value="$report" granularity="word"/>
</View>"""


def test_the_labels_of_the_text_are_found_among_others() -> None:
    assert labeling_tags(CONFIG) == LabelingTags("ner", "t", "report", ("NUMBER", "ACTOR"))


def test_an_entity_has_a_label_of_the_project_or_is_left_out() -> None:
    call = PredictRequest.model_validate({"tasks": [{"id": 1, "data": {"report": "x"}}], "label_config": CONFIG})
    found = [
        Entity("NUMBER.killed", "two", 0, 3, 0.9),
        Entity("WEAPON", "gun", 4, 7, 0.4),
        Entity("ACTOR", "Rebels", 8, 14, 0.8),
    ]
    assert list(call.wanted) == ["x"]
    [prediction] = call.answer([found], MODEL)["results"]
    assert [region["value"]["labels"] for region in prediction["result"]] == [["NUMBER"], ["ACTOR"]]
    assert len({region["id"] for region in prediction["result"]}) == 2
    assert prediction["score"] == 0.8  # of what is in the result


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("<View", "is not XML"),
        ("<View/>", "has no <Labels"),
        ('<View><Labels name="a" toName="t"/><Text name="t" value="fixed words"/></View>', "has no <Labels"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "declares a document type"),
        (None, "label_config is missing"),
    ],
)
def test_a_config_without_labels_for_a_text_is_refused(config: str | None, message: str) -> None:
    call = PredictRequest.model_validate({"tasks": [], "label_config": config})
    with pytest.raises(RequestError, match=message) as error:
        _ = call.wanted
    assert error.value.status == 422


def test_a_task_without_its_text_is_named() -> None:
    tasks = [{"id": 7, "data": {"report": ["not", "text"]}}]
    call = PredictRequest.model_validate({"tasks": tasks, "label_config": CONFIG})
    with pytest.raises(RequestError, match="task 7 has no text in the field 'report' that the config names"):
        _ = call.wanted
