"""Searching for settings: trials that train with other values, learned from with Optuna.

May import: the modules of training that train one run, and the rooms below it.
Start reading: study.py, then results.py.
"""
