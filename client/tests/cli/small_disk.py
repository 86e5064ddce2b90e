"""`python small_disk.py` downloads a file of 1 MB where no file may have more than 100 kB. The service is in memory."""

from __future__ import annotations

import resource
import signal
import sys

from fake_filemill import FakeFilemill

from filemill.cli.app import cli
from filemill.cli.run import said
from filemill.cli.session import Session

fake = FakeFilemill()
record = fake.add(bytes(1_000_000), filename="large.bin")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    code = cli.main(["download", record["id"]], standalone_mode=False, obj=Session(fake.transport()))
except BaseException as error:
    code = said(error)
sys.exit(code)
