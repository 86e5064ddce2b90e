"""The parts of `sniff`: one module for each sort of proof that a file is of a type."""
