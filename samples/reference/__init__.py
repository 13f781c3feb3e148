"""The answers, worked out a second time: money.md in plain Python and Decimal, from the delivered rows alone.

No SQL, no floats, no code of the house. Slow and plain on purpose: it is what the warehouse is compared with.
"""
