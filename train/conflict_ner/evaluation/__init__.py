"""Scores: pure functions of gold mentions and predicted entities.

May import: data, config, files, errors; never a model library.
Start reading: matching.py, then report.py.
"""
