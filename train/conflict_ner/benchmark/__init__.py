"""Speed of tagging and training against other systems and the hardware's limit.

May import: training and below.
Start reading: tagging.py, then timing.py.
"""
