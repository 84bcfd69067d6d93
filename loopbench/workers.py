"""Processes that work for another one."""

import os
import signal
import time
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread


def attend() -> None:
    """An interrupt is for the process that started this one, and when that is killed this one ends too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    Thread(target=follow, daemon=True).start()


def end_with_parent() -> None:
    """When the process that started this one ends, however it was started, this one ends too."""
    parent = os.getppid()

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=follow, daemon=True).start()


def send_output(log: Path) -> None:
    """Append what this process prints to a file from now on."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
