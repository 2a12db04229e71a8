"""File formats of labeled reports: markup, JSONL and CoNLL.

May import: data's document, labels and text_files, config, files, errors.
Start reading: markup.py, then conll.py.
"""
