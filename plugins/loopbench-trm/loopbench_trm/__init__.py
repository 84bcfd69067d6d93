"""The architecture `trm` and its objective `deep-supervision`, for loopbench."""

from collections.abc import Iterable

from loopbench.contracts import Architecture, Objective
from loopbench.hookspecs import hookimpl

LOOPBENCH_API = 1


@hookimpl
def loopbench_architectures() -> Iterable[Architecture]:
    from loopbench_trm.network import TinyRecursiveConfig, TinyRecursiveModel

    return [
        Architecture(
            name="trm",
            version=1,
            summary="one tiny network that revises a latent state, then an answer, again and again",
            config=TinyRecursiveConfig,
            build=TinyRecursiveModel,
            paper="https://arxiv.org/abs/2510.04871",
        )
    ]


@hookimpl
def loopbench_objectives() -> Iterable[Objective]:
    from loopbench_trm.supervision import DEEP_SUPERVISION

    return [DEEP_SUPERVISION]
