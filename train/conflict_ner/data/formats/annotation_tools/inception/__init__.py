"""File formats of INCEpTION (and WebAnno): tables, documents of the UIMA framework, exports of whole projects.

May import: data's document, words and text_files, the protocol of a format, the formats of annotation tools beside it.
Start reading: layers.py, which says what of a project are mentions; then webanno_tsv.py.
"""
