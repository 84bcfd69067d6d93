import hashlib
from itertools import islice

import pytest
import torch

from loopbench.contracts import Examples
from loopbench.errors import LoopbenchError
from loopbench.tasks import prefix_sums
from loopbench.tasks.prefix_sums import SPLITS, PrefixSums, PrefixSumsSource
from loopbench.validation import validate

task = PrefixSums()


def rows(examples: Examples) -> set[bytes]:
    return {row.numpy().tobytes() for row in examples.inputs}


@pytest.mark.parametrize("split", task.splits, ids=lambda split: split.name)
def test_every_split_loads_against_its_hash_and_has_its_twin(split) -> None:
    examples = task.load(split.name)
    assert examples.inputs.shape == (split.count, split.difficulty)
    assert examples.inputs.dtype == examples.targets.dtype == torch.int64
    twin = split.name.removeprefix("dev-") if split.name.startswith("dev-") else f"dev-{split.name}"
    assert not rows(examples) & rows(task.load(twin))


def test_bits_come_from_shake_256_alone() -> None:
    """The definition, written out a second time: the k-th bit of the stream, most significant first."""
    stream = hashlib.shake_256(b"loopbench/prefix-sums/1/bits-32/0").digest(4)
    assert task.load("bits-32").inputs[0].tolist() == [int(bit) for bit in f"{int.from_bytes(stream):032b}"]


def test_targets_are_running_sums_modulo_two() -> None:
    examples = task.sample(7, seed=3, count=5)
    for bits, sums in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        assert sums == [sum(bits[: i + 1]) % 2 for i in range(7)]


def test_a_changed_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PrefixSums, "version", 2)
    with pytest.raises(LoopbenchError, match="its data was changed"):
        task.load("bits-32")


def test_samples_depend_on_the_seed_and_on_nothing_else() -> None:
    assert torch.equal(task.sample(64, 1, 10).inputs, PrefixSums().sample(64, 1, 10).inputs)
    assert not torch.equal(task.sample(64, 1, 10).inputs, task.sample(64, 2, 10).inputs)


@pytest.mark.parametrize("difficulty", [0, -1, 2.5, 10**9])
def test_impossible_difficulties_are_refused(difficulty: float) -> None:
    with pytest.raises(LoopbenchError, match="number of bits"):
        task.sample(difficulty, 0, 1)


def test_an_unknown_split_names_the_known_ones() -> None:
    with pytest.raises(LoopbenchError, match="no split 'bits-33'; it has bits-32"):
        task.load("bits-33")


def test_batches_can_be_entered_anywhere() -> None:
    source = PrefixSumsSource(bits=16)
    whole = list(islice(task.batches(source, 8, seed=5), 6))
    tail = list(islice(task.batches(source, 8, seed=5, first=4), 2))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(whole[4:], tail, strict=True))
    assert not torch.equal(whole[0].inputs, whole[1].inputs)


def test_a_fixed_set_is_gone_through_once_an_epoch() -> None:
    source = PrefixSumsSource(bits=24, strings=20)
    epochs = [list(islice(task.batches(source, 6, seed=5, first=3 * epoch), 3)) for epoch in range(2)]
    first, second = ({row for batch in epoch for row in rows(batch)} for epoch in epochs)
    assert len(first) == len(second) == 18  # 20 strings, batches of 6: the last two wait for another epoch
    assert len(first | second) <= 20
    assert [rows(batch) for batch in epochs[0]] != [rows(batch) for batch in epochs[1]]


def test_leading_ones_are_as_many_as_asked_for() -> None:
    for share in (0.0, 0.3, 1.0):
        bits = next(task.batches(PrefixSumsSource(bits=16, leading_ones=share), 20_000, seed=1)).inputs
        for run, probability in ((5, share + (1 - share) / 32), (7, share / 4 + (1 - share) / 128)):
            found = bits[:, :run].all(1).double().mean().item()
            assert abs(found - probability) <= 5 * (probability * (1 - probability) / 20_000) ** 0.5


def test_a_fixed_set_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(LoopbenchError, match="less than one batch"):
        next(task.batches(PrefixSumsSource(strings=5), 6, seed=0))


def test_training_never_draws_a_string_of_a_fixed_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """With splits of 4 bits, where chance alone would draw them all the time."""
    held_out = torch.tensor([[0, 0, 0, 0], [1, 0, 1, 1]])
    strings = frozenset(row.to(torch.uint8).numpy().tobytes() for row in held_out)
    monkeypatch.setattr(prefix_sums, "_held_out", lambda bits: strings)
    for source in (PrefixSumsSource(bits=4), PrefixSumsSource(bits=4, strings=64)):
        drawn = {row for batch in islice(task.batches(source, 32, seed=0), 8) for row in rows(batch)}
        assert len(drawn) == 14
        assert not drawn & {row.numpy().tobytes() for row in held_out}


def test_the_held_out_strings_are_those_of_the_splits() -> None:
    assert len(prefix_sums._held_out(32)) == 1000
    assert prefix_sums._held_out(31) == set()


def test_the_truth_scores_one_and_a_wrong_or_broken_cell_zero() -> None:
    examples = task.sample(9, seed=0, count=3)
    logits = torch.nn.functional.one_hot(examples.targets, 2).float()
    score = task.metrics[0].score
    assert score(logits, examples).tolist() == [True, True, True]
    logits[1, 4] = logits[1, 4].flip(0)
    logits[2, 0, 0] = float("nan")
    assert score(logits, examples).tolist() == [True, False, False]


def test_render_shows_where_the_answer_is_wrong() -> None:
    examples = task.sample(5, seed=0, count=1)
    logits = torch.nn.functional.one_hot(examples.targets, 2).float()
    logits[0, 3] = logits[0, 3].flip(0)
    logits[0, 4, 0] = float("nan")
    bits, sums = task.render(examples, logits, 0).rows
    assert [cell.text for cell in bits] == [str(bit) for bit in examples.inputs[0].tolist()]
    assert all(cell.given and cell.right is None for cell in bits)
    assert [cell.right for cell in sums] == [True, True, True, False, False]


def test_unknown_training_settings_are_refused() -> None:
    with pytest.raises(LoopbenchError, match="bitz"):
        validate(PrefixSumsSource, {"bitz": 3}, "data")


def test_dev_twins_have_the_same_sizes() -> None:
    assert {name: SPLITS[f"dev-{name}"][:2] for name in SPLITS if not name.startswith("dev-")} == {
        name: spec[:2] for name, spec in SPLITS.items() if not name.startswith("dev-")
    }
