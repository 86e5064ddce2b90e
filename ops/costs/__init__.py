"""The costs of a stage: `python -m ops costs` counts every operation, prices it, and writes docs/costs.md.

data       counted.json (calls, units and bytes) and measured.json (CPU), and the functions' memory
bills      the units that AWS bills of an operation, and their prices
idle       a stage that does nothing, and the events of a million files
films      a watched minute, a stored hour, a film that nobody watches
power      time x price of each function by its memory
services   the published prices of paid services for the same work
workload   a stage's month, by what a team says of it
page       the tables, in their places in docs/costs.md
command    the command
"""
