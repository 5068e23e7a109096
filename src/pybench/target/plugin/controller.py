"""The controller of ``pybench compare``: lines of JSON over a socket it leaves us."""

import json
import os
import socket
from typing import Any


class ControllerGoneError(BaseException):
    """The controller closed the socket: no row shall catch this and go on."""


class Controller:
    """Sends and receives messages."""

    def __init__(self, descriptor: int) -> None:
        # Not for the children of a row: they would keep the controller waiting.
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")

    def send(self, **message: object) -> None:
        """Send one message."""
        try:
            self._socket.sendall(json.dumps(message, default=str).encode() + b"\n")
        except OSError as error:
            raise ControllerGoneError(str(error)) from None

    def receive(self) -> dict[str, Any]:
        """Wait for one message."""
        try:
            line = self._reader.readline()
        except OSError as error:
            raise ControllerGoneError(str(error)) from None
        if not line.endswith(b"\n"):
            raise ControllerGoneError("closed")
        message: dict[str, Any] = json.loads(line)
        return message


def plain(value: object) -> object:
    """Return a value as a message can hold it, or a text of what it is."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        is_short = value.bit_length() <= 64
        return int(value) if is_short else f"an int of {value.bit_length()} bits"
    if isinstance(value, str):
        return str.__str__(value)
    return f"a {type(value).__name__}"
