"""The costs of films, as ratios in one run: until they play, for each segment, and while nobody watches."""
