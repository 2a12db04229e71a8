"""Decodes a model's logits: the most probable tags that spell whole mentions, then the entities that they are.

May import: modeling, data and below; of `inference` only `runtime`.
Start reading: viterbi.py, then spans.py.
"""
