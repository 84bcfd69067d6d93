"""A diagnosis in some twenty lines of words and numbers."""

from loopbench.stability.diagnosis import Diagnosis
from loopbench.stability.estimate import Estimate

NONE = "–"


def facts(diagnosis: Diagnosis) -> dict[str, str]:
    """What is measured, by name, with the 95 % interval over examples in brackets; the same names for every model."""
    reach, dependence, geometry = diagnosis.reachability, diagnosis.input_dependence, diagnosis.geometry
    paths, paper, points = diagnosis.path_independence, diagnosis.paper, diagnosis.geometry.fixed_points
    same = paths.same if paths else {}
    last = geometry.spectra[-1].radius if geometry.spectra else None
    undefined = sum(point.undefined is not None for point in points.points)
    unreachable = sum(point.reachable is False for point in points.points)
    back = geometry.gradient.k[-1] if geometry.gradient else 0
    accuracy = {perturbed.level: f"{100 * perturbed.correct / perturbed.n:.0f}" for perturbed in paper.perturbed}
    return {
        "reached, %": _percent(reach.reached),
        "fates": ", ".join(f"{count} {fate}" for fate, count in reach.fates.items()),
        "state arrives at t": _number(reach.reached_at),
        "answer stays from t": _number(reach.answered_at),
        "contraction a step": _number(reach.rate),
        "Lyapunov exponent": _number(reach.lyapunov),
        "same point from starts, %": _percent(same.get("starts")),
        "same point from ends, %": _percent(same.get("ends")),
        "same point from draws, %": _percent(same.get("draws")),
        "asymptotic alignment": _number(paths.alignment if paths else None),
        "shuffled baseline": _number(paths.baseline if paths else None),
        "input-dependence": _number(dependence.ratio)
        if diagnosis.injects
        else f"{_number(dependence.ratio)}, no recall",
        "distinct fixed points": f"{dependence.distinct[-1].counts[-1]} of {dependence.converged}"
        if dependence.converged
        else NONE,
        "ρ(J) at T": _number(last),
        "ρ(J) at the fixed point": _number(points.radius),
        "sensitivity ‖∂h*/∂e‖": _number(points.sensitivity),
        "undefined, unreachable": f"{undefined}, {unreachable} of {len(points.points)}",
        "gradient over k": f"×{middle:.2g} in {back}"
        if geometry.gradient and (middle := geometry.gradient.median[-1]) is not None
        else NONE,
        "ρ(W_s)": NONE if paper.state_weight_radius is None else f"{paper.state_weight_radius:.3g}",
        "cos(h_T−1, h_T)": _number(paper.cosine),
        "cos > 0.99 from t": _number(paper.aligned_at),
        "‖h_T‖ / ‖h_1‖": _number(paper.norm_growth),
        "solved at T, %": accuracy[0.0],
        "with noisy weights, %": ", ".join(f"{rate} at {level:g}" for level, rate in accuracy.items() if level),
        "products J v, Jᵀ u": f"{diagnosis.cost.jvps:,}, {diagnosis.cost.vjps:,}",
        "seconds": f"{diagnosis.cost.wall_s:.0f}",
    }


def _number(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    return f"{100 * estimate.value:.0f} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
