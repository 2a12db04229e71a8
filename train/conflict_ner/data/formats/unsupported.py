r"""JSON formats that are recognized and not read, so that a whole file of one is reported in one message.

>>> print(detect_other_format('{"tokenized_text": ["Rebels", "left"], "ner": [[0, 0, "ACTOR"]]}\n', "a.jsonl").what)
in the format of GLiNER (1 of 1 lines), which is not supported
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, TypeVar

from conflict_ner.data.text_files import strict_json
from conflict_ner.errors import Problem

_Item = TypeVar("_Item")
_MIN_SHARE = 0.9  # of the lines must have a format for it to be the file's
_EXPECTED = (
    '{"id": "a", "text": "Rebels left.", "entities": [{"start": 0, "end": 6, "label": "ACTOR"}]}, one report per '
    "line, the id in quotes and offsets in characters"
)
_OURS, _OURS_EMPTY = "ours", "ours, without entities"
_TAG_OUTPUT, _TAG_MENTIONS, _EVALUATION = "`tag`", "`tag --rows mentions`", "`evaluate --predictions`"
_TOKENS_FIX = (
    "write each token and the name of its tag (O, B-ACTOR, I-ACTOR) on one line, a blank line after each report, in a "
    ".conll file, or find the tokens in the text and write 'entities'"
)
_FIXES: Mapping[str, str] = {
    "GLiNER": _TOKENS_FIX,
    _TAG_MENTIONS: "it has no texts: tag with --rows reports, correct that file and name it",
    _EVALUATION: "name the labeled reports that were evaluated",
}


def detect_other_format(source: str, file: str) -> Problem | None:
    """Return a problem that names the format of nearly all of a file's lines; None if it is ours or unknown."""
    lines = [(number, line) for number, line in enumerate(source.split("\n"), start=1) if line.strip()]
    values = [value for _, line in lines if (value := _load_or_none(line)) is not None]
    if not lines:
        return None
    position, unit, total = f"{file}:{lines[0][0]}", "lines", len(lines)
    file_value = values[0] if len(lines) == len(values) == 1 else None  # if the file is a single JSON value
    if len(values) < _MIN_SHARE * len(lines):
        file_value = _load_or_none(source)
    elements = list(_reports_inside(file_value))
    if elements:
        values, unit, total = elements, "reports", len(elements)
    name, count = _most_common_format(Counter(detect_report_format(value) for value in values))
    if name is None or count < _MIN_SHARE * total:
        return None
    if name == _TAG_OUTPUT:
        what, fix = "reports of `tag`, but not one in each line", "write each object on one line, without commas"
        return Problem(position, what, fix, unreadable=True)
    if name != _OURS:
        what = f"in the format of {name} ({count:,} of {total:,} {unit}), which is not supported"
        return Problem(position, what, f"{_FIXES[name]}; the format is {_EXPECTED}", unreadable=True)
    if elements:
        what, fix = f"one JSON array of {total:,} reports", "write each object of the array on one line, without commas"
        return Problem(position, what, fix, unreadable=True)
    return None


def _most_common_format(formats: Counter[str | None]) -> tuple[str | None, int]:
    """Return the format of most reports and their number."""
    # `tag` writes reports without mentions exactly as labeled ones: they count with the others of the file.
    empty = formats.pop(_OURS_EMPTY, 0)
    formats[_TAG_OUTPUT if formats[_TAG_OUTPUT] and not formats[_OURS] else _OURS] += empty
    return formats.most_common(1)[0] if formats else (None, 0)


def _load_or_none(source: str) -> Any:
    try:
        return strict_json.loads(source)
    except ValueError:
        return None


def _reports_inside(value: Any) -> Iterator[Any]:
    """Return the reports in the single JSON value of a file; none if the value itself is a report."""
    if isinstance(value, dict) and detect_report_format(value) is None:
        keys = ("data", "annotations", "examples")
        value = next((value[key] for key in keys if isinstance(value.get(key), list)), None)
    if isinstance(value, list) and detect_report_format(value) is None:
        yield from value


def detect_report_format(report: Any) -> str | None:
    """Return the name of one report's format; None if it is unknown.

    >>> detect_report_format({"tokenized_text": ["Rebels", "left"], "ner": [[0, 0, "ACTOR"]]})
    'GLiNER'
    """
    if not isinstance(report, dict):
        return None
    if isinstance(report.get("entities"), list):
        return _format_of_entities(report["entities"])
    return _format_without_entities(report)


def is_tag_output(source: str) -> bool:
    """Return whether the lines of a file are reports as `tag` writes them, with a few exceptions at most."""
    lines = [line for line in source.split("\n") if line.strip()]
    formats = Counter(detect_report_format(_load_or_none(line)) for line in lines)
    # A person who corrected the file may have added entities, which have no score, or removed all scores of a report.
    count = sum(formats[name] for name in (_TAG_OUTPUT, _OURS, _OURS_EMPTY))
    return formats[_TAG_OUTPUT] > 0 and count >= _MIN_SHARE * len(lines)


def is_tagged_report(value: Any) -> bool:
    """Return whether a JSON value is a report as `tag` writes it, with at least one entity that has a score."""
    return detect_report_format(value) == _TAG_OUTPUT


def is_labeled_report(value: Any) -> bool:
    """Return whether a JSON value is a report of our JSONL format with at least one mention."""
    return detect_report_format(value) == _OURS


def _format_of_entities(entities: list[Any]) -> str | None:
    if not _is_list_of(entities, dict) or any("start_offset" in entity for entity in entities):
        return None
    if not entities:
        return _OURS_EMPTY
    return _TAG_OUTPUT if any("score" in entity for entity in entities) else _OURS


def _format_without_entities(report: dict[str, Any]) -> str | None:
    matches = {
        _EVALUATION: "gold" in report and "predicted" in report,
        _TAG_MENTIONS: report.keys() >= {"label", "text", "start", "end", "score"},
        "GLiNER": _is_list_of(report.get("tokenized_text"), str) and "ner" in report,
    }
    return next((name for name, is_match in matches.items() if is_match), None)


def _is_list_of(value: Any, kind: type[_Item]) -> TypeGuard[list[_Item]]:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)
