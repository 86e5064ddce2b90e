"""The index: lists, search, the feed and counts, kept in the same table by the function that reads its stream."""
