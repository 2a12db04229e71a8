"""The encoder: find it, load it, adapt it, and tokenize texts into windows for it.

May import: data, config, files, errors.
Start reading: encoder.py, then tokenization.py.
"""
