"""A convolution that is applied again and again, and sees the problem anew each time (recall)."""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from loopbench.contracts import Architecture, LoopedModel, TaskShape
from loopbench.errors import LoopbenchError


class Config(BaseModel):
    """The settings; what a recipe leaves out has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(32, ge=1, le=1024, description="channels of the state")


class MyPlugin(LoopedModel):
    """h ← norm(h + W gelu(conv([h, e]))) on states `(B, *grid, width)`, from h = e."""

    layers_per_step = 1  # convolutions that one step executes

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__()
        if len(shape.grid) > 2:
            raise LoopbenchError(f"my-plugin takes sequences and boards, not a grid of {len(shape.grid)} coordinates")
        conv = nn.Conv1d if len(shape.grid) == 1 else nn.Conv2d
        self.embedding = nn.Embedding(shape.vocab_size, config.width)
        self.conv = conv(2 * config.width, 2 * config.width, kernel_size=5, padding=2)
        self.mix = nn.Linear(2 * config.width, config.width)
        self.norm = nn.RMSNorm(config.width)
        self.head = nn.Linear(config.width, shape.num_classes)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.embedding(inputs)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        seen = self.conv(torch.cat((h, e), -1).movedim(-1, 1)).movedim(1, -1)
        return self.norm(h + self.mix(nn.functional.gelu(seen)))

    def readout(self, h: Tensor) -> Tensor:
        return self.head(h)


ARCHITECTURE = Architecture(
    name="my-plugin",
    version=1,  # weights of one version are not those of another
    summary="a looped convolution with recall",
    config=Config,
    build=MyPlugin,
    paper="none yet",
)
