"""A task's data: fixed splits, fresh samples and training batches."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise

import torch

from loopbench.contracts import IGNORED, Examples
from loopbench.errors import LoopbenchError
from loopbench.tasks.splits import canonical_sha256
from loopbench.testing.contract import broken
from loopbench.testing.subject import Subject

FRESH = "fresh process with another PYTHONHASHSEED"

_SCRIPT = """
import json, sys
sys.path[:], module, name, source, samples = json.load(sys.stdin)
from importlib import import_module
from loopbench.testing.splits import digests
from loopbench.testing.subject import Subject
print(json.dumps(digests(Subject(getattr(import_module(module), name)(), source, samples))))
"""


def splits_are_declared(subject: Subject) -> None:
    """A split holds what it declares: its count, its hash, unique ids, and symbols and classes of the task's shape."""
    for split, examples in subject.loaded():
        if len(examples) != split.count:
            broken(f"it has {len(examples)} examples and declares {split.count}")
        if (found := canonical_sha256(examples)) != split.sha256:
            broken(f"it has sha256 {found} and declares {split.sha256}")
        _check_examples(subject, examples)


def hashes_are_checked(subject: Subject) -> None:
    """load refuses a split whose data does not have the declared sha256, as `tasks.splits.checked` does."""
    for split in subject.splits:
        subject.at(f"split {split.name}")
        try:
            subject.with_hash(split, "0" * 64).load(split.name)
        except LoopbenchError:
            continue
        broken("with another sha256 in the declaration, it loads all the same")


def unknown_splits_are_refused(subject: Subject) -> None:
    """load says in a LoopbenchError that there is no such split, or nothing to read."""
    for name in ("no-such-split", None):
        try:
            subject.task.load(name)
        except LoopbenchError:
            continue
        except Exception as error:
            broken(f"load({name!r}) raises {type(error).__name__}: {error}")
        broken(f"load({name!r}) gives examples")


def difficulty_is_ordered(subject: Subject) -> None:
    """Splits are listed from easy to hard, and are not shallower when harder; each has a dev- twin that is as hard."""
    task = subject.task
    by_name = {split.name: split for split in task.splits}
    own = [split for split in task.splits if not split.name.startswith("dev-")]
    for split in task.splits:
        subject.at(f"split {split.name}")
        if not math.isfinite(split.difficulty):
            broken(f"its difficulty is {split.difficulty}")
        if split.depth < 1 or split.count < 1:
            broken(f"its depth is {split.depth} and its count {split.count}; both are at least 1")
        twin = by_name.get(f"dev-{split.name}")
        if split in own and twin is None:
            broken(f"there is no dev-{split.name}, on which choices are made that must not be made here")
        if twin and (twin.difficulty, twin.depth) != (split.difficulty, split.depth):
            broken(
                f"it has difficulty {split.difficulty:g} and depth {split.depth}, "
                f"its twin {twin.difficulty:g} and {twin.depth}"
            )
    benchmark = task.benchmark
    if benchmark and (missing := [name for name in benchmark.splits if name not in by_name]):
        subject.at("its benchmark")
        broken(f"there is no split {', '.join(missing)}")
    scored = [by_name[name] for name in benchmark.splits] if benchmark else [s for s in own if not s.downloaded]
    for easy, hard in pairwise(scored):
        subject.at(f"split {hard.name} after {easy.name}")
        if hard.difficulty < easy.difficulty:
            broken(f"its difficulty is {hard.difficulty} after {easy.difficulty}")
        if hard.depth < easy.depth:
            broken(f"its depth is {hard.depth} after {easy.depth}")


def data_is_reproducible(subject: Subject) -> None:
    """Splits, samples and training batches are the same in every process, whatever its hash seed."""
    here = digests(subject)
    again = digests(subject)
    there = _digests_elsewhere(subject)
    for other, where in ((again, "a second time in this process"), (there, f"in a {FRESH}")):
        for what, digest in here.items():
            subject.at(what)
            if other[what] != digest:
                broken(f"it is another one {where}")


def seeds_make_batches(subject: Subject) -> None:
    """Training batch i depends on (source, batch_size, seed, i) alone, and can be entered anywhere."""
    task, source = subject.task, subject.source
    subject.at("training batches")
    whole = list(islice(task.batches(source, 4, 0), 4))
    tail = list(islice(task.batches(source, 4, 0, first=2), 2))
    if any(canonical_sha256(a) != canonical_sha256(b) for a, b in zip(whole[2:], tail, strict=True)):
        broken("those from batches(…, first=2) are not the third and fourth of batches(…)")
    if canonical_sha256(whole[0]) == canonical_sha256(whole[1]):
        broken("batch 0 and batch 1 are the same")
    if canonical_sha256(whole[0]) == canonical_sha256(next(task.batches(source, 4, 1))):
        broken("another seed gives the same batch 0")
    for examples in whole:
        if len(examples) != 4:
            broken(f"a batch of 4 has {len(examples)} examples")
        _check_examples(subject, examples)


