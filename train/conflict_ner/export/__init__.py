"""A verified checkpoint: written aside, checked in a fresh process, put in place whole.

May import: inference, reporting and below.
Start reading: checkpoint_writer.py, then verify.py.
"""
