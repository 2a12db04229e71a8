"""Labeled reports: the document, its words and labels, corpora checked and divided into splits.

May import: config, files, errors.
Start reading: document.py, then corpus.py.
"""
