"""Cameras' raw files: the finished picture that the camera put into them."""
