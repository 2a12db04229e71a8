"""What people see of scores: console tables, charts and HTML pages.

May import: checkpoint, evaluation, data and below; never a model library.
Start reading: tables.py, then html_report.py.
"""
