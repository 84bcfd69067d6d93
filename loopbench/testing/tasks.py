"""All contracts of a task."""

from loopbench.testing import answers, splits
from loopbench.testing.contract import Check
from loopbench.testing.subject import Subject

CHECKS: tuple[Check[Subject], ...] = (
    splits.splits_are_declared,
    splits.hashes_are_checked,
    splits.unknown_splits_are_refused,
    splits.difficulty_is_ordered,
    splits.data_is_reproducible,
    splits.seeds_make_batches,
    splits.samples_are_fresh,
    splits.train_and_test_are_disjoint,
    answers.targets_score,
    answers.a_wrong_cell_scores_nothing,
    answers.non_finite_logits_are_wrong,
    answers.loss_leads_to_the_targets,
    answers.render_works,
)
"""Each is a plain function of a `Subject`; its docstring says what the contract is."""
