import pytest
import torch
from evaluation_toys import EXACT, protocol, toy_examples
from torch import Tensor
from torch._dynamo.utils import counters
from torch._inductor import config

from loopbench import evaluate, load_model
from loopbench.contracts import LoopedModel
from loopbench.evaluation import retirement
from loopbench.evaluation.curve import Curve, measure_curve
from loopbench.loop import compile_step

EXAMPLES = toy_examples(50)


class Contraction(LoopedModel):
    """Settles the sooner the smaller the first input is."""

    layers_per_step = 1

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs.float()

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return h + (1 - torch.sigmoid(e[:, :1] / 2)) * (e * e - h)

    def readout(self, h: Tensor) -> Tensor:
        return torch.stack((-h, h), -1)


def measure(model: LoopedModel) -> Curve:
    return measure_curve(model, [EXACT], EXAMPLES, protocol(400), [400], torch.device("cpu"))


@pytest.fixture(autouse=True)
def no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "AUDITED_COUNT", 0)


def test_shrinking_batches_do_not_compile_again() -> None:
    model, eager = Contraction(), measure(Contraction())
    compile_step(model, EXAMPLES.inputs[:2], any_batch=True)
    counters.clear()
    compiled = measure(model)
    assert compiled.correct == eager.correct
    assert compiled.audit.count == 50
    assert counters["stats"]["unique_graphs"] <= 1, "a batch of one example may be a case of its own"


@pytest.mark.filterwarnings("error:torch.compile does not work here")
def test_every_split_is_compiled_however_many_there_are() -> None:
    model = load_model("prefix-sums-loop-s0")
    with torch._dynamo.config.patch(recompile_limit=2, fail_on_recompile_limit_hit=True):
        for bits in (32, 64, 128):
            evaluate(model, "prefix-sums", f"dev-bits-{bits}", iterations=2, limit=3, compiled=True)


def test_without_a_compiler_it_warns_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr(config.cpp, "cxx", ("/nonexistent/c++",))
    model = Contraction()
    with pytest.warns(UserWarning, match="torch.compile does not work here") as warned:
        compile_step(model, EXAMPLES.inputs[:2], any_batch=True)
    assert "\n" not in str(warned[0].message)
    assert measure(model).correct == measure(Contraction()).correct


class Unscaled(torch.autograd.Function):
    """The identity, with a gradient that the compiler fails on."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            raise RuntimeError("no such instruction")
        return gradients[0]


def test_where_only_the_gradient_cannot_be_compiled_it_warns_and_trains() -> None:
    class Learned(Contraction):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def encode(self, inputs: Tensor) -> Tensor:
            return inputs.float() * self.scale

        def step(self, h: Tensor, e: Tensor) -> Tensor:
            return Unscaled.apply(super().step(h, e))  # pyright: ignore

    torch._dynamo.reset()
    model = Learned()
    with pytest.warns(UserWarning, match="torch.compile does not work here"):
        compile_step(model, EXAMPLES.inputs[:2], gradient=True)
    model.step(model.encode(EXAMPLES.inputs), model.encode(EXAMPLES.inputs)).sum().backward()
    assert model.scale.grad is not None
