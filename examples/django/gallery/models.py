"""The pictures that this app knows: ids of files, and whose they are. All else stands in Filemill's records."""

from django.conf import settings
from django.db import models


class Picture(models.Model):
    file_id = models.CharField(max_length=31, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pictures")

    class Meta:
        ordering = ["-file_id"]  # ids are in the order of time
