"""Tagging on many machines: a function for batches of Ray Data and Spark, and the job behind `tag --ray`.

May import the modules of `inference` and `inference/files`. Start at tag_batches.py.
"""
