"""Archives: what is inside is listed, and nothing is ever unpacked to be kept."""
