import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from evaluation_toys import FirstBits

from loopbench import LoopbenchError, load_model, save_model
from loopbench.contracts import LoopedModel, Metric
from loopbench.evaluation import evaluate, read_record, run
from loopbench.evaluation.cell import prepare
from loopbench.evaluation.run import estimate_seconds, flops_per_step
from loopbench.hub import build_model, model_config

TASK = FirstBits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model that answers differently from one iteration to the next."""
    torch.manual_seed(3)
    config = model_config(
        "looped-transformer", {"width": 8, "heads": 2, "recall": "none", "norm": "outer"}, "prefix-sums", 4
    )
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model(config.architecture, config.config, config.task), config)
    return path


@pytest.fixture
def model(folder: Path) -> LoopedModel:
    return load_model(str(folder))


def test_a_record_says_what_was_run(model: LoopedModel, tmp_path: Path) -> None:
    record = evaluate(model, TASK, "bits-8", 20, output=tmp_path, batch_size=7, seed=5)
    assert model.info is not None
    assert record.model.weights_sha256 == model.info.weights_sha256
    assert record.model.train_iterations == 4
    assert record.task.name == "first-bits"
    assert (record.split.name, record.split.difficulty, record.examples.count) == ("bits-8", 8, 40)
    assert record.protocol.model_dump() == {
        "iterations": 20,
        "precision": "float32",
        "batch_size": 7,
        "retirement": True,
        "seed": 5,
    }
    assert record.environment.torch == torch.__version__
    assert record.environment.threads == torch.get_num_threads()
    assert record.cost is not None
    assert record.cost.peak_memory_bytes > 10**7
    assert not record.partial
    saved = read_record(tmp_path / record.file_name)
    assert saved == record
    assert 0 < record.primary.correct[-1] < 40


def test_the_default_is_8_d_and_the_tasks_batch(model: LoopedModel) -> None:
    assert evaluate(model, TASK, "bits-6").protocol.iterations == 64
    assert evaluate(model, TASK, "bits-6").protocol.batch_size == 16


def test_the_fixed_depth_control_runs_once(tmp_path: Path) -> None:
    config = model_config("fixed-depth", {"width": 8, "heads": 2}, "prefix-sums")
    save_model(tmp_path, build_model(config.architecture, config.config, config.task), config)
    control = load_model(str(tmp_path))
    assert evaluate(control, TASK, "bits-6").protocol.iterations == 1
    with pytest.raises(LoopbenchError, match="iterations must be 1, not 2"):
        evaluate(control, TASK, "bits-6", 2)


def test_the_model_is_left_as_it_is(model: LoopedModel) -> None:
    before = deepcopy(model.state_dict())
    model.train()
    evaluate(model, TASK, "bits-6", 3, precision="float64")
    assert model.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_limit_makes_a_partial_record_of_its_own(model: LoopedModel, tmp_path: Path) -> None:
    whole = evaluate(model, TASK, "bits-8", 4, output=tmp_path)
    part = evaluate(model, TASK, "bits-8", 4, limit=10, output=tmp_path)
    assert part.partial
    assert part.primary.n == 10
    assert part.verdicts.first_solved.tolist() == whole.verdicts.first_solved[:10].tolist()
    assert evaluate(model, TASK, "bits-8", 4, limit=99).partial is False


def test_what_is_complete_is_not_run_again(model: LoopedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = evaluate(model, TASK, "bits-8", 12, output=tmp_path)

    def no_run(*args: object) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(run, "measure_curve", no_run)
    assert evaluate(model, TASK, "bits-8", 12, output=tmp_path) == long
    short = evaluate(model, TASK, "bits-8", 5, output=tmp_path, batch_size=3)
    assert short.primary.correct == long.primary.correct[:5]
    for changed in ({"force": True}, {"iterations": 13}, {"seed": 1}, {"exact": True}, {"precision": "float64"}):
        with pytest.raises(AssertionError, match="it ran"):
            evaluate(model, TASK, "bits-8", **{"iterations": 12, "output": tmp_path} | changed)
    assert evaluate(model, TASK, "bits-8", 12, output=tmp_path) == long, "a failed run leaves what was there"


def test_a_forced_run_with_fewer_iterations_does_not_lose_the_longer_record(model: LoopedModel, tmp_path: Path) -> None:
    long = evaluate(model, TASK, "bits-8", 12, output=tmp_path)
    assert evaluate(model, TASK, "bits-8", 5, output=tmp_path, force=True).protocol.iterations == 5
    assert evaluate(model, TASK, "bits-8", 12, output=tmp_path) == long


def test_a_cut_record_knows_that_its_run_went_on(model: LoopedModel, tmp_path: Path) -> None:
    assert not evaluate(model, TASK, "bits-8", 12, output=tmp_path).cut
    assert evaluate(model, TASK, "bits-8", 5, output=tmp_path).cut


def test_a_run_that_fails_leaves_a_started_record(model: LoopedModel, tmp_path: Path) -> None:
    class Failing(FirstBits):
        metrics = (Metric("exact", lambda logits, examples: 1 / 0),)

    with pytest.raises(ZeroDivisionError):
        evaluate(model, Failing(), "bits-8", 4, output=tmp_path)
    (path,) = tmp_path.iterdir()
    assert read_record(path).status == "started"
    assert evaluate(model, TASK, "bits-8", 4, output=tmp_path).status == "complete"
    assert read_record(path).status == "complete"


def test_coarse_rounding_retires_nothing(model: LoopedModel) -> None:
    assert not evaluate(model, TASK, "bits-6", 64, precision="bf16-autocast").protocol.retirement
    assert not evaluate(model, TASK, "bits-6", 64, exact=True).protocol.retirement


def test_flops_are_those_of_the_matrix_products(model: LoopedModel) -> None:
    cell = prepare(model, TASK, "bits-12", 1)
    width, cells, window_ends = 8, 12, 4
    linear = 2 * cells * (3 + 1 + 4 + 4) * width**2
    attention_at_the_ends = 2 * 2 * window_ends * 5 * width
    assert flops_per_step(cell, cell.placed_model()) == linear + attention_at_the_ends


def test_an_estimate_grows_with_the_work(model: LoopedModel) -> None:
    assert estimate_seconds(prepare(model, TASK, "bits-8", 100_000)) > estimate_seconds(
        prepare(model, TASK, "bits-8", 10)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "bits-7"}, "no split 'bits-7'; it has bits-6, bits-8"),
        ({"task": "prefix-sum"}, "unknown task 'prefix-sum'"),
        ({"iterations": 0}, "iterations must be between 1 and 1000000, not 0"),
        ({"iterations": 10**7}, "iterations must be between"),
        ({"batch_size": 0}, "batch size must be between 1"),
        ({"seed": -1}, "seed must be between 0"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cuda:99"}, "not here"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"precision": "tf32", "device": "cpu"}, "needs a CUDA device"),
        ({"output": "/dev/null/results"}, "cannot write to /dev/null/results"),
        ({"output": __file__}, "cannot write to"),
    ],
)
def test_bad_input_is_refused_in_one_line(model: LoopedModel, changed: dict[str, object], message: str) -> None:
    with pytest.raises(LoopbenchError, match=message) as refused:
        evaluate(model, **{"task": TASK, "split": "bits-6"} | changed)
    assert "\n" not in str(refused.value)


def test_weights_that_were_changed_are_refused(model: LoopedModel) -> None:
    with torch.no_grad():
        next(model.parameters()).add_(1)
    with pytest.raises(LoopbenchError, match=r"weights.* changed since"):
        evaluate(model, TASK, "bits-6", 1)


def test_a_task_of_other_symbols_is_refused(model: LoopedModel) -> None:
    class Boards(FirstBits):
        name = "boards"
        shape = FirstBits.shape.__class__(10, 10, (9, 9))

    with pytest.raises(LoopbenchError, match="made for task prefix-sums, whose symbols are not those of boards"):
        evaluate(model, Boards(), "bits-6", 1)


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from evaluation_toys import FirstBits
from loopbench import load_model
from loopbench.evaluation import evaluate, read_record

model, undisturbed, killed = load_model(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])

def records(folder):
    return {path.name: read_record(path) for path in sorted(folder.glob("*.json"))}

def start(output):
    if child := os.fork():
        return child
    for split in FirstBits.splits:
        evaluate(model, FirstBits(), split.name, 100, output=output)
    os._exit(0)

begin = time.perf_counter()
assert os.waitpid(start(undisturbed), 0)[1] == 0
wall = time.perf_counter() - begin
draw = random.Random(0)
for kill in range(3):
    child = start(killed)
    time.sleep(draw.uniform(0.1, 0.5) * wall)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    complete = {name: record for name, record in records(killed).items() if record.status == "complete"}
    print(kill, "killed after", len(complete), "complete records")
assert os.waitpid(start(killed), 0)[1] == 0
ended = records(killed)
assert all(ended[name] == record for name, record in complete.items()), "a complete cell ran again"
counts = [{name: record.curves for name, record in records(folder).items()} for folder in (undisturbed, killed)]
assert len(counts[0]) == 4
assert counts[0] == counts[1]
"""

MEMORY = """
import resource, torch
from evaluation_toys import EXACT, Toy, protocol, toy_examples
from loopbench.evaluation.curve import measure_curve
turn = torch.linalg.qr(torch.randn(64, 64))[0]
peaks = []
for T in (100, 10_000):
    model = Toy(lambda h, e: h @ turn, start=lambda e: e + 1)
    measure_curve(model, [EXACT], toy_examples(64, 64), protocol(T, batch_size=64), [1, T], torch.device("cpu"))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
assert peaks[1] < 1.05 * peaks[0], peaks
"""


@pytest.mark.parametrize("script", [KILLS, MEMORY], ids=["kill it whenever you like", "memory does not grow with T"])
def test_in_a_process_of_its_own(script: str, folder: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script, str(folder), str(tmp_path / "undisturbed"), str(tmp_path / "killed")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
