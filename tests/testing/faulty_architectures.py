"""A sound little model, and models with one fault each."""

import random
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from loopbench.contracts import Architecture, LoopedModel, TaskShape


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(6, ge=1, le=64)


class Sound(LoopedModel):
    """h ← tanh(W [h, its neighbour, e]) on `(B, *grid, width)`."""

    layers_per_step = 1

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocab_size, config.width)
        self.mix = nn.Linear(3 * config.width, config.width)
        self.head = nn.Linear(config.width, shape.num_classes)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.embedding(inputs)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return self.mix(torch.cat((h, h.roll(1, -2), e), -1)).tanh()

    def readout(self, h: Tensor) -> Tensor:
        return self.head(h)


def architecture(build: Any = Sound, config: type[BaseModel] = Config, *, time_dependent: bool = False) -> Architecture:
    return Architecture("toy", 1, "for a test", config, build, "none", time_dependent)


class BatchNorm(Sound):
    """In eval mode it is sound."""

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.norm = nn.BatchNorm1d(config.width)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        h = super().step(h, e)
        return self.norm(h.flatten(0, -2)).view_as(h)


class MixingReadout(Sound):
    def readout(self, h: Tensor) -> Tensor:
        return super().readout(h - h.mean(0))


class MixingEncoder(Sound):
    def encode(self, inputs: Tensor) -> Tensor:
        e = super().encode(inputs)
        return e + 0.1 * e.amax(0)


class DropoutLeftOn(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return nn.functional.dropout(super().step(h, e), 0.1)


class HiddenState(Sound):
    """A momentum that no state carries."""

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.before: Tensor | None = None

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        following = super().step(h, e)
        if self.before is not None and self.before.shape == following.shape:
            following = following + 0.1 * self.before
        self.before = following.detach()
        return following


class Counter(Sound):
    """It counts from encode on, and its steps get smaller."""

    def encode(self, inputs: Tensor) -> Tensor:
        self.t = 0
        return super().encode(inputs)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        self.t += 1
        return h + (super().step(h, e) - h) / self.t


class KeepsTheEncoding(Sound):
    def encode(self, inputs: Tensor) -> Tensor:
        self.kept = super().encode(inputs)
        return self.kept

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return super().step(h, self.kept[: len(h)])


class WarmingReadout(Sound):
    """Its temperature falls with every look."""

    looks = 0

    def readout(self, h: Tensor) -> Tensor:
        self.looks += 1
        return super().readout(h) * self.looks


class UnusedParameter(Sound):
    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.gate = nn.Linear(config.width, config.width)


class InPlace(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return h.copy_(super().step(h, e))


class OneBuffer(Sound):
    """Every state is the same memory."""

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        following = super().step(h, e)
        if getattr(self, "memory", following[:0]).shape != following.shape:
            self.memory = following.clone()
        return self.memory.copy_(following)


class Detached(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return super().step(h.detach(), e)


class Frozen(Sound):
    """The encoder gets no gradient."""

    def encode(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return super().encode(inputs)


class _StraightThrough(torch.autograd.Function):
    """tanh, backwards as if it were the identity."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.tanh()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient

    @staticmethod
    def jvp(ctx: Any, direction: Tensor) -> Tensor:
        return direction


class FalseDerivative(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return _StraightThrough.apply(super().step(h, e))


class _BackwardOnce(torch.autograd.Function):
    """sin, whose backward pass cannot be differentiated itself."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.sin()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.detach() * ctx.saved_tensors[0].cos()

    @staticmethod
    def jvp(ctx: Any, direction: Tensor) -> Tensor:
        return direction * ctx.saved_tensors[0].cos()


class OnceDifferentiable(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return _BackwardOnce.apply(super().step(h, e))


class OwnDtype(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return super().step(h, e).float()


class NoBfloat16(Sound):
    """Under autocast a matrix product is bf16 and the state is not; lerp takes one dtype."""

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return h.lerp(super().step(h, e), 0.5)


class OutsideTheState(Sound):
    """A random projection that is in no state_dict."""

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.register_buffer("projection", torch.randn(config.width, config.width), persistent=False)

    def encode(self, inputs: Tensor) -> Tensor:
        return super().encode(inputs) @ self.projection


class IntegerBuffer(Sound):
    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.register_buffer("steps_seen", torch.zeros((), dtype=torch.int64))


class Unseeded(Sound):
    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        nn.init.constant_(self.head.bias, random.random())


class GlobalStart(Sound):
    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn_like(e)


class FixedLength(Sound):
    """A learned position for each of sixteen cells."""

    def __init__(self, shape: TaskShape, config: Config) -> None:
        super().__init__(shape, config)
        self.position = nn.Parameter(torch.randn(16, config.width))

    def encode(self, inputs: Tensor) -> Tensor:
        return super().encode(inputs) + self.position[: inputs.shape[-1]]


class OneAnswer(Sound):
    """Logits for an example, not for its cells."""

    def readout(self, h: Tensor) -> Tensor:
        return super().readout(h).flatten(1, -2).mean(1)


class GrowingState(Sound):
    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return torch.cat((super().step(h[..., : e.shape[-1]], e), h[..., :1]), -1)


class Clock(Sound):
    """The last channel of the state is t."""

    def start(self, e: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.cat((e, torch.zeros_like(e[..., :1])), -1)

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        h, t = h[..., :-1], h[..., -1:] + 1
        return torch.cat((super().step(h, e) / t, t), -1)

    def readout(self, h: Tensor) -> Tensor:
        return super().readout(h[..., :-1])


class QuietClock(Clock):
    def observe(self, h: Tensor) -> Tensor:
        return h[..., :-1]


class TwiceAsWide(Config):
    """What is read is not what was written."""

    def model_post_init(self, _: Any) -> None:
        object.__setattr__(self, "width", min(64, 2 * self.width))


class HalfWritten(Config):
    heads: int = Field(1, ge=1, le=4, exclude=True)


class Unbounded(Config):
    depth: int = Field(1, ge=1)


class AnySetting(Config):
    model_config = ConfigDict(extra="ignore")


def refusing_badly(shape: TaskShape, config: Config) -> Sound:
    if len(shape.grid) > 1:
        raise ValueError("no boards")
    return Sound(shape, config)
