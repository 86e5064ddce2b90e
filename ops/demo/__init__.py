"""`make demo`: files of all kinds, made in an environment of their own and uploaded to the stage that runs."""
