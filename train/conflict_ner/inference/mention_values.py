"""Fills in what entities are worth: the figure of a number, what it counts, and the kind of a weapon.

>>> reader = ValueReader(number="NUMBER", weapon="WEAPON")
>>> (two,) = reader.fill([Entity("NUMBER.killed", "at least two", 0, 12, 0.9)])
>>> two.value, two.kind
(Quantity(value=2, low=2, high=None, approximate=False, unit=None), 'killed')
>>> (drones,) = reader.fill([Entity("WEAPON", "drones", 20, 26, 0.9)])
>>> drones.value, drones.kind
(None, 'uav')
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conflict_ner.data.document import Entity
from conflict_ner.data.label_levels import NUMBER, WEAPON, first_level, second_level, value_label_problems
from conflict_ner.errors import ConfigError
from conflict_ner.modeling.normalization import normalize
from conflict_ner.values import parse_number, weapon_kind

if TYPE_CHECKING:
    from conflict_ner.config import Config


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads the values of entities.

    number, weapon: the labels of numbers and of weapons; labels below them count too.
    """

    number: str = NUMBER
    weapon: str = WEAPON

    @classmethod
    def of(cls, config: Config) -> ValueReader:
        """Return the reader for the labels that a run's config names.

        Raises:
            ConfigError: if a label that it names for numbers or weapons is not one of its labels, or both are one.
        """
        number, weapon = config.values.number, config.values.weapon
        if problems := value_label_problems(config.labels, number, weapon):
            raise ConfigError("the config", problems)
        return cls(number or NUMBER, weapon or WEAPON)

    def is_number(self, label: str) -> bool:
        """Return whether mentions with this label are numbers."""
        return self.number in (label, first_level(label))

    def is_weapon(self, label: str) -> bool:
        """Return whether mentions with this label are weapons."""
        return self.weapon in (label, first_level(label))

    def kind_of_number(self, label: str) -> str | None:
        """Return what numbers with this label count: `killed` of NUMBER.killed; None if it does not say so."""
        return second_level(label) if self.is_number(label) and label != self.number else None

    def fill(self, entities: Iterable[Entity]) -> list[Entity]:
        """Return the entities with `value` and `kind` filled in where they are known."""
        return [self._filled(entity) for entity in entities]

    def _filled(self, entity: Entity) -> Entity:
        value, kind = None, None
        if self.is_number(entity.label):
            value, kind = parse_number(_as_read(entity)), self.kind_of_number(entity.label)
        elif self.is_weapon(entity.label) and (weapon := weapon_kind(_as_read(entity))):
            kind = weapon.value
        return entity if value is None and kind is None else replace(entity, value=value, kind=kind)


def _as_read(entity: Entity) -> str:
    """Return the words of an entity as the model has read them: `19` of `<b>19</b>`."""
    return normalize(entity.text).text
