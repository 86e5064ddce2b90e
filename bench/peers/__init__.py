"""`python -m bench peers --corpus DIR`: a folder of image files through the engine, Chromium and libvips.

files.py       the files, their formats, and the size at which pictures are compared
workers.py     child processes with bounds of time and memory, which answer lines of JSON
ours.py        the engine's child      chromium.py, vips.py   those of the references
compare.py     the child that measures differences
verdict.py     what counts as a difference
report.py      the table, before and after      sheet.py    the picture of the worst
run.py         all of it
corpus.py      makes a folder of image files from packages' archives
"""
