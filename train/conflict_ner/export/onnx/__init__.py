"""Exporting a checkpoint to ONNX: traced, rewritten, quantized, and compared with the original.

May import: export, inference and below.
Start reading: export.py, then trace.py.
"""
