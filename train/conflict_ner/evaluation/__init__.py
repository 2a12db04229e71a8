"""Scores of predicted entities against gold mentions: matching, metrics, intervals and comparisons.

May import: data, config, files, errors; never a model library.
Start reading: matching.py, then report.py.
"""
