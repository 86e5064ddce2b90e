"""A small Filemill in memory, for the tests of the package and of the command.

`service` is where it begins. It finds the handler of a request in the tables `ROUTES` of records, uploads and
resources; `storage` is S3. All of them work on the `state`, and `wire` has the requests and answers.
"""

from fake_filemill.service import FakeFilemill
from fake_filemill.state import KEY, NOW, S3, SECRET, URL
from fake_filemill.wire import Call, Reply, problem

__all__ = ["KEY", "NOW", "S3", "SECRET", "URL", "Call", "FakeFilemill", "Reply", "problem"]
