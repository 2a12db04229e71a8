"""File formats of annotation tools, one module a format, each with a `FORMAT` that the registry lists.

May import: data's document and text_files, the protocol of a format, the mending of offsets, errors.
Start reading: the protocol in the room above.
"""
