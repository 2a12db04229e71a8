"""Serves a Tagger over HTTP: four protocols, one queue, a page to paste a report into.

May import: inference.files, checkpoint, data and below. It knows the model only as something that tags.
Start reading: app.py, then batching.py.
"""
