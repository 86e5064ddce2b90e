"""Holds the stage's functions while its table is changed, and lets them go again.

Whatever is written to the former table after its newest records were read would be lost. A function with the new table
would even delete the bytes of an upload whose record it does not find. So the API answers 503 for these minutes, the
queues and the stream wait, sockets open no more, and the sweep rests. Delivery goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import config
from ops.stack.cloudformation import pauses
from ops.stack.names import SOCKET_FUNCTIONS, function_name

# Functions that are called: with a reserved concurrency of 0 Lambda refuses each call.
API, SWEEP = "api_handler", "sweep"
CALLED = (API, *SOCKET_FUNCTIONS)
# Functions that Lambda itself calls for a queue or a stream. Refused calls would end as dead letters, so the mapping is
# turned off instead. `publish` is the last, so that it has told of what the others wrote before: nobody reads the
# former table's stream afterwards.
WORKERS = ("process", "media", "fetch", "index", "deliver", "publish")

# A request that the API took may write for so long: its timeout, and a second.
REQUEST = 30.0


@dataclass(frozen=True)
class Functions:
    """The functions of one stage in Lambda."""

    client: Any
    project_dir: Path
    stage: str
    sleep: Callable[[float], None] = time.sleep

    def _name(self, function: str) -> str:
        return function_name(config.app_name(config.read_config(self.project_dir)), self.stage, function)

    def hold_sweep(self, most: float) -> None:
        """Stops the sweep, and waits until a run has ended that may be under way: its timeout, at `most` so long.

        A run that still finished deletions of the former table would delete bytes of files that come back.
        """
        if self._refuse(SWEEP):
            recorded = config.read_config(self.project_dir)
            self.sleep(min(most, float(config.function_settings(recorded, self.stage, SWEEP)["lambda_timeout"])))

    def hold(self, seconds: float) -> None:
        """Stops everything else that writes records, and waits until the requests that were taken have ended."""
        refused = [self._refuse(function) for function in CALLED]
        if any(refused):
            self.sleep(seconds)
        for function in WORKERS:
            self._turn(function, on=False)

    def release(self) -> None:
        """Lets all of them go on, with the concurrency that the configuration says."""
        recorded = config.read_config(self.project_dir)
        for function in WORKERS:
            self._turn(function, on=True)
        for function in (*CALLED, SWEEP):
            if not self._exists(function):
                continue
            wanted = config.function_settings(recorded, self.stage, function).get("reserved_concurrency")
            if wanted is None:
                self.client.delete_function_concurrency(FunctionName=self._name(function))
            else:
                self.client.put_function_concurrency(
                    FunctionName=self._name(function), ReservedConcurrentExecutions=wanted
                )

    def held(self) -> bool:
        """True while the API is held; and if it is not deployed, for then it writes nothing."""
        if not self._exists(API):
            return True
        found = self.client.get_function_concurrency(FunctionName=self._name(API))
        return bool(found.get("ReservedConcurrentExecutions") == 0)

    def table(self) -> str | None:
        """The table that the deployed API uses; None if it is not deployed."""
        try:
            found = self.client.get_function_configuration(FunctionName=self._name(API))
        except self.client.exceptions.ResourceNotFoundException:
            return None
        name: str | None = found.get("Environment", {}).get("Variables", {}).get("FILEMILL_TABLE")
        return name

    def _exists(self, function: str) -> bool:
        try:
            self.client.get_function_configuration(FunctionName=self._name(function))
        except self.client.exceptions.ResourceNotFoundException:
            return False
        return True

    def _refuse(self, function: str) -> bool:
        """False if the function is not deployed."""
        if not self._exists(function):
            return False
        self.client.put_function_concurrency(FunctionName=self._name(function), ReservedConcurrentExecutions=0)
        return True

    def _mappings(self, function: str) -> Iterator[dict[str, Any]]:
        if self._exists(function):
            pages = self.client.get_paginator("list_event_source_mappings").paginate(FunctionName=self._name(function))
            for page in pages:
                yield from page["EventSourceMappings"]

    def _turn(self, function: str, *, on: bool) -> None:
        wanted = "Enabled" if on else "Disabled"
        for mapping in list(self._mappings(function)):
            state = self._settled(mapping["UUID"])
            if state not in (wanted, None):
                self.client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
                self._settled(mapping["UUID"])

    def _settled(self, uuid: str) -> str | None:
        """The mapping's state once it no longer changes; None if it is gone."""
        for seconds in pauses():
            try:
                state: str = self.client.get_event_source_mapping(UUID=uuid)["State"]
            except self.client.exceptions.ResourceNotFoundException:
                return None
            if not state.endswith("ing"):  # Creating, Enabling, Disabling, Updating, Deleting
                return state
            self.sleep(seconds)
        raise AssertionError("pauses() never ends")
