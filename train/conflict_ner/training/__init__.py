"""Config in, checkpoint out: the run, its loop, its saved epochs and its progress.

May import: export and below.
Start reading: run.py, the pipeline on one page.
"""
