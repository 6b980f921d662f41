"""A slow, plain reading of OpenMLDB's rules, to compare the embedded engine with.

It is written from OpenMLDB's sources (named where a rule is not obvious), row by row, and shares nothing with the
engine. Times are int milliseconds, dates `datetime.date`, NULL is None.
"""
