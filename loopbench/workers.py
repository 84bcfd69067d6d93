"""Processes that work for another one."""

import os
import signal
from multiprocessing import parent_process
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


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
