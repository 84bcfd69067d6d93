"""The transformer family: one looped block, or fifteen untied ones as the control."""

from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from loopbench.contracts import LoopedModel, TaskShape
from loopbench.errors import LoopbenchError
from loopbench.models.attention import full_attention, local_attention
from loopbench.models.block import Block


class TransformerConfig(BaseModel):
    """The size of a transformer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(256, ge=2, le=4096, description="channels of the state")
    heads: int = Field(8, ge=1, le=64, description="attention heads")
    mlp_ratio: int = Field(4, ge=1, le=16, description="hidden width of the MLP over the width")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"width {self.width} must be a multiple of 2 × heads = {2 * self.heads}")
        return self


Norm = Literal["pre", "peri", "outer", "gru"]


class LoopedTransformerConfig(TransformerConfig):
    """A size, and the two rules that make an architecture."""

    recall: Literal["none", "recall", "internal"] = Field(description="how the input is fed back in")
    norm: Norm = Field(description="where sub-blocks normalize")


class FixedDepthConfig(TransformerConfig):
    """A size, and the norm of the control."""

    norm: Norm = Field("pre", description="where sub-blocks normalize")


class Encoder(nn.Module):
    """e = W x + b on the feature vectors of the symbols: `(B, *grid)` int64 to `(B, *grid, width)`."""

    features: Tensor

    def __init__(self, shape: TaskShape, width: int) -> None:
        super().__init__()
        features = torch.eye(shape.vocab_size) if shape.features is None else torch.tensor(shape.features)
        self.register_buffer("features", features, persistent=False)
        self.linear = nn.Linear(features.shape[1], width)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(self.features[inputs])


class Head(nn.Sequential):
    """RMSNorm, Linear, GELU, Linear: `(B, *grid, width)` to `(B, *grid, num_classes)`."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__(nn.RMSNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, num_classes))


class LoopedTransformer(LoopedModel):
    """One block applied again and again (https://arxiv.org/abs/2604.15259).

    The state is `(B, *grid, width)`, and h_0 = e. Attention is full on boards and local (window 5) on sequences.

    Raises:
        LoopbenchError: a head's channels do not split evenly among the grid's coordinates.
    """

    layers_per_step = 1

    def __init__(self, shape: TaskShape, config: LoopedTransformerConfig) -> None:
        super().__init__()
        self.encoder = Encoder(shape, config.width)
        self.block = make_block(shape, config, config.recall, config.norm)
        self.head = Head(config.width, shape.num_classes)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.encoder(inputs)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return self.block(h, e)

    def readout(self, h: Tensor) -> Tensor:
        return self.head(h)


class FixedDepthTransformer(LoopedModel):
    """The control without a loop: fifteen untied blocks, run once."""

    layers_per_step = 15
    max_iterations = 1

    def __init__(self, shape: TaskShape, config: FixedDepthConfig) -> None:
        super().__init__()
        self.encoder = Encoder(shape, config.width)
        self.blocks = nn.ModuleList(make_block(shape, config, "none", config.norm) for _ in range(self.layers_per_step))
        self.head = Head(config.width, shape.num_classes)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.encoder(inputs)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        for block in self.blocks:
            h = block(h, e)
        return h

    def readout(self, h: Tensor) -> Tensor:
        return self.head(h)


def make_block(shape: TaskShape, config: TransformerConfig, recall: str, norm: str) -> Block:
    """A block whose attention fits the grid."""
    coordinates = len(shape.grid)
    if config.width // config.heads % (2 * coordinates):
        raise LoopbenchError(
            f"width / heads = {config.width // config.heads} must be a multiple of {2 * coordinates} on a grid of "
            f"{coordinates} coordinates, so that rotary positions split evenly"
        )
    attend = local_attention if coordinates == 1 else full_attention
    return Block(config.width, config.heads, config.mlp_ratio, recall, norm, attend)
