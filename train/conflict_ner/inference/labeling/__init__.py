"""What a model does for people who label: labels first, finds wrong labels, says what to label next, makes silver ones.

May import: the room that it is in, and below.
Start reading: review.py, then next_reports.py.
"""
