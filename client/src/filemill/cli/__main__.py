"""`python -m filemill.cli` is the command `filemill`."""

from filemill.cli import main

main()
