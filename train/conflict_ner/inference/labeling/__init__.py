"""What a model does for people who label: finds wrong labels, says what to label next, labels silver reports.

May import: the room that it is in, and below.
Start reading: review.py, then next_reports.py.
"""
