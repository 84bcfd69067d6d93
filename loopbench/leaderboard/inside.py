"""What runs in the sandbox: `python -m loopbench.leaderboard.inside MEMORY THREADS`, which iterates one model.

A plugin's code runs in this process and can do to it what it likes. So nothing here decides anything: what it sends is
taken for logits and judged by `verify`, which alone has the answers.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

from loopbench.leaderboard.pipes import read_message, write_message

MODEL, PLUGIN = Path("/model"), Path("/plugin")
MAX_REQUEST = 1 << 30


def main(memory: int, threads: int) -> None:
    """Answer requests until there are no more.

    Args:
        memory: bytes that may be taken beside what Python and torch have taken.
    """
    requests, replies = _own_pipes()

    import numpy as np
    import torch

    from loopbench.devices import computing, parameter_dtype
    from loopbench.evaluation.flops import flops_per_step
    from loopbench.hub import build_model, load_source
    from loopbench.leaderboard.readings import read_out
    from loopbench.loop import trajectory
    from loopbench.plugins import get_architecture
    from loopbench.references import Source
    from loopbench.weights import dump, needed_shapes

    torch.set_num_threads(threads)
    _limit(memory)
    sys.path.insert(1, str(PLUGIN))  # not before: Python would run the sitecustomize.py of a wheel that has one
    model = load_source(Source("the model", MODEL)).requires_grad_(False)
    info = model.info
    assert info is not None  # loading sets it
    said = {"parameters": info.parameters, "layers_per_step": info.layers_per_step}
    said["time_dependent"] = get_architecture(info.architecture).time_dependent
    write_message(replies, json.dumps(said).encode())

    def untrained(seed: int) -> bytes:
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        new = build_model(info.architecture, info.config, info.task)
        return dump(new, needed_shapes(new))

    def received(shape: list[int]) -> torch.Tensor:
        return torch.as_tensor(np.frombuffer(read_message(requests, MAX_REQUEST), "<i8").reshape(shape).copy())

    def iterate(shape: list[int], iterations: list[int], precision: Any, retirement: bool, seed: int) -> None:
        inputs = received(shape)
        model.to(parameter_dtype(precision))
        states = trajectory(model, inputs, iterations[-1], generator=torch.Generator().manual_seed(seed))
        with torch.no_grad(), computing(precision, inputs.device):
            for logits in read_out(model, states, len(inputs), iterations, retirement):
                write_message(replies, logits.float().contiguous().numpy().astype("<f4").tobytes())

    while request := read_message(requests, MAX_REQUEST):
        match json.loads(request):
            case {"untrained": int(seed)}:
                write_message(replies, untrained(seed))
            case {"flops": shape}:
                write_message(replies, json.dumps(flops_per_step(model, received(shape))).encode())
            case asked:
                iterate(**asked)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Where requests come from and replies go to. What a plugin prints goes to stderr, what it reads is empty."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, replies


def _limit(memory: int) -> None:
    """Set the limits that no code which runs later can raise."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + memory,
        resource.RLIMIT_NPROC: 256,  # threads
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
