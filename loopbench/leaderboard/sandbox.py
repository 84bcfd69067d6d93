"""A model in a process of its own that sees no network, no secret and no file but its own, and can write nowhere.

It is bubblewrap (https://github.com/containers/bubblewrap) that isolates it; `inside.py` is what runs there.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from loopbench.devices import Precision
from loopbench.errors import LoopbenchError
from loopbench.files import canonical_json
from loopbench.leaderboard.inside import MODEL, PLUGIN
from loopbench.leaderboard.pipes import Broken, read_message, write_message
from loopbench.leaderboard.system_calls import seccomp_filter
from loopbench.plugins import ALLOW_LIST
from loopbench.validation import parse_json, printable, validate

BWRAP = "bwrap"
CODE, SCRATCH = "/code", "/scratch"
MEMORY = 4 << 30
DISK = 64 << 20  # the one folder that it can write to, which is memory and ends with it
MAX_SAID = 4096
MAX_ERRORS = 16 * 1024


class Fault(Exception):
    """What the model's process did that no model may do, in one line."""


class Said(BaseModel):
    """What the process says of the model that it loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    parameters: int = Field(ge=0)
    layers_per_step: int = Field(ge=1)
    time_dependent: bool


@dataclass(frozen=True)
class Code:
    """The plugins that a model needs.

    Attributes:
        distributions: those that are loaded, beside the core.
        packages: folders and modules of installed ones, which may lie where a sandbox cannot see them.
        wheel: folder of an unpacked one.
    """

    distributions: tuple[str, ...] = ()
    packages: tuple[Path, ...] = ()
    wheel: Path | None = None


class Sandbox:
    """The running process; `open_sandbox` makes it.

    Attributes:
        said: what it says of its model.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin and process.stdout
        self._requests: BinaryIO = process.stdin  # pyright: ignore[reportAttributeAccessIssue]: buffered, so it is one
        self._replies: BinaryIO = process.stdout  # pyright: ignore[reportAttributeAccessIssue]
        data = read_message(self._replies, MAX_SAID)
        try:
            self.said = validate(Said, parse_json(data, what := "what it says of its model"), what)
        except LoopbenchError as error:
            raise Broken(str(error)) from error

    def untrained(self, seed: int, max_bytes: int) -> bytes:
        """The content of model.safetensors before any training, whatever that is.

        Raises:
            Broken, OSError: no answer.
        """
        write_message(self._requests, canonical_json({"untrained": seed}))
        return read_message(self._replies, max_bytes)

    def flops(self, inputs: torch.Tensor) -> int:
        """FLOPs of one step on a batch `(B, *grid)`, as an evaluation counts them.

        Raises:
            Broken, OSError: no number.
        """
        write_message(self._requests, canonical_json({"flops": list(inputs.shape)}))
        write_message(self._requests, inputs.numpy().astype("<i8").tobytes())
        reply = read_message(self._replies, MAX_SAID)
        if not re.fullmatch(rb"\d{1,19}", reply):
            raise Broken("what it says of its FLOPs is no number")
        return int(reply)

    def logits(
        self,
        inputs: torch.Tensor,
        classes: int,
        iterations: Sequence[int],
        precision: Precision,
        retirement: bool,
        seed: int,
    ) -> NDArray[np.float32]:
        """`(k, B, *grid, classes)` logits of a batch `(B, *grid)` at the k iterations, which ascend.

        Raises:
            Broken, OSError: no answer of that size.
        """
        shape = list(inputs.shape)
        asked = {"shape": shape, "iterations": list(iterations), "precision": precision}
        asked |= {"retirement": retirement, "seed": seed}
        write_message(self._requests, canonical_json(asked))
        write_message(self._requests, inputs.numpy().astype("<i8").tobytes())
        size = 4 * classes * inputs.numel()
        replies = [read_message(self._replies, size, at_least=size) for _ in iterations]
        return np.frombuffer(b"".join(replies), "<f4").reshape(len(iterations), *shape, classes)

    def finish(self) -> None:
        """Ask for nothing more, and make sure that nothing more comes.

        Raises:
            Broken, OSError: something comes.
        """
        write_message(self._requests, b"")
        if self._replies.read(1):
            raise Broken("it sent more than it was asked for")


