"""Compares Filemill, sharp, thumbor and plain Pillow: the same job and photographs, by turns on the same cores.

photos.py  → the photographs: a Debian package's and some made from them, or those in a folder
tools.py   → .local/bench: thumbor, the scores and the plots in a venv; sharp by `npm ci`
engines/   → one program for each engine, which keeps running and does one job for each line
measure.py → rounds of jobs: CPU, wall time, peak memory
score.py   → SSIM and SSIMULACRA2 of every rendition (in the bench's venv)
report.py  → ratios, the table, the JSON file; plot.py → the picture (in the bench's venv)
"""
