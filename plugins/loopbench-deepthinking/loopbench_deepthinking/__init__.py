"""The architecture `deepthinking`, for loopbench."""

from collections.abc import Iterable

from loopbench.contracts import Architecture
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_architectures() -> Iterable[Architecture]:
    from loopbench_deepthinking.network import DeepThinking, DeepThinkingConfig

    return [
        Architecture(
            name="deepthinking",
            version=1,
            summary="a recurrent residual convolutional network with recall",
            config=DeepThinkingConfig,
            build=DeepThinking,
            paper="https://arxiv.org/abs/2202.05826",
        )
    ]
