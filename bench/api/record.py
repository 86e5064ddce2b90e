"""`python -m bench.api.record`: writes photo.json, the record that the bench's requests read, as the table has it.

It is the record of a ready photo of a phone's size, with EXIF data as phones write it, as the code of the checkout
stores it on moto. Both revisions of a run are given the same one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from moto import mock_aws
from PIL.ExifTags import Base

from tests import images, making
from tests.client import new_client
from tests.stage import aws_client, new_cdn_key, provisioned

FILE = Path(__file__).parent / "photo.json"

EXIF: dict[int, Any] = {
    Base.Make: "Apple",
    Base.Model: "iPhone 15 Pro",
    Base.Software: "18.1.1",
    Base.DateTime: "2026:11:21 16:04:12",
}
MORE_EXIF: dict[int, Any] = {
    Base.DateTimeOriginal: "2026:11:21 16:04:12",
    Base.OffsetTimeOriginal: "+01:00",
    Base.ExposureTime: 0.008,
    Base.FNumber: 1.78,
    Base.ISOSpeedRatings: 80,
    Base.FocalLength: 6.765,
    Base.LensModel: "iPhone 15 Pro back triple camera 6.765mm f/1.78",
}


def main() -> None:
    with mock_aws():
        provisioned(new_cdn_key())
        photo = images.jpeg(4032, 3024, exif=EXIF, more_exif=MORE_EXIF)
        client = new_client("acme")
        file_id = making.upload(client, photo, name="IMG 4032.jpg", tags=["holiday"], metadata={"album": "Summer"})
        making.deliver(file_id)
        items = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    (record,) = (item for item in items if item["sk"]["S"] == "FILE")
    FILE.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
