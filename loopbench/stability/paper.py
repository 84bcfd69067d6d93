"""What the paper itself looks at (https://arxiv.org/abs/2604.15259), beside the three axes."""

from copy import deepcopy
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator

from loopbench.contracts import Examples, LoopedModel, Metric
from loopbench.evaluation.protocol import Stored
from loopbench.evaluation.record import Count
from loopbench.loop import final_state, trajectory
from loopbench.models.recall import InternalRecall, Recall
from loopbench.stability.course import Course
from loopbench.stability.estimate import Estimate, Positive, median
from loopbench.stability.vectors import to_values

ALIGNED = 0.99
LEVELS = (0.0, 0.003, 0.01, 0.03, 0.1)
DRAWS = 2


class Perturbed(Stored):
    """Accuracy with every weight w of a tensor W moved to w + level · rms(W) · ξ, ξ standard normal."""

    level: float = Field(ge=0, description="size of the perturbation; 0: the model as it is")
    correct: Count = Field(description="right at T under the primary metric, over all draws")
    n: Positive = Field(description="examples times draws")


class PaperMeasures(Stored):
    state_weight_radius: float | None = Field(
        description="ρ(W_s) of the matrix that recall multiplies the state by, where the architecture has one"
    )
    cosine: Estimate | None = Field(description="median cos(h_{T−1}, h_T)")
    aligned_at: Estimate | None = Field(description="median first t with cos(h_{t−1}, h_t) > 0.99, where there is one")
    norm_growth: Estimate | None = Field(description="median ‖h_T‖ / ‖h_1‖")
    perturbed: list[Perturbed] = Field(description="accuracy under weight perturbation, at level 0 too")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if all(perturbed.level for perturbed in self.perturbed):
            raise ValueError("perturbed lacks level 0")
        return self


def measure_paper(model: LoopedModel, course: Course, examples: Examples, metric: Metric) -> PaperMeasures:
    """The paper's own measures.

    Args:
        examples: the first of those that were followed, to measure accuracy on.
    """
    aligned = course.cosines > ALIGNED
    first = np.where(aligned.any(0), aligned.argmax(0) + 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = course.norms[-1] / course.norms[1]
    return PaperMeasures(
        state_weight_radius=state_weight_radius(model),
        cosine=median(course.cosines[-1]),
        aligned_at=median(first),
        norm_growth=median(growth),
        perturbed=[perturb(model, examples, metric, course.iterations, level) for level in LEVELS],
    )


def state_weight_radius(model: LoopedModel) -> float | None:
    """ρ(W_s), the largest if there are several; `None` without recall of this package's kind."""
    weights = [module.state.weight for module in model.modules() if isinstance(module, Recall | InternalRecall)]
    radii = [float(np.abs(np.linalg.eigvals(to_values(weight))).max()) for weight in weights]
    return max(radii, default=None)


def perturb(model: LoopedModel, examples: Examples, metric: Metric, iterations: int, level: float) -> Perturbed:
    """Accuracy at T with noise on every weight, over two seeded draws of the noise."""
    correct, draws = 0, DRAWS if level else 1
    for draw in range(draws):
        noisy = deepcopy(model)
        generator = torch.Generator().manual_seed(draw)
        with torch.no_grad():
            for weight in noisy.parameters():
                noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight)
                weight.add_(level * weight.square().mean().sqrt() * noise)
            start = torch.Generator(examples.inputs.device).manual_seed(0)
            end = final_state(trajectory(noisy, examples.inputs, iterations, generator=start))
            correct += int(metric.score(noisy.readout(end), examples).sum())
    return Perturbed(level=level, correct=correct, n=draws * len(examples))
