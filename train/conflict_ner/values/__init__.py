"""What tagged mentions are worth: the figure of a number with its bounds and unit, the kind of a weapon. No model.

May import: yaml_io, errors; no other library than Python's own.
Start reading: quantity.py, then numbers.py and weapons.py.
"""

from conflict_ner.values.numbers import explain_number, parse_number
from conflict_ner.values.quantity import Quantity, Unknown
from conflict_ner.values.weapons import WeaponKind, to_acled, weapon_kind

__all__ = ["Quantity", "Unknown", "WeaponKind", "explain_number", "parse_number", "to_acled", "weapon_kind"]
