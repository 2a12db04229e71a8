"""Tags texts with a checkpoint's model, on PyTorch or ONNX Runtime, and evaluates checkpoints.

May import: checkpoint, evaluation, modeling, data and below.
Start reading: tagger.py, then predictor.py.
"""
