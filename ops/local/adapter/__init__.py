"""Adds to MiniStack what Filemill needs, one module per service. Only the emulator's own Python runs this."""
