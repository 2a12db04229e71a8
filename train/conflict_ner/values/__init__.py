"""What tagged mentions are worth: the figure of a number, with its bounds and unit. Pure functions, no model.

May import: yaml_io, errors; no other library than Python's own.
Start reading: quantity.py.
"""

from conflict_ner.values.quantity import Quantity

__all__ = ["Quantity"]
