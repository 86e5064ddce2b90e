"""A Django project whose users send pictures straight to Filemill, and see them when they are ready."""
