"""Scores of several runs of one config, and the comparison of two such series.

May import: the other modules of evaluation.
Start reading: outcomes.py, then comparison.py.
"""
