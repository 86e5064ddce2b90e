"""`python -m bench.real_files FOLDER`: real files through a running stage, and a page of what was made."""
