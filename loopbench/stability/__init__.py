"""Where a loop goes and why: reachability, input-dependence and geometry, measured through the contract alone.

    course = follow(model, inputs, iterations=128)
    measure_reachability(model, course)
    starts = follow_from_elsewhere(model, course)
    measure_input_dependence(model, starts)
    measure_spectra(*sample(model, course, 8))

A step may not mix the examples of a batch.
"""

from loopbench.stability.course import Course, follow
from loopbench.stability.diagnosis import Diagnosis, read_diagnosis
from loopbench.stability.fixed_points import measure_fixed_points
from loopbench.stability.gradient import measure_gradient_growth
from loopbench.stability.input_dependence import measure_input_dependence
from loopbench.stability.paper import measure_paper
from loopbench.stability.reachability import measure_reachability
from loopbench.stability.run import diagnose
from loopbench.stability.spectrum import measure_growth, measure_spectra, sample
from loopbench.stability.starts import follow_from_elsewhere, measure_path_independence

__all__ = [
    "Course",
    "Diagnosis",
    "diagnose",
    "follow",
    "follow_from_elsewhere",
    "measure_fixed_points",
    "measure_gradient_growth",
    "measure_growth",
    "measure_input_dependence",
    "measure_paper",
    "measure_path_independence",
    "measure_reachability",
    "measure_spectra",
    "read_diagnosis",
    "sample",
]
