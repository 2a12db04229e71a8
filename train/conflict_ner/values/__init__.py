"""What tagged mentions are worth: the figure of a number, with its bounds and unit. Pure functions, no model.

May import: yaml_io, errors; no other library than Python's own.
Start reading: quantity.py, then numbers.py.
"""

from conflict_ner.values.numbers import explain_number, parse_number
from conflict_ner.values.quantity import Quantity, Unknown

__all__ = ["Quantity", "Unknown", "explain_number", "parse_number"]
