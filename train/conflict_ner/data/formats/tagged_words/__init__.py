"""File formats that give words with a tag each: CoNLL columns and data sets of Hugging Face, in any scheme of tags.

May import: data's document, labels, words and text_files, the protocol of a format, errors.
Start reading: tag_schemes.py, then conll.py or huggingface.py.
"""
