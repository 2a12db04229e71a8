"""What a row of an output holds: a report, a mention, or an incident.

`reports`: the columns `id`, the metadata, `text`, `entities` (in CSV and Excel as JSON).
`mentions`: `id` of the report, `label`, `text` (of the mention), `start`, `end`, `score`, the metadata.
`incidents`: `id`, the metadata, and what `inference.incidents` gathers from the report's mentions.

A metadata column with such a name becomes `report.NAME`.

>>> record = {"id": 7, "year": 2012, "text": "Goma fell.", "entities": [
...     {"label": "LOCATION", "text": "Goma", "start": 0, "end": 4, "score": 0.9}]}
>>> list(Layout("mentions").rows(record))
[{'id': 7, 'label': 'LOCATION', 'text': 'Goma', 'start': 0, 'end': 4, 'score': 0.9, 'year': 2012}]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conflict_ner.data.document import Document, Entity
from conflict_ner.inference.files.sources import RESERVED, rename_reserved
from conflict_ner.inference.incidents import incident_columns, incident_row
from conflict_ner.inference.mention_values import ValueReader
from conflict_ner.values import Quantity

Table = Literal["reports", "mentions", "incidents"]
Kind = Literal["bool", "int", "float", "text", "mixed"]
Record = Mapping[str, Any]
TABLES: tuple[Table, ...] = ("reports", "mentions", "incidents")
_ENTITY: Mapping[str, Kind] = {"label": "text", "text": "text", "start": "int", "end": "int", "score": "float"}
_QUANTITY: Mapping[str, Kind] = {
    "value": "float",
    "low": "float",
    "high": "float",
    "approximate": "bool",
    "unit": "text",
}
_VALUES: Mapping[str, Kind] = {**_QUANTITY, "kind": "text"}
_SOURCE: Mapping[str, Kind] = {"source": "text"}
_INT64_LIMIT = 2**63
_LAST_EXACT = 2**53  # greater integers are not all floats


def _read_entity(row: Mapping[str, Any]) -> Entity:
    """Return the entity that `Layout.entity_row` wrote with its value."""
    figures = {name: row[name] for name in _QUANTITY}
    value = Quantity(**figures) if figures["approximate"] is not None else None
    return Entity(**{name: row[name] for name in _ENTITY}, value=value, kind=row["kind"])


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows and columns of an output.

    values: whether entities have the columns of their values; incidents always do.
    names: whether entities say if they are of the user's list of names, in the column `source`.
    labels, reader: the labels of the model, and which of them are numbers and weapons; only incidents need them.
    """

    table: Table
    values: bool = False
    labels: tuple[str, ...] = ()
    reader: ValueReader = field(default_factory=ValueReader)
    names: bool = False

    @property
    def entity_columns(self) -> Mapping[str, Kind]:
        """The columns of an entity and the kinds of their values."""
        return {**_ENTITY, **(_VALUES if self.values else {}), **(_SOURCE if self.names else {})}

    def entity_row(self, entity: Entity) -> dict[str, Any]:
        """Return an entity as it is written."""
        row = {"label": entity.label, "text": entity.text, "start": entity.start, "end": entity.end}
        row["score"] = round(entity.score, 4)
        if self.values:
            row |= {name: entity.value and getattr(entity.value, name) for name in _QUANTITY} | {"kind": entity.kind}
        return row | {"source": entity.source} if self.names else row

    @property
    def _own_columns(self) -> Mapping[str, Kind]:
        """The columns of a row between the report's id and its metadata."""
        return incident_columns(self.labels, self.reader) if self.table == "incidents" else self.entity_columns

    @property
    def _reserved(self) -> frozenset[str]:
        return frozenset(self._own_columns) - {"text"}  # a record's metadata has no `text`

    def rows(self, record: Record) -> Iterator[dict[str, Any]]:
        """Yield the rows of a report: the report itself, its mentions, or its incident."""
        if self.table == "reports":
            yield dict(record)
            return
        metadata = {key: value for key, value in record.items() if key not in RESERVED}
        metadata = dict(rename_reserved(metadata, self._reserved))
        if self.table == "mentions":
            for entity in record["entities"]:
                yield {"id": record["id"], **entity, **metadata}
            return
        entities = list(map(_read_entity, record["entities"]))
        yield {"id": record["id"], **incident_row(record["text"], entities, self.labels, self.reader), **metadata}

    def columns(self, records: Iterable[Record]) -> dict[str, Kind]:
        """Return the columns and the kinds of their values, metadata in the order of first appearance.

        `id` and the metadata of reports without a mention count as well.
        """
        kinds: dict[str, Kind | None] = {"id": None}
        long = set()
        for record in records:
            for key, value in record.items():
                if key not in ("text", "entities"):
                    kinds[key] = _common_kind(kinds.get(key), _kind(value))
                    if isinstance(value, int) and abs(value) > _LAST_EXACT:
                        long.add(key)
        kinds |= {key: "mixed" for key in long if kinds[key] == "float"}
        metadata = {key: kind or "text" for key, kind in kinds.items() if key != "id"}
        id_column: dict[str, Kind] = {"id": kinds["id"] or "text"}
        if self.table == "reports":
            return {**id_column, **metadata, "text": "text", "entities": "mixed"}
        return {**id_column, **self._own_columns, **rename_reserved(metadata, self._reserved)}


REPORTS = Layout("reports")


def labeled_record(document: Document, layout: Layout) -> dict[str, Any]:
    """Return a labeled report as the record of a tagged one, whose entities have no score.

    >>> from conflict_ner.data.document import Mention
    >>> labeled_record(Document("a", "Goma fell.", (Mention(0, 4, "LOCATION"),)), REPORTS)["entities"]
    [{'label': 'LOCATION', 'text': 'Goma', 'start': 0, 'end': 4, 'score': None}]
    """
    entities = [Entity(each.label, document.slice(each), each.start, each.end, 1.0) for each in document.mentions]
    filled = layout.reader.fill(entities) if layout.values else entities
    rows = [layout.entity_row(entity) | {"score": None} for entity in filled]
    return {"id": document.id, **document.metadata, "text": document.text, "entities": rows}


def _kind(value: Any) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64_LIMIT <= value < _INT64_LIMIT else "mixed"
    return "float" if isinstance(value, float) else "text" if isinstance(value, str) else "mixed"


def _common_kind(one: Kind | None, other: Kind | None) -> Kind | None:
    if one is None or other is None or one == other:
        return one or other
    return "float" if {one, other} == {"int", "float"} else "mixed"
