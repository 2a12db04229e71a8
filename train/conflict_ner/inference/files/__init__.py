"""Files in, tables out: bulk tagging of archives, which sees the model only as a Protocol.

May import: data and below; never the tagger or the model.
Start reading: tag_files.py, then sources.py.
"""
