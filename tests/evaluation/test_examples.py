"""Local files: evaluated as splits of their own, which never pass for official ones."""

import re
from pathlib import Path

import pytest
from evaluation_toys import BitsInFiles, FirstBits

from loopbench.errors import LoopbenchError
from loopbench.evaluation.examples import load_examples
from loopbench.evaluation.record import EvaluatedSplit
from loopbench.tasks.splits import canonical_sha256

TASK = BitsInFiles()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my bits.txt"
    path.write_text("00000000\n8:11111111\n10101010\n")
    return path


def test_an_official_split_is_what_the_task_says() -> None:
    split, examples = load_examples(TASK, "bits-10", None)
    assert split is TASK.splits[2]
    assert examples.inputs.equal(FirstBits().load("bits-10").inputs)


def test_all_of_a_file_is_a_split_named_after_it(file: Path) -> None:
    split, examples = load_examples(TASK, None, file)
    assert examples.inputs[:, 0].tolist() == [0, 1, 1]
    assert (split.name, split.difficulty, split.depth, split.count) == ("local-my-bits.txt", 0, 64, 3)
    assert (split.source, split.sha256) == ("local", canonical_sha256(examples))


def test_a_copy_of_the_data_set_gives_the_split_under_another_name(file: Path) -> None:
    split, examples = load_examples(TASK, "eights", file)
    assert examples.inputs.tolist() == [[1] * 8]
    assert (split.name, split.difficulty, split.depth, split.count) == ("local-eights", 8, 16, 1)
    assert split.sha256 == canonical_sha256(examples)


def test_the_same_examples_have_the_same_hash_whatever_the_file(file: Path) -> None:
    other = file.rename(file.with_name("other"))
    other.write_text(other.read_text().replace("8:", ""))
    one, two = (load_examples(TASK, None, other)[0] for _ in range(2))
    assert one == two
    other.write_text("0" * 8)
    assert load_examples(TASK, None, other)[0].sha256 != one.sha256


@pytest.mark.parametrize("name", ["x" * 300, "пазл 1.txt", "a:b|c.csv", "…", "-rf", "x\n\x1b[31m"])
def test_any_file_name_makes_a_name_that_a_record_takes(tmp_path: Path, name: str) -> None:
    file = tmp_path / name[:200]
    file.write_text("0" * 8)
    split, _ = load_examples(TASK, None, file)
    EvaluatedSplit(name=split.name, difficulty=split.difficulty, count=split.count, data_sha256=split.sha256)
    assert split.name.startswith("local-")


@pytest.mark.parametrize(
    ("split", "lines", "message"),
    [
        ("bits-6", "0" * 8, "split bits-6 of task first-bits is generated: it is not read from a file"),
        ("bits-7", "0" * 8, "no split 'bits-7'"),
        ("eights", "0" * 8, "bits.txt has no example of split eights"),
        (None, "", "bits.txt has no example"),
    ],
)
def test_what_is_no_split_is_refused(file: Path, split: str | None, lines: str, message: str) -> None:
    file.write_text(lines)
    with pytest.raises(LoopbenchError, match=re.escape(message)):
        load_examples(TASK, split, file)


def test_a_task_need_not_be_able_to_skip_bad_rows(file: Path) -> None:
    with pytest.raises(LoopbenchError, match="task first-bits cannot skip the bad rows of a file"):
        load_examples(TASK, None, file, skip_bad=True)
    with pytest.raises(LoopbenchError, match="only a file has bad rows to skip, and bits-6 is not read from one"):
        load_examples(TASK, "bits-6", None, skip_bad=True)
