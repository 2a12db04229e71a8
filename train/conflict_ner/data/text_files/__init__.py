"""Text files: how they are found in folders, decompressed and decoded, and JSON that keeps to its standard.

May import: errors.
Start reading: reading.py, then file_search.py.
"""
