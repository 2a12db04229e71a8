"""Following a run in tools that people already use: TensorBoard, MLflow, Weights & Biases, Trackio.

May import: config, checkpoint, errors; no other module of training.
Start reading: run_tracking.py, then tools.py.
"""
