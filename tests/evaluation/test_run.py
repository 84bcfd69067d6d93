import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from evaluation_toys import FirstBits, Toy
from torch import Tensor

from loopbench import LoopbenchError, load_model, save_model
from loopbench.contracts import LoopedModel, Metric
from loopbench.evaluation import evaluate, read_record, run
from loopbench.evaluation.cell import prepare
from loopbench.evaluation.flops import flops_per_step
from loopbench.evaluation.protocol import Settings, make_protocol
from loopbench.evaluation.run import estimate_seconds
from loopbench.hub import build_model
from loopbench.models.transformer import FixedDepthTransformer

TASK = FirstBits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model that answers differently from one iteration to the next."""
    torch.manual_seed(3)
    config = {"width": 8, "heads": 2, "recall": "none", "norm": "outer"}
    path = tmp_path_factory.mktemp("models") / "toy"
    save_model(path, build_model("looped-transformer", config, "prefix-sums"), train_iterations=4)
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
    assert evaluate(model, TASK, "bits-6").protocol.batch_size == 100 // 6


def test_a_batch_has_an_example_however_large() -> None:
    task = FirstBits()
    settings, examples = Settings(), task.load("bits-12")
    task.batch_cells = 5
    assert make_protocol(Toy(lambda h, e: h), task, task.splits[-1], examples, settings).batch_size == 1


def test_the_fixed_depth_control_runs_once(tmp_path: Path) -> None:
    save_model(tmp_path, build_model("fixed-depth", {"width": 8, "heads": 2}, "prefix-sums"))
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
    cell = prepare(model, TASK, "bits-12", Settings(iterations=1))
    width, cells, window_ends = 8, 12, 4
    linear = 2 * cells * (3 + 1 + 4 + 4) * width**2
    attention_at_the_ends = 2 * 2 * window_ends * 5 * width
    assert flops_per_step(cell.placed_model(), cell.examples.inputs[:1]) == linear + attention_at_the_ends


def test_an_estimate_takes_no_more_iterations_than_a_model_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_model(tmp_path, build_model("fixed-depth", {"width": 8, "heads": 2}, "prefix-sums"))
    cell = prepare(load_model(str(tmp_path)), TASK, "bits-6", Settings())
    steps: list[Tensor] = []
    step = FixedDepthTransformer.step
    monkeypatch.setattr(FixedDepthTransformer, "step", lambda *given: steps.append(step(*given)) or steps[-1])
    assert estimate_seconds(cell) > 0
    assert len(steps) == 1


def test_an_estimate_grows_with_the_work(model: LoopedModel) -> None:
    few, many = (prepare(model, TASK, "bits-8", Settings(iterations=T)) for T in (10, 100_000))
    assert estimate_seconds(many) > estimate_seconds(few)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"split": "bits-7"}, "no split 'bits-7'; it has bits-6, bits-8"),
        ({"task": "prefix-sum"}, "unknown task 'prefix-sum'"),
        ({"iterations": 0}, "cannot evaluate: iterations: .*greater than or equal to 1"),
        ({"iterations": 10**7}, "iterations: .*less than or equal to 1000000"),
        ({"iterations": "x"}, "iterations: .*valid integer"),
        ({"iterations": 2.0}, "iterations: .*valid integer"),
        ({"batch_size": 0}, "batch_size: .*greater than or equal to 1"),
        ({"seed": -1}, "seed: .*greater than or equal to 0"),
        ({"limit": 0}, "limit: .*greater than or equal to 1"),
        ({"limit": True}, "limit: .*valid integer"),
        ({"exact": "no"}, "exact: .*valid boolean"),
        ({"device": 0}, "device: .*valid string"),
        ({"output": 5}, "output: .*path"),
        ({"model": "looped-prefix-sums"}, "model must be what load_model gives, not 'looped-prefix-sums'"),
        ({"task": 5}, "task must be a name or what load_task gives, not 5"),
        ({"split": None}, "name a split of task first-bits, or a file"),
        ({"data": "x.txt"}, "split bits-6 of task first-bits is generated: it is not read from a file"),
        ({"split": None, "task": "prefix-sums", "data": "x.txt"}, "task prefix-sums reads no files"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cuda:99"}, "not here"),
        ({"precision": "float16"}, "precision: .*'float64', 'float32'"),
        ({"precision": "tf32", "device": "cpu"}, "needs a CUDA device"),
        ({"output": "/dev/null/results"}, "cannot write to /dev/null/results"),
        ({"output": "/proc/results"}, "cannot write to /proc/results: nothing can be made there"),  # root may write
        ({"output": __file__}, "cannot write to"),
    ],
)
def test_bad_input_is_refused_in_one_line(model: LoopedModel, changed: dict[str, object], message: str) -> None:
    with pytest.raises(LoopbenchError, match=message) as refused:
        evaluate(**{"model": model, "task": TASK, "split": "bits-6"} | changed)
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
from evaluation_toys import FirstBits, Toy
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
