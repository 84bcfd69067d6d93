"""The streaming pass: step, read out, score, count. The state of one batch is all that is kept."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loopbench.contracts import Examples, LoopedModel, Metric
from loopbench.devices import computing
from loopbench.evaluation.protocol import Protocol
from loopbench.evaluation.retirement import Audit, Watch
from loopbench.evaluation.verdicts import Verdicts
from loopbench.loop import trajectory

Report = Callable[[int], None]
"""Takes a number of steps of one example that are done, or need not be done."""


@dataclass(frozen=True)
class Curve:
    """What a pass counts.

    Attributes:
        correct: under each metric, the number of examples that are right after 1, 2, …, T iterations.
        verdicts: of the first metric.
        audit: of the examples that left early; if one disagreed, the counts are those of a second pass in full.
    """

    correct: dict[str, list[int]]
    verdicts: Verdicts
    audit: Audit


def measure_curve(
    model: LoopedModel,
    metrics: Sequence[Metric],
    examples: Examples,
    protocol: Protocol,
    recorded: list[int],
    device: torch.device,
    report: Report = lambda steps: None,
) -> Curve:
    """Iterate every example T times and count.

    Examples are visited in an order drawn from the protocol's seed, so that those that are audited are a random sample.

    Args:
        model: on `device`.
        recorded: the iterations at which every example's verdict is kept.
    """
    order = np.random.Generator(np.random.Philox(protocol.seed)).permutation(len(examples))
    batches = [order[first : first + protocol.batch_size] for first in range(0, len(examples), protocol.batch_size)]
    audit = Audit()
    with torch.no_grad(), computing(protocol.precision, device):
        for retiring in (True, False) if protocol.retirement else (False,):
            generator = torch.Generator(device).manual_seed(protocol.seed)
            counts = _Counts(len(metrics), protocol.iterations, len(examples), recorded, device)
            done = 0
            for rows in batches:
                chosen = examples.select(rows.tolist()).to(device)
                batch = _Batch(model, metrics, chosen, torch.as_tensor(rows, device=device), counts)
                for steps in batch.run(protocol.iterations, generator, audit if retiring else None):
                    done += steps
                    report(steps)
                if retiring and audit.disagreements:
                    report(-done)
                    break
            else:
                return Curve(counts.correct_by(metrics), counts.verdicts(), audit)
    raise AssertionError("a pass in full has no disagreements")


class _Counts:
    """The integers that outlive a batch, on the device: nothing here waits for it before the end."""

    def __init__(self, metrics: int, iterations: int, examples: int, recorded: list[int], device: torch.device) -> None:
        self.correct = torch.zeros(metrics, iterations, dtype=torch.int64, device=device)
        self.settled = torch.zeros(metrics, iterations + 1, dtype=torch.int64, device=device)
        self.first_solved = torch.zeros(examples, dtype=torch.int32, device=device)
        self.solved = torch.zeros(len(recorded), examples, dtype=torch.bool, device=device)
        self.place = {t: i for i, t in enumerate(recorded)}

    def add(self, t: int, right: Tensor, rows: Tensor) -> None:
        """The verdicts `(metrics, B)` at iteration t on the examples `rows`."""
        self.correct[:, t - 1] += right.sum(1)
        first = self.first_solved[rows]
        self.first_solved[rows] = first.where((first > 0) | ~right[0], t)
        if t in self.place:
            self.solved[self.place[t], rows] = right[0]

    def freeze(self, t: int, right: Tensor, rows: Tensor) -> None:
        """From t + 1 on the verdicts on the examples `rows` stay what they are at t."""
        self.settled[:, t] += right.sum(1)
        later = [i for at, i in self.place.items() if at > t]
        self.solved[later[0] :, rows] = right[0]

    def correct_by(self, metrics: Sequence[Metric]) -> dict[str, list[int]]:
        correct = (self.correct + self.settled.cumsum(1)[:, :-1]).cpu().numpy()
        return {metric.name: row.tolist() for metric, row in zip(metrics, correct, strict=True)}

    def verdicts(self) -> Verdicts:
        iterations = np.array(list(self.place), np.int32)
        return Verdicts(self.first_solved.cpu().numpy(), iterations, self.solved.cpu().numpy())


class _Batch:
    """Some examples on their way through T iterations."""

    def __init__(
        self, model: LoopedModel, metrics: Sequence[Metric], examples: Examples, rows: Tensor, counts: _Counts
    ) -> None:
        self.model = model
        self.metrics = metrics
        self.examples = examples
        self.rows = rows  # where the examples stand in the split
        self.counts = counts
        self.audited = torch.zeros_like(rows, dtype=torch.bool)
        self.promised = torch.zeros(len(metrics), len(rows), dtype=torch.bool, device=rows.device)
        self.broken = torch.zeros_like(self.audited)

    def run(self, iterations: int, generator: torch.Generator, audit: Audit | None) -> Generator[int]:
        """Iterate to the end, to an audit's first disagreement, or until everyone has left; yields the steps done."""
        watch = Watch()
        kept = None
        states = trajectory(self.model, self.examples.inputs, iterations, generator=generator)
        for t in range(1, iterations + 1):
            h = states.send(kept)
            kept = None
            logits = self.model.readout(h)
            right = torch.stack([metric.score(logits, self.examples).to(h.device) for metric in self.metrics])
            self.counts.add(t, right, self.rows)
            yield len(self.rows)
            if audit is None:
                continue
            self.broken |= self.audited & (right != self.promised).any(0)
            settled = watch.look(t, self.model.observe(h)) if t < iterations else None
            if settled is not None:
                kept = self._retire(t, settled, right, audit)
                if kept is not None:
                    yield (len(settled) - len(kept)) * (iterations - t)
                if not len(self.rows) or self.broken.any():
                    break
        if audit is not None:
            audit.disagreements += int(self.broken.sum())

    def _retire(self, t: int, settled: Tensor, right: Tensor, audit: Audit) -> Tensor | None:
        """Let the settled examples go, but for those that the audit keeps; the places of those that stay, if any go."""
        new = np.flatnonzero((settled & ~self.audited).cpu().numpy()).tolist()
        leaving = [place for place in new if not audit.runs_on()]
        self.promised[:, new] = right[:, new]
        self.audited[new] = True
        if not leaving:
            return None
        self.counts.freeze(t, right[:, leaving], self.rows[leaving])
        staying = sorted(set(range(len(self.rows))) - set(leaving))
        self.examples = self.examples.select(staying)
        kept = torch.tensor(staying, dtype=torch.int64, device=self.rows.device)
        self.rows, self.audited, self.broken = self.rows[kept], self.audited[kept], self.broken[kept]
        self.promised = self.promised[:, kept]
        return kept
