"""File formats of labeled reports: how each is recognized, read, written and converted, and how files are found.

May import: data's document, labels and text_files, config, files, errors.
Start reading: format.py, then registry.py and one format, such as markup.py.
"""
