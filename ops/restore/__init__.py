"""Restores a stage's records to an earlier time, and brings records and buckets to agree again.

`command` has the steps in their order. `tables` makes the table of that time, `fates` decides what becomes of each
record, `takeover` carries that out, `switch` gives the stage the table, and `audit` compares it with both buckets.
"""
