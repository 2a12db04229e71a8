"""File formats of labeled reports: markup, JSONL and CoNLL, and how files are found and decoded.

May import: data's document and labels, config, files, errors.
Start reading: markup.py, then conll.py.
"""
