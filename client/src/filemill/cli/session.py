"""One run of a command: its login, its client, and where its output goes."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filemill.cli.exits import NOT_ALLOWED
from filemill.cli.failures import Stop
from filemill.cli.output import Output

if TYPE_CHECKING:
    from filemill import Filemill
    from filemill.cli.profiles import Login


class Session:
    """The options that all commands share, and what follows from them."""

    def __init__(self, transport: Any = None, terminal: bool | None = None) -> None:
        self.transport = transport
        """an httpx transport, in tests"""
        self.terminal = terminal
        """true: standard output is shown to a person; by default as it is"""
        self.profile: str | None = None
        self.as_json = False
        self.quiet = False
        self._client: Filemill | None = None

    @cached_property
    def login(self) -> Login:
        """The address and the key in force. Raises Stop if there is none."""
        from filemill.cli import profiles

        login = profiles.current(self.profile)
        if login is None:
            wanted = f" as {self.profile}" if self.profile else ""
            raise Stop(
                f"You are not logged in{wanted}. Run `filemill login`, or set FILEMILL_URL and FILEMILL_KEY.",
                NOT_ALLOWED,
            )
        return login

    @property
    def client(self) -> Filemill:
        """The client of the login in force, made when it is first used."""
        if self._client is None:
            self._client = self.new_client(self.login.url, self.login.key)
        return self._client

    def new_client(self, url: str, key: str, **options: Any) -> Filemill:
        """A client of this address and key, with the session's transport."""
        from filemill import Filemill

        if self.transport is not None:
            options["transport"] = self.transport
        return Filemill(url, key, **options)

    @cached_property
    def output(self) -> Output:
        """The output in the form that was asked for."""
        terminal = sys.stdout.isatty() if self.terminal is None else self.terminal
        return Output(as_json=self.as_json, terminal=terminal, quiet=self.quiet)

    def close(self) -> None:
        """Closes the client if there is one."""
        if self._client is not None:
            self._client.close()
            self._client = None
