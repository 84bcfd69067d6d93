"""The architectures that have a name: cells of recall × norm, pinned in their configs.

A config.json states recall and norm even where the name already does, so that it can be read by itself.
"""
# pyright: reportIncompatibleVariableOverride=false
# (the configs are frozen, so a narrower type in a subclass is sound)

from typing import Literal

from loopbench.contracts import Architecture
from loopbench.models.transformer import (
    FixedDepthConfig,
    FixedDepthTransformer,
    LoopedTransformer,
    LoopedTransformerConfig,
)

PAPER = "https://arxiv.org/abs/2604.15259"


class LoopConfig(LoopedTransformerConfig):
    recall: Literal["none"] = "none"
    norm: Literal["pre"] = "pre"


class RecallConfig(LoopedTransformerConfig):
    recall: Literal["recall"] = "recall"
    norm: Literal["pre"] = "pre"


class InternalRecallConfig(LoopedTransformerConfig):
    recall: Literal["internal"] = "internal"
    norm: Literal["pre"] = "pre"


class LoopOuterConfig(LoopedTransformerConfig):
    recall: Literal["none"] = "none"
    norm: Literal["outer"] = "outer"


class RecallOuterConfig(LoopedTransformerConfig):
    recall: Literal["recall"] = "recall"
    norm: Literal["outer"] = "outer"


class InternalRecallOuterConfig(LoopedTransformerConfig):
    recall: Literal["internal"] = "internal"
    norm: Literal["outer"] = "outer"


def _looped(name: str, config: type[LoopedTransformerConfig], summary: str) -> Architecture:
    return Architecture(name=name, version=1, summary=summary, config=config, build=LoopedTransformer, paper=PAPER)


ARCHITECTURES = (
    _looped("looped-transformer", LoopedTransformerConfig, "one looped block with any recall and norm"),
    _looped("loop", LoopConfig, "the input only in the first state, pre-norm"),
    _looped("recall", RecallConfig, "recall before every iteration, pre-norm"),
    _looped("internal-recall", InternalRecallConfig, "recall inside both branches, pre-norm"),
    _looped("loop-outer", LoopOuterConfig, "the input only in the first state, outer norm"),
    _looped("recall-outer", RecallOuterConfig, "recall before every iteration, outer norm"),
    _looped("internal-recall-outer", InternalRecallOuterConfig, "recall inside both branches, outer norm"),
    Architecture(
        name="fixed-depth",
        version=1,
        summary="the control without a loop: fifteen untied blocks, run once",
        config=FixedDepthConfig,
        build=FixedDepthTransformer,
        paper=PAPER,
    ),
)
