"""The recurrent convolutional network with recall (DT-Recall) of Bansal et al. 2022, https://arxiv.org/abs/2202.05826.

Every convolution has kernel 3 along each coordinate of the grid, zero padding and no bias, and nothing is normalized. A
sequence is a grid of one row.
"""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import relu

from loopbench.contracts import LoopedModel, TaskShape
from loopbench.errors import LoopbenchError


class DeepThinkingConfig(BaseModel):
    """The size of the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(64, ge=2, le=1024, description="channels of the state; published: 400 on strings, 128 on mazes")
    blocks: int = Field(2, ge=1, le=16, description="residual blocks that one iteration executes; published: 2")


class Convolution(nn.Conv2d):
    """`(B, rows, columns, channels)` to the same with other channels: last, as in every state of the zoo."""

    def __init__(self, inputs: int, outputs: int, coordinates: int) -> None:
        kernel = (1, 3) if coordinates == 1 else (3, 3)
        super().__init__(inputs, outputs, kernel, padding="same", bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        return super().forward(input.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ResidualBlock(nn.Module):
    """relu(x + conv(relu(conv(x))))."""

    def __init__(self, width: int, coordinates: int) -> None:
        super().__init__()
        self.first = Convolution(width, width, coordinates)
        self.second = Convolution(width, width, coordinates)

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.second(relu(self.first(x))))


class DeepThinking(LoopedModel):
    """Recall, then residual blocks, again and again.

    The injected input is the vector of each symbol; the state is `(B, *grid, width)`. h_0 = relu(conv(e)), and one step
    is h ← blocks(relu(conv([h, e]))). The published network for boards leaves out that inner relu, and its head is
    narrower (32 and 8 channels).

    A layer is a residual block, of two convolutions; the convolution that mixes the input in is counted as one more,
    since it alone reaches further than a cell does: `blocks + 1` layers a step.

    Raises:
        LoopbenchError: a grid that is neither a sequence nor a board.
    """

    features: Tensor

    def __init__(self, shape: TaskShape, config: DeepThinkingConfig) -> None:
        super().__init__()
        coordinates = len(shape.grid)
        if coordinates not in (1, 2):
            raise LoopbenchError(f"deepthinking takes sequences and boards, not a grid of {coordinates} coordinates")
        features = torch.eye(shape.vocab_size) if shape.features is None else torch.tensor(shape.features)
        self.register_buffer("features", features, persistent=False)
        self.sequence = coordinates == 1
        self.layers_per_step = config.blocks + 1

        def conv(inputs: int, outputs: int) -> Convolution:
            return Convolution(inputs, outputs, coordinates)

        width, channels = config.width, features.shape[1]
        self.projection = conv(channels, width)
        self.recall = conv(width + channels, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width, coordinates) for _ in range(config.blocks)))
        self.head = nn.Sequential(
            conv(width, width), nn.ReLU(), conv(width, width // 2), nn.ReLU(), conv(width // 2, shape.num_classes)
        )

    def encode(self, inputs: Tensor) -> Tensor:
        return self.features[inputs]

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self._flat(relu(self.projection(self._board(e))))

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return self._flat(self.blocks(relu(self.recall(self._board(torch.cat([h, e], -1))))))

    def readout(self, h: Tensor) -> Tensor:
        return self._flat(self.head(self._board(h)))

    def _board(self, x: Tensor) -> Tensor:
        return x.unsqueeze(1) if self.sequence else x

    def _flat(self, x: Tensor) -> Tensor:
        return x.squeeze(1) if self.sequence else x
