"""The results in Label Studio's annotations: labels of text as mentions, and the field of a task that has the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conflict_ner.data.formats.annotation_tools.exports import Export
from conflict_ner.data.formats.offsets import RawMention, mend
from conflict_ner.errors import Problem, excerpt

_TEXT_LABELS = ("labels", "hypertextlabels")  # the types of the tags <Labels> and <HyperTextLabels>


@dataclass(frozen=True, slots=True)
class Results:
    """What the results of one annotation say: mentions, and the names of the tags that show the labeled texts."""

    mentions: tuple[RawMention, ...]
    texts: tuple[str, ...]
    problems: tuple[Problem, ...]


def read_results(results: Any, where: str, export: Export) -> Results:
    """Read the results of one annotation.

    Args:
        results: the list of results.
        where: the task, for problems.
        export: is told what is left out.
    """
    mentions: list[RawMention] = []
    texts: list[str] = []
    problems: list[Problem] = []
    if not isinstance(results, list | None):
        problems.append(Problem(where, "an annotation without a list of results", "export the file again"))
    for result in results if isinstance(results, list) else ():
        found = _read_result(result, where, export)
        if isinstance(found, Problem):
            problems.append(found)
        elif found:
            mentions += found
            texts += [result["to_name"]] if isinstance(result.get("to_name"), str) else []
    return Results(tuple(mentions), tuple(dict.fromkeys(texts)), tuple(problems))


def _read_result(result: Any, where: str, export: Export) -> list[RawMention] | Problem:
    value = result.get("value") if isinstance(result, dict) else None
    kind = result.get("type") if isinstance(result, dict) else None
    if kind is None and isinstance(value, dict):
        kind = next((key for key in value if key.endswith("labels")), None)
    if isinstance(result, dict) and not (isinstance(kind, str) and kind.endswith("labels")):
        export.note(f"left out: of the type {kind or 'unknown'}, which does not label text", "result")
        return []
    if kind not in _TEXT_LABELS and isinstance(result, dict):
        what = f"a result of the type {kind}, which does not label a stretch of plain text"
        return Problem(where, what, "label the text with the tags <Labels> and <Text>, and export that")
    labels = value.get(kind) if isinstance(value, dict) else None
    labels = [labels] if isinstance(labels, str) else [] if labels is None else labels
    if not isinstance(value, dict) or not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        return Problem(where, f"not a label of text: {excerpt(str(result), 60)}", "export it again", kind="no label")
    surface = value.get("text") if isinstance(value.get("text"), str) else None
    offsets = _offsets(value, surface)
    if offsets is None and isinstance(value.get("start"), str):
        what = f"the offsets of {excerpt(surface or 'a region', 60)} count nodes of HTML, not characters"
        return Problem(where, what, "label it as plain text with the tag <Text>", kind="offsets in HTML")
    if offsets is None:
        what = f"start and end of a region are not whole numbers: {excerpt(str(value), 60)}"
        return Problem(where, what, "export it again", kind="no offsets")
    if not labels:
        export.note("left out: it has no label", "region")
    if surface and offsets[1] - offsets[0] == len(surface) - surface.count("\\n"):
        surface = surface.replace("\\n", "\n")  # some versions escape line ends
    return [RawMention(*offsets, label, surface or None) for label in labels]


def _offsets(value: Mapping[str, Any], surface: str | None) -> tuple[int, int] | None:
    """Return start and end; of HTML those of the rendered text, if the region's text is there to check them."""
    if isinstance(value.get("start"), str) and surface and isinstance(value.get("globalOffsets"), dict):
        value = value["globalOffsets"]
    start, end = _whole(value.get("start")), _whole(value.get("end"))
    return None if start is None or end is None else (start, end)


def _whole(number: Any) -> int | None:
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if type(number) is int else None


def find_text_field(data: Mapping[str, Any], texts: Sequence[str], mentions: Sequence[RawMention]) -> str | None:
    """Return the field of a task's data that has the labeled text; None if that is not clear.

    It is a field in which all mentions are found. Of several it is the one that is called as the tag that shows it,
    or `text`.

    Args:
        data: the task's data.
        texts: the names of the tags that show labeled texts (`to_name`).
        mentions: those of one annotation of the task.
    """
    fields = [key for key, value in data.items() if isinstance(value, str) and key != "id"]
    spans = [(each.start, each.end, each.surface) for each in mentions]
    fitting = [key for key in fields if None not in mend(data[key], spans).spans] or fields
    named = [name for name in (*texts, "text") if name in fitting]
    if named or len(fitting) == 1:
        return (named or fitting)[0]
    return None
