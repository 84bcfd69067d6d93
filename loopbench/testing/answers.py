"""What a task says of an answer: its metrics, its loss and its picture."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from loopbench.contracts import IGNORED, Examples
from loopbench.picture import Picture
from loopbench.testing.contract import broken
from loopbench.testing.subject import Subject
from loopbench.watch.frames import Frame
from loopbench.watch.svg import draw

SURE = 8.0  # a logit that leaves no doubt
LOOKED_AT = 3  # examples of each split
WRONG_CELLS = 12  # of each of these
DESCENT = 40


def targets_score(subject: Subject) -> None:
    """Logits that say the targets are right under every metric, whatever they say where a cell does not count."""
    for examples in _some(subject):
        for metric in subject.task.metrics:
            verdicts = metric.score(_logits(subject, examples, examples.targets), examples)
            if verdicts.shape != (len(examples),) or verdicts.dtype != torch.bool:
                broken(f"metric {metric.name} gives {verdicts.dtype} of shape {tuple(verdicts.shape)}, not (B,) bool")
            if not verdicts.all():
                broken(f"metric {metric.name} calls the targets of {_first(examples, ~verdicts)} wrong")


def a_wrong_cell_scores_nothing(subject: Subject) -> None:
    """One wrong cell of those that count makes an example wrong under the primary metric."""
    metric = subject.task.metrics[0]
    for examples in _some(subject):
        for row in range(len(examples)):
            for cell in _cells(examples, row):
                target = examples.targets[row][cell]
                logits = _logits(subject, examples, examples.targets)
                logits[(row, *cell)] = 0.0
                logits[(row, *cell, (target + 1) % subject.task.shape.num_classes)] = 2 * SURE
                verdicts = metric.score(logits, examples)
                if verdicts[row]:
                    broken(f"metric {metric.name} calls {examples.ids[row]} right, though cell {cell} is wrong")
                if not torch.cat((verdicts[:row], verdicts[row + 1 :])).all():
                    broken(f"metric {metric.name} calls another example wrong for a wrong cell in {examples.ids[row]}")


def non_finite_logits_are_wrong(subject: Subject) -> None:
    """Logits that are not finite are wrong under every metric: a diverged model solves nothing."""
    for examples in _some(subject):
        for metric in subject.task.metrics:
            for value in (float("nan"), float("inf"), float("-inf")):
                verdicts = metric.score(torch.full_like(_logits(subject, examples, examples.targets), value), examples)
                if verdicts.any():
                    broken(f"metric {metric.name} calls {_first(examples, verdicts)} right with all logits {value}")


def loss_leads_to_the_targets(subject: Subject) -> None:
    """The loss is a finite scalar that falls at every step of descent, to logits that the metric calls right."""
    task = subject.task
    for examples in _some(subject):
        logits = torch.zeros(*examples.inputs.shape, task.shape.num_classes, requires_grad=True)
        optimizer = torch.optim.Adam([logits], lr=0.2)
        losses: list[float] = []
        for _ in range(DESCENT):
            loss = task.loss(logits, examples)
            if loss.shape != () or not loss.isfinite():
                broken(f"it is {loss.detach().numpy()}, not one finite number")
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()  # pyright: ignore[reportUnknownMemberType]: untyped
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]: untyped
            if len(losses) > 1 and not losses[-1] < losses[-2]:
                broken(f"after {len(losses) - 1} steps of descent it went from {losses[-2]:.6g} to {losses[-1]:.6g}")
        if not (verdicts := task.metrics[0].score(logits.detach(), examples)).all():
            broken(
                f"after descent from {losses[0]:.3g} to {losses[-1]:.3g}, {task.metrics[0].name} calls the logits of "
                f"{_first(examples, ~verdicts)} wrong: the loss asks for something else"
            )
        if not task.loss(logits.detach().bfloat16(), examples).isfinite():
            broken("in bfloat16, as under autocast, it is not finite")


def render_works(subject: Subject) -> None:
    """render gives a Picture that `loopbench watch` can draw, of any logits; the targets show no error."""
    for examples in _some(subject):
        for right, logits in (
            (True, _logits(subject, examples, examples.targets)),
            (False, torch.randn(*examples.inputs.shape, subject.task.shape.num_classes)),
            (False, torch.full((*examples.inputs.shape, subject.task.shape.num_classes), float("nan"))),
        ):
            picture = cast(object, subject.task.render(examples, logits, 0))
            if not isinstance(picture, Picture):
                broken(f"it gives a {type(picture).__name__}, not a loopbench.picture.Picture")
            if right and any(cell.right is False for row in picture.rows for cell in row):
                broken(f"the targets of {examples.ids[0]} are drawn as wrong")
            draw([Frame(1, picture, frozenset(), 0, 0, right, 0.0)], "model", examples.ids[0], animated=False)


def _some(subject: Subject) -> Iterator[Examples]:
    """The first examples of every split that needs no network."""
    for _, examples in subject.loaded():
        yield examples.select(range(min(LOOKED_AT, len(examples))))


def _logits(subject: Subject, examples: Examples, answer: Tensor) -> Tensor:
    """Logits that say an answer, and something random where a cell does not count."""
    counts = answer != IGNORED
    said = SURE * F.one_hot(answer.where(counts, 0), subject.task.shape.num_classes).float()
    noise = torch.randn(said.shape, generator=torch.Generator().manual_seed(0))
    return said.where(counts[..., None], SURE * noise)


def _cells(examples: Examples, row: int) -> list[tuple[int, ...]]:
    """Some of the cells that count, spread over the example."""
    cells: list[list[int]] = (examples.targets[row] != IGNORED).nonzero().numpy().tolist()
    return [tuple(cell) for cell in cells[:: max(1, len(cells) // WRONG_CELLS)]]


def _first(examples: Examples, rows: Tensor) -> str:
    return examples.ids[int(rows.nonzero()[0])]
