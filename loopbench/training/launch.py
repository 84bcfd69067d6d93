"""Several processes on this machine for one run: what torchrun does, with one line instead of its report."""

import logging
import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from loopbench.errors import LoopbenchError
from loopbench.validation import printable
from loopbench.workers import cores

INTERRUPTED = 130


def launch(arguments: Sequence[str], processes: int) -> None:
    """Run `loopbench train` with these arguments in processes that share its batches (DDP).

    The first one speaks for all. An interrupt is theirs: they stop at a checkpoint.

    Raises:
        LoopbenchError: one of the processes failed or was killed; the others have ended too.
        SystemExit: the first one failed, and has said why.
        KeyboardInterrupt: they were interrupted.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes)))
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # DDP's advice is for who can follow it
    with TemporaryDirectory() as logs, _silent():
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=logs, redirects=dict.fromkeys(range(1, processes), Std.ALL)),
        )
        try:
            elastic_launch(config, sys.executable)("-m", "loopbench", "train", *arguments)
        except ChildFailedError as error:
            codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
            if INTERRUPTED in codes.values():
                raise KeyboardInterrupt from error
            if codes.get(0, 0) > 0:
                raise SystemExit(codes[0]) from error  # it has said why
            rank, failure = error.get_first_failure()
            how = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else f"exit code {failure.exitcode}"
            said = _last_line(Path(logs), rank) if failure.exitcode > 0 else ""
            raise LoopbenchError(
                f"process {rank} of {processes} ended with {how}, and with it the run; --resume goes on from its last "
                f"checkpoint{f'. It said: {said}' if said else ''}"
            ) from error


def _last_line(logs: Path, rank: int) -> str:
    """What a process said last; the first one has said it on stderr, and has no log."""
    lines = [
        line for path in logs.glob(f"**/{rank}/stderr.log") for line in path.read_text("utf-8", "replace").split("\n")
    ]
    return printable(next(filter(None, reversed(lines)), ""))


@contextmanager
def _silent() -> Generator[None]:
    """Neither an interrupt nor a message of torchrun's from this process."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        signal.signal(signal.SIGINT, before)