@contextmanager
def open_sandbox(model: Path, code: Code, seconds: float) -> Generator[Sandbox]:
    """A process that has loaded the model of a folder. It ends with the block, or after so many seconds.

    Raises:
        Fault: anything but an answer came, to any request.
    """
    binds = [(str(model), str(MODEL)), *((str(path), f"{CODE}/{path.name}") for path in code.packages)]
    binds += [(str(code.wheel), str(PLUGIN))] if code.wheel else []
    threads = str(torch.get_num_threads())
    allowed = ",".join(code.distributions)
    environment = {"PYTHONPATH": CODE, "OMP_NUM_THREADS": threads, ALLOW_LIST: allowed}
    command = ["-m", "loopbench.leaderboard.inside", str(MEMORY), threads]
    with _running(command, binds, environment) as (process, tail):
        late = threading.Event()
        timer = threading.Timer(seconds, lambda: (late.set(), process.kill()))
        timer.start()
        try:
            sandbox = Sandbox(process)
            yield sandbox
            sandbox.finish()
        except (Broken, BrokenPipeError) as error:
            process.kill()
            if late.is_set():
                raise Fault(f"the model's process was not done after {seconds:.0f} s") from error
            raise Fault(f"the model's process failed: {tail.last_line() or error}") from error
        finally:
            timer.cancel()


def check_bubblewrap() -> None:
    """Make sure that sandboxes can be had here.

    Raises:
        LoopbenchError: they cannot, and what to install or allow.
    """
    if shutil.which(BWRAP) is None:
        raise LoopbenchError("verify runs models in bubblewrap, which is not here: install bubblewrap")
    with _running(["-c", ""], [], {}) as (process, tail):
        if process.wait():
            raise LoopbenchError(
                f"verify runs models in bubblewrap, which does not work here: {tail.last_line()} "
                "(Ubuntu: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
            )


@contextmanager
def _running(
    arguments: Sequence[str], binds: Sequence[tuple[str, str]], environment: dict[str, str]
) -> "Generator[tuple[subprocess.Popen[bytes], _Tail]]":
    """Python in a sandbox, and what it writes to stderr."""
    with tempfile.TemporaryFile() as filter_file:
        filter_file.write(seccomp_filter())
        filter_file.seek(0)
        descriptor = filter_file.fileno()
        command = [*_bubblewrap(binds, environment, descriptor), sys.executable, "-P", "-s", *arguments]
        pipe = subprocess.PIPE
        # Without an environment: bubblewrap runs in the sandbox too, and what it was given can be read there.
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[descriptor], env={})
    assert process.stderr
    tail = _Tail(process.stderr.fileno())
    tail.start()
    try:
        yield process, tail
    finally:
        process.kill()
        process.wait()
        tail.join()
        for file in filter(None, (process.stdin, process.stdout, process.stderr)):
            with suppress(BrokenPipeError):  # what was written last has no reader
                file.close()


class _Tail(threading.Thread):
    """Reads all that a process writes, lest it waits for a reader, and keeps the end."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._end = b""

    def run(self) -> None:
        while chunk := os.read(self._descriptor, 1 << 16):
            self._end = (self._end + chunk)[-MAX_ERRORS:]

    def last_line(self) -> str:
        """The last one that is not empty, once the process has ended."""
        self.join()
        lines = self._end.decode(errors="replace").split("\n")
        return next((printable(line, 300) for line in reversed(lines) if line.strip()), "")


def _bubblewrap(binds: Sequence[tuple[str, str]], environment: dict[str, str], filter_descriptor: int) -> list[str]:
    command = [shutil.which(BWRAP) or BWRAP, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--cap-drop", "ALL", "--seccomp", str(filter_descriptor), "--hostname", "sandbox"]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    # The interpreter and the packages that are installed with it, and what those link to.
    places = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache", sys.base_prefix, sys.prefix}
    for place in sorted(places, key=len):
        command += ["--ro-bind-try", place, place]
    command += ["--ro-bind", str(Path(__file__).parents[1]), f"{CODE}/loopbench"]
    for source, target in binds:
        command += ["--ro-bind", source, target]
    command += ["--size", str(DISK), "--tmpfs", SCRATCH, "--chdir", SCRATCH, "--remount-ro", "/"]
    own = {"HOME": SCRATCH, "TMPDIR": SCRATCH, "USER": "nobody", "LANG": "C.UTF-8", "HF_HUB_OFFLINE": "1"}
    for name, value in (own | environment).items():
        command += ["--setenv", name, value]
    return [*command, "--"]
