"""Writing checkpoints: to a hidden folder, verified in a fresh process, then moved to their place.

May import: inference, reporting and below.
Start reading: checkpoint_writer.py, then verify.py.
"""
