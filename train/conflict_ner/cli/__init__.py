"""Commands: thin wrappers around functions that a script could call.

May import: every room; nothing imports it but __main__.
Start reading: main.py.
"""
