"""Agreement of annotators: pairwise F1, Krippendorff's alpha, and the places where they differ.

May import: evaluation, data and below; never a model library.
Start reading: agreement.py, then krippendorff.py.
"""
