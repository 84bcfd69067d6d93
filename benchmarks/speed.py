"""What an evaluation costs, as ratios measured in one run: `python benchmarks/speed.py [SECTION …]`.

Every ratio compares two ways to the same result, timed in turn on the same weights; medians are printed. The sections:
streaming, retirement, attention, compile, peak.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from loopbench import load_model
from loopbench.contracts import Examples, LoopedModel
from loopbench.evaluation.curve import Curve, measure_curve
from loopbench.evaluation.protocol import Protocol
from loopbench.loop import compile_step, final_state, trajectory
from loopbench.models.attention import Attend, local_attention
from loopbench.models.transformer import LoopedTransformer, LoopedTransformerConfig
from loopbench.tasks.prefix_sums import PrefixSums

MODEL = "looped-prefix-sums"
CPU = torch.device("cpu")
task = PrefixSums()


def compare(*ways: Callable[[], object], repeats: int = 5, warmup: bool = True) -> list[float]:
    """The median seconds of each way, timed in turn."""
    for way in ways if warmup else ():
        way()
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for found, way in zip(times, ways, strict=True):
            begin = time.perf_counter()
            way()
            found.append(time.perf_counter() - begin)
    return [sorted(found)[repeats // 2] for found in times]


def show(what: str, ratio: str, detail: str) -> None:
    print(f"{what:<58} {ratio:>10}   {detail}", flush=True)


def curve(model: LoopedModel, examples: Examples, iterations: int, retirement: bool, batch_size: int = 32) -> Curve:
    protocol = Protocol(
        iterations=iterations, precision="float32", batch_size=batch_size, retirement=retirement, seed=0
    )
    return measure_curve(model, task.metrics, examples, protocol, [iterations], CPU)


@torch.no_grad()
def streaming() -> None:
    """One pass over t = 1 … 512 against the two other ways to a curve, on 32 strings of 64 bits."""
    model, examples = load_model(MODEL), task.sample(64, seed=0, count=32)
    score = task.metrics[0].score

    def from_scratch() -> None:
        for t in (2**i for i in range(10)):
            score(model.readout(final_state(trajectory(model, examples.inputs, t))), examples)

    kept: list[Tensor] = []

    def keeping_everything() -> None:
        kept[:] = [torch.stack([model.readout(h) for h in trajectory(model, examples.inputs, 512)], dim=1)]
        for t in range(512):
            score(kept[0][:, t], examples)

    one, scratch, keep = compare(lambda: curve(model, examples, 512, False), from_scratch, keeping_everything)
    state = examples.inputs.numel() * model.encode(examples.inputs).shape[-1] * 4
    show("from scratch for each t of 1, 2, 4 … 512 / one pass", f"{scratch / one:.2f}", "10 points against all 512")
    memory = f"{kept[0].nbytes / 2**20:.0f} MiB of logits against {state / 2**20:.1f} MiB of state"
    show("keeping every iteration's output / one pass", f"{keep / one:.2f}", memory)


class Rotation(LoopedTransformer):
    """A step of the same cost whose state goes round for ever."""

    def step(self, h: Tensor, e: Tensor) -> Tensor:
        return super().step(h, e) * 0 + h.flip(-1) + 0.1 * (e - e.flip(-1))


def retirement() -> None:
    """Leaving when settled against `--exact`, T = 4096 on 128 bits; 300 of the settled run on as the audit.

    A contraction saves at most what is not audited, so it has many strings and, to be done in minutes, a small width
    and large batches; what watching costs in vain is measured at the width and batch of the bundled models.
    """
    torch.manual_seed(0)
    small, usual = (
        LoopedTransformerConfig(width=width, heads=width // 16 or 1, recall="internal", norm="outer")
        for width in (8, 32)
    )
    retire("settles", LoopedTransformer(PrefixSums.shape, small).eval(), count=3000, batch_size=300, repeats=1)
    retire("goes round", Rotation(PrefixSums.shape, usual).eval(), count=32, batch_size=32, repeats=3)


def retire(name: str, model: LoopedModel, count: int, batch_size: int, repeats: int) -> None:
    examples = task.sample(128, seed=0, count=count)
    found: dict[bool, Curve] = {}

    def run(on: bool) -> None:
        found[on] = curve(model, examples, 4096, on, batch_size)

    exact, retiring = compare(partial(run, False), partial(run, True), repeats=repeats, warmup=False)
    assert found[False].correct == found[True].correct
    audit = found[True].audit
    detail = f"{audit.count} of {count} left, {audit.audited} audited, {audit.disagreements} disagreed"
    show(f"--exact / retirement, a model that {name}", f"{exact / retiring:.2f}", detail)


def masked_full_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    n = q.shape[1]
    start = (torch.arange(n) - 2).clamp(0, n - 5)[:, None]
    place = torch.arange(n)[None, :]
    mask = (place >= start) & (place < start + 5)
    return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=mask).transpose(1, 2)


def attention() -> None:
    """Local attention against masked full attention, 4 strings, 2 heads of 16 channels, forwards and backwards."""
    short, long = (attention_at(n) for n in (512, 4096))
    for name, a, b in zip(("local", "masked full"), short, long, strict=True):
        show(f"{name} attention, 4096 / 512 bits", f"{b / a:.1f}", "8 is linear, 64 quadratic")


def attention_at(n: int) -> list[float]:
    q, k, v = (torch.randn(4, n, 2, 16, requires_grad=True) for _ in range(3))

    def run(attend: Attend) -> None:
        attend(q, k, v).sum().backward()

    local, full = compare(partial(run, local_attention), partial(run, masked_full_attention))
    show(f"masked full / local attention, {n} bits", f"{full / local:.1f}", f"local {local * 1000:.1f} ms")
    return [local, full]


@torch.no_grad()
def compiling() -> None:
    """torch.compile on and off: a step on 32 strings, and what compiling costs first."""
    for bits in (64, 512):
        eager, compiled = load_model(MODEL), load_model(MODEL)
        inputs = task.sample(bits, seed=0, count=32).inputs
        begin = time.perf_counter()
        compile_step(compiled, inputs, any_batch=True)
        first = time.perf_counter() - begin
        off, on = compare(*(partial(run_steps, model, inputs, 20) for model in (eager, compiled)))
        off_us, on_us = (seconds / 20 / inputs.numel() * 1e6 for seconds in (off, on))
        detail = f"{off_us:.2f} → {on_us:.2f} µs a cell, after {first:.0f} s of compiling"
        show(f"step without / with torch.compile, {bits} bits", f"{off / on:.2f}", detail)


def run_steps(model: LoopedModel, inputs: Tensor, steps: int) -> None:
    final_state(trajectory(model, inputs, steps))


@torch.no_grad()
def peak() -> None:
    """FLOPs of the step's matrix products a second, as a share of a large matrix product's."""
    a = torch.randn(2048, 2048)
    inputs = task.sample(512, seed=0, count=32).inputs
    for width, heads in ((32, 2), (64, 4), (256, 8)):
        config = LoopedTransformerConfig(width=width, heads=heads, recall="recall", norm="outer")
        model = LoopedTransformer(PrefixSums.shape, config).eval()
        products = sum(2 * p.numel() for p in model.block.parameters() if p.ndim == 2) * inputs.numel()
        step, product = compare(partial(run_steps, model, inputs, 1), partial(torch.mm, a, a))
        rate, best = products / step / 1e9, 2 * 2048**3 / product / 1e9
        show(
            f"share of the matrix-product peak, width {width}",
            f"{rate / best:.0%}",
            f"{rate:.0f} of {best:.0f} GFLOP/s",
        )


SECTIONS = {
    "streaming": streaming,
    "retirement": retirement,
    "attention": attention,
    "compile": compiling,
    "peak": peak,
}

if __name__ == "__main__":
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for name in sys.argv[1:] or SECTIONS:
        SECTIONS[name]()
