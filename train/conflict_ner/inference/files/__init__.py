"""Tags files and archives in bulk and writes tables; the tagger is known only as a Protocol.

May import: data and below; never the tagger or the model.
Start reading: tag_files.py, then sources.py.
"""
