"""Views of scores: console tables, charts and HTML pages; also the reference of settings.

May import: checkpoint, evaluation, data and below; never a model library.
Start reading: tables.py, then html_report.py.
"""
