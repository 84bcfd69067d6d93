"""What the machine and the installation were."""

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from pydantic import Field

from loopbench.evaluation.protocol import Stored
from loopbench.validation import Line


class Environment(Stored):
    loopbench: Line = Field(description="version of the installed loopbench-zoo")
    torch: Line = Field(description="version of torch")
    python: Line = Field(description="version of Python")
    device: Line = Field(description="cpu with its architecture, or cuda with the GPU's name")
    threads: int = Field(ge=1, le=65_536, description="CPU threads that torch uses within an operation")
    compiled: bool = Field(description="whether the step ran through torch.compile")
    git: Line | None = Field(description="commit of the checkout that loopbench runs from, if it does")


def current_environment(device: torch.device, compiled: bool) -> Environment:
    """The environment of this process."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return Environment(
        loopbench=version("loopbench-zoo"),
        torch=str(torch.__version__),
        python=platform.python_version(),
        device=f"{device.type} ({name})",
        threads=torch.get_num_threads(),
        compiled=compiled,
        git=_commit(Path(__file__).parents[2]),
    )


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory so far: on CUDA what torch allocated, else the resident memory of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _commit(checkout: Path) -> str | None:
    """The commit of a checkout, with "-dirty" if a tracked file was changed; `None` if it is none."""
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
