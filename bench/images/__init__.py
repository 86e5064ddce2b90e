"""One job, the same photographs: Filemill, sharp, thumbor and plain Pillow, by turns on the same cores.

photos.py  → the photographs (a Debian package's, and some made of them), or a folder's
tools.py   → .local/bench: thumbor, the scores and the plots in a venv; sharp by `npm ci`
engines/   → one program an engine, that stays up and does a job a line
measure.py → rounds of jobs: CPU, wall time, peak memory
score.py   → SSIM and SSIMULACRA2 of every rendition (in the bench's venv)
report.py  → ratios, the table, the JSON file; plot.py → the picture (in the bench's venv)
"""
