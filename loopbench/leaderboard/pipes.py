"""Messages between `verify` and the sandboxed process: length-prefixed bytes, and nothing that is ever unpickled."""

from typing import BinaryIO

PREFIX = 8  # bytes of the length, little-endian


class Broken(Exception):
    """What came through a pipe is no message; the text says what it is."""


def write_message(file: BinaryIO, data: bytes) -> None:
    """Send one message.

    Raises:
        OSError: nobody reads.
    """
    file.write(len(data).to_bytes(PREFIX, "little") + data)
    file.flush()


def read_message(file: BinaryIO, at_most: int, *, at_least: int = 0) -> bytes:
    """Receive one message of no more than `at_most` bytes, which is all the memory that it takes.

    Raises:
        Broken: the pipe was closed, or what it holds is not such a message.
    """
    size = int.from_bytes(_read(file, PREFIX), "little")
    if not at_least <= size <= at_most:
        raise Broken(f"it sent something else than {at_most:,} bytes of an answer")
    return _read(file, size)


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Broken("it ended before it had answered")
    return data
