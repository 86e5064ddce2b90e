"""An empty stage in moto's cloud, made once and copied for each test: making one takes as long as a short test.

moto's SQS has locks and its SSM a class of its own, which can't be copied, so each test makes theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Place = tuple[Any, str, str]
"""One of moto's backends: its service's own dictionary of them, the account and the region."""

COPIED = ("s3", "dynamodb", "events", "cloudfront")

_made: dict[Callable[[], None], tuple[dict[Place, Any], dict[Place, dict[str, Any]]]] = {}
"""moto's backends of an empty stage, and a copy of all that was in them, by the function that made it."""


def renew(provision: Callable[[], None]) -> None:
    """Leaves moto's cloud with nothing but what `provision` makes in the services of COPIED. It is called once."""
    _empty()
    if provision not in _made:
        provision()
        backends = _backends()
        contents = {place: vars(backend) for place, backend in backends.items()}
        _made[provision] = backends, _copied(contents, backends, backends)
    else:
        before, contents = _made[provision]
        now = {place: place[0][place[1]][place[2]] for place in contents}
        for place, content in _copied(contents, before, now).items():
            vars(now[place]).update(content)
    _name_buckets()


def _empty() -> None:
    """Does what `POST /moto-api/reset` does, without a request."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    BackendDict.reset()
    reset_model_data()


def _backends() -> dict[Place, Any]:
    from moto.core.base_backend import BackendDict

    known: Any = BackendDict
    return {
        (services, account, region): backend
        for services in known._instances
        if services.service_name in COPIED
        for account, regions in services.items()
        for region, backend in regions.items()
    }


def _copied(
    contents: dict[Place, dict[str, Any]], before: dict[Place, Any], now: dict[Place, Any]
) -> dict[Place, dict[str, Any]]:
    """Copies of the contents, in which the backends of `now` stand where those of `before` stood."""
    memo = {id(before[place]): now[place] for place in contents}
    return {place: copy.deepcopy(content, memo) for place, content in contents.items()}


def _name_buckets() -> None:
    """moto knows besides whose each bucket is."""
    from moto.s3.models import s3_backends

    for account, regions in s3_backends.items():
        for backend in regions.values():
            for name in backend.buckets:
                s3_backends.bucket_accounts[name] = ("aws", account)
