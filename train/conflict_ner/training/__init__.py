"""Training a checkpoint from a config: the run, its loop, its saved epochs and its progress.

May import: export and below.
Start reading: run.py, the pipeline step by step.
"""
