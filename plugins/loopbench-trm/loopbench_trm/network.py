"""The two-level recursion of the Tiny Recursive Model (Jolicoeur-Martineau 2025, https://arxiv.org/abs/2510.04871)."""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from loopbench.contracts import LoopedModel, TaskShape


class TinyRecursiveConfig(BaseModel):
    """The size of the network, and of one iteration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(64, ge=2, le=2048, description="channels of z_H, and as many of z_L; published: 512")
    blocks: int = Field(2, ge=1, le=16, description="layers of the network; published: 2")
    inner_cycles: int = Field(6, ge=1, le=64, description="n: how often z_L is revised for each revision of z_H")
    outer_cycles: int = Field(3, ge=1, le=64, description="T: how often z_H is revised in one iteration")


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x)), without biases."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(size, 4 * size, bias=False)
        self.down = nn.Linear(2 * size, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(silu(gate) * up)


class AcrossCells(SwiGLU):
    """A SwiGLU over the cells of a fixed board, for every channel: `(B, *grid, width)` to the same."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1, -2).mT).mT.view_as(x)


class Around(nn.Module):
    """A depthwise convolution of kernel 3 on a grid of any size: `(B, *grid, width)` to the same."""

    def __init__(self, width: int, coordinates: int) -> None:
        super().__init__()
        convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[coordinates - 1]
        self.convolution = convolution(width, width, 3, padding=1, groups=width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x.movedim(-1, 1)).movedim(1, -1)


class Layer(nn.Module):
    """Mix the cells, then the channels of each; a norm without gains after both residual sums."""

    def __init__(self, shape: TaskShape, width: int) -> None:
        super().__init__()
        cells = 1
        for side in shape.grid:
            cells *= side or 0
        self.cells = AcrossCells(cells) if cells else Around(width, len(shape.grid))
        self.channels = SwiGLU(width)

    def forward(self, x: Tensor) -> Tensor:
        for mix in (self.cells, self.channels):
            x = rms_norm(x + mix(x), x.shape[-1:])
        return x


class TinyRecursiveModel(LoopedModel):
    """z_L ← net(z_L + z_H + e), n times, then z_H ← net(z_H + z_L); T times over in one step.

    The state is `(B, *grid, 2 width)`, z_H and then z_L; the answer is read from z_H. Both begin as vectors that are
    drawn when the model is built, the same in every cell, and never trained.

    On a board of fixed size the cells are mixed by an MLP, as in the paper's model for sudoku. Where a side is free, so
    that there can be no weight for each cell, a depthwise convolution takes the place of the paper's attention. The
    step carries a gradient throughout: to leave some of it out is the objective's affair. The paper's head for halting
    is left out, since here the harness decides how often to iterate.

    A layer is a `Layer`, each time it is executed: T (n + 1) `blocks` in a step.
    """

    features: Tensor
    first: Tensor

    def __init__(self, shape: TaskShape, config: TinyRecursiveConfig) -> None:
        super().__init__()
        features = torch.eye(shape.vocab_size) if shape.features is None else torch.tensor(shape.features)
        self.register_buffer("features", features, persistent=False)
        self.inner_cycles, self.outer_cycles = config.inner_cycles, config.outer_cycles
        self.layers_per_step = config.outer_cycles * (config.inner_cycles + 1) * config.blocks
        self.embedding = nn.Linear(features.shape[1], config.width, bias=False)
        nn.init.normal_(self.embedding.weight)  # e of unit variance, beside states that are normalized to it
        self.register_buffer("first", torch.randn(2 * config.width))
        self.network = nn.Sequential(*(Layer(shape, config.width) for _ in range(config.blocks)))
        self.head = nn.Linear(config.width, shape.num_classes, bias=False)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.embedding(self.features[inputs])

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.first.expand(*e.shape[:-1], -1)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        high, low = h.chunk(2, -1)
        for _ in range(self.outer_cycles):
            for _ in range(self.inner_cycles):
                low = self.network(low + high + e)
            high = self.network(high + low)
        return torch.cat([high, low], -1)

    def readout(self, h: Tensor) -> Tensor:
        return self.head(h.chunk(2, -1)[0])
