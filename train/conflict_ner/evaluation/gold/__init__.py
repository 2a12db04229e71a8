"""How good gold labels are: which of them are probably wrong, by what a model reads.

May import: the room that it is in, and below.
Start reading: label_errors.py.
"""
