"""Each fault is caught, by a message that names it."""

import faulty_tasks as faulty
import pytest

from loopbench.testing import answers, check_task, splits
from loopbench.testing.contract import Check, contract, hold
from loopbench.testing.subject import Subject

FAULTS = [
    (faulty.HashSeed, splits.data_is_reproducible, "split easy\n.*\n.* in a fresh process with another PYTHONHASHSEED"),
    (faulty.Leak, splits.train_and_test_are_disjoint, r"batch 0 has \d+ of its 64 problems from .*easy"),
    (faulty.TwinOfItself, splits.train_and_test_are_disjoint, "split dev-hard\n(.|\n)*shares a problem with hard"),
    (faulty.Unchecked, splits.hashes_are_checked, "with another sha256 in the declaration, it loads all the same"),
    (faulty.FewerThanDeclared, splits.splits_are_declared, "it has 39 examples and declares 40"),
    (faulty.HashSeed, splits.splits_are_declared, "split easy has sha256 .* its data was changed"),
    (faulty.AnyName, splits.unknown_splits_are_refused, r"load\('no-such-split'\) gives examples"),
    (faulty.Disordered, splits.difficulty_is_ordered, "split easy after hard\n(.|\n)*its difficulty is 1 after 2"),
    (faulty.ShallowerWhenHard, splits.difficulty_is_ordered, "split hard after easy\n(.|\n)*its depth is 32 after 64"),
    (faulty.NoTwin, splits.difficulty_is_ordered, "there is no dev-hard"),
    (faulty.SameSample, splits.samples_are_fresh, "another seed gives the same examples"),
    (faulty.OneStream, splits.seeds_make_batches, r"first=2\) are not the third and fourth"),
    (faulty.UnknownSymbol, splits.splits_are_declared, "a symbol is not from 0 to vocab_size − 1 = 0"),
    (faulty.OneId, splits.splits_are_declared, "two examples have one id"),
    (faulty.Majority, answers.a_wrong_cell_scores_nothing, r"calls easy/0 right, though cell \(1,\) is wrong"),
    (faulty.CountsIgnored, answers.targets_score, "metric all calls the targets of easy/0 wrong"),
    (faulty.NaNIsRight, answers.non_finite_logits_are_wrong, "metric mean calls .* right with all logits nan"),
    (faulty.WrongSign, answers.loss_leads_to_the_targets, "exact calls the logits of easy/0 wrong: .* something else"),
    (
        faulty.OtherTargets,
        answers.loss_leads_to_the_targets,
        "exact calls the logits of easy/0 wrong: .* something else",
    ),
    (faulty.LossOfEach, answers.loss_leads_to_the_targets, r"it is \[0\.6.*\], not one finite number"),
    (faulty.LogOfZero, answers.loss_leads_to_the_targets, "it is -inf, not one finite number"),
    (faulty.TextPicture, answers.render_works, r"it gives a str, not a loopbench\.picture\.Picture"),
    (faulty.RightDrawnWrong, answers.render_works, "the targets of easy/0 are drawn as wrong"),
]


def test_the_sound_task_passes() -> None:
    check_task(faulty.Sound())


@pytest.mark.parametrize(("task", "checked", "message"), FAULTS, ids=lambda x: getattr(x, "__name__", ""))
def test_a_faulty_task(task: type, checked: Check[Subject], message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        hold(checked, Subject(task(), {}, samples=True))
    assert "where:    task 'toy'" in str(error.value)
    assert f"contract: {contract(checked)}" in str(error.value)