def samples_are_fresh(subject: Subject) -> None:
    """sample(difficulty, seed, count) gives so many new examples, decided by the seed; or says that it cannot."""
    for split in subject.sampled:
        subject.at(f"sample of the difficulty of {split.name}, {split.difficulty:g}")
        try:
            first, again, other = (subject.task.sample(split.difficulty, seed, 4) for seed in (1, 1, 2))
        except LoopbenchError:
            continue
        if len(first) != 4:
            broken(f"4 examples were asked for, and it has {len(first)}")
        if canonical_sha256(first) != canonical_sha256(again):
            broken("the same seed gives other examples the second time")
        if canonical_sha256(first) == canonical_sha256(other):
            broken("another seed gives the same examples")
        _check_examples(subject, first)


def train_and_test_are_disjoint(subject: Subject) -> None:
    """No problem of a fixed split is trained on, and none is in two splits: not in a test split and its dev- twin."""
    seen: dict[bytes, str] = {}
    for split, examples in subject.loaded():
        for problem in _problems(examples):
            if (other := seen.setdefault(problem, split.name)) != split.name:
                broken(f"it shares a problem with {other}")
    subject.at("training batches")
    for number, examples in enumerate(islice(subject.task.batches(subject.source, 64, 0), 16)):
        if leaked := [seen[problem] for problem in _problems(examples) if problem in seen]:
            broken(f"batch {number} has {len(leaked)} of its 64 problems from {', '.join(sorted(set(leaked)))}")


def digests(subject: Subject) -> dict[str, str]:
    """The hash of everything that a task generates or ships, or what is said in its place."""
    task, batches = subject.task, islice(subject.task.batches(subject.source, 4, 0), 2)
    found = {f"split {split.name}": _digest(partial(task.load, split.name)) for split in subject.splits}
    for split in subject.sampled:
        found[f"sample of the difficulty of {split.name}"] = _digest(partial(task.sample, split.difficulty, 1, 4))
    return found | {f"training batch {i}": canonical_sha256(batch) for i, batch in enumerate(batches)}


def _digest(make: Callable[[], Examples]) -> str:
    try:
        return canonical_sha256(make())
    except LoopbenchError as error:  # other data than declared: the message has its hash
        return str(error)


def _digests_elsewhere(subject: Subject) -> dict[str, str]:
    task = type(subject.task)
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    request = json.dumps([sys.path, task.__module__, task.__qualname__, subject.settings, subject.samples])
    command = [sys.executable, "-c", _SCRIPT]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    subject.at(f"class {task.__module__}.{task.__qualname__}")
    done = subprocess.run(command, input=request, env=environment, capture_output=True, text=True)
    if done.returncode:
        broken(f"in a {FRESH}, made without arguments, it fails: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _problems(examples: Examples) -> list[bytes]:
    return [f"{tuple(row.shape)}".encode() + row.numpy().tobytes() for row in examples.inputs]


def _check_examples(subject: Subject, examples: Examples) -> None:
    shape = subject.task.shape
    for what, tensor in (("inputs", examples.inputs), ("targets", examples.targets)):
        if tensor.dtype != torch.int64:
            broken(f"its {what} are {tensor.dtype}, not int64")
        fits = [open_ is None or open_ == size for open_, size in zip(shape.grid, tensor.shape[1:], strict=False)]
        if len(tensor) != len(examples.ids) or tensor.dim() != 1 + len(shape.grid) or not all(fits):
            broken(
                f"its {what} have shape {tuple(tensor.shape)}; it must be (B, *{shape.grid}) with "
                f"B = {len(examples.ids)} ids"
            )
    if examples.inputs.shape != examples.targets.shape:
        broken("its inputs and targets have different shapes")
    if not ((examples.inputs >= 0) & (examples.inputs < shape.vocab_size)).all():
        broken(f"a symbol is not from 0 to vocab_size − 1 = {shape.vocab_size - 1}")
    counting = examples.targets != IGNORED
    if not ((examples.targets >= 0) & (examples.targets < shape.num_classes) | ~counting).all():
        broken(f"a target is neither from 0 to num_classes − 1 = {shape.num_classes - 1} nor IGNORED ({IGNORED})")
    if not counting.flatten(1).any(1).all():
        broken("in an example no cell counts")
    if len(set(examples.ids)) < len(examples.ids):
        broken("two examples have one id")
    if wrong := [key for key, values in examples.extra.items() if len(values) != len(examples.ids)]:
        broken(f"extra[{wrong[0]!r}] has not one value for each example")
