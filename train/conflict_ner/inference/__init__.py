"""Text in, entities out: a checkpoint's model on PyTorch or ONNX Runtime.

May import: checkpoint, evaluation, modeling, data and below.
Start reading: tagger.py, then predictor.py.
"""
