"""Verifying in real sandboxes, with real wheels: one honest entry, and all the others."""

import json
import os
import socket
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from made_entries import SCORED
from made_plugins import XOR, model_files, submitted

from loopbench.cli import main
from loopbench.leaderboard.model_files import ModelFiles
from loopbench.leaderboard.verification import Verification
from loopbench.leaderboard.verify import Plan, verify
from loopbench.tasks.prefix_sums import PrefixSums

PLAN = Plan(seed=7, commit=None, share=0.05, seconds=600)
ZEROS = torch.zeros(2, 2)


def verified(folder: Path, body: str = "", weights: torch.Tensor = XOR, plan: Plan = PLAN) -> Verification:
    """The verification of an entry that says of these weights that they solve everything."""
    files = model_files(weights)
    return verify(submitted(folder / "entry", files, textwrap.indent(textwrap.dedent(body), "    ")), files, plan)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(
        sys, "argv", ["loopbench", "leaderboard", "verify", "--seed", "5", "--share", "0.01", *arguments]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_entries_that_cannot_be_read_or_fetched_do_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    results, files = tmp_path / "results", model_files()
    submitted(results / "gone", model_files(ZEROS), splits=SCORED)
    submitted(results / "kept", files, splits=SCORED)
    files.write(tmp_path / "models" / files.weights_sha256)
    (results / "broken").mkdir()
    (results / "broken" / "submission.yaml").write_text("name: [")
    assert run(monkeypatch, str(results)) == 1
    broken, gone, kept = capsys.readouterr().out.splitlines()
    assert broken.startswith("broken: ")
    assert "not valid YAML" in broken
    assert gone.startswith("gone: ")
    assert "HF_HUB_OFFLINE is set" in gone
    assert kept == "kept: verified"
    assert [path.parent.name for path in results.glob("*/verification.json")] == ["kept"]


def test_a_folder_that_is_not_there_is_a_wrong_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "there is no submission in" in capsys.readouterr().err
    assert run(monkeypatch, str(tmp_path / "nothing")) == 2
    assert "nothing is not a folder" in capsys.readouterr().err


def test_a_swapped_weights_file(tmp_path: Path) -> None:
    entry = submitted(tmp_path / "entry", model_files())
    found = verify(entry, model_files(ZEROS), PLAN)
    assert found.verdict == "refused"
    assert "but the submission says" in found.reasons[0]
    assert "other weights were evaluated" in found.reasons[0]


def test_weights_that_do_not_solve_what_is_reported(tmp_path: Path) -> None:
    """Whatever the plugin does to the metrics, the task and the harness where it runs."""
    found = verified(
        tmp_path,
        """
        import loopbench.contracts, loopbench.loop, loopbench.tasks.metrics, loopbench.tasks.prefix_sums
        right = lambda logits, examples: torch.ones(len(examples), dtype=torch.bool)
        loopbench.tasks.metrics.exact_accuracy = loopbench.tasks.prefix_sums.exact_accuracy = right
        loopbench.tasks.prefix_sums.PrefixSums.metrics = (loopbench.contracts.Metric("exact", right),)
        """,
        ZEROS,
    )
    assert found.verdict == "mismatch"
    run = found.splits["bits-32"].reproduced
    assert (run.n, run.reported, run.found, run.flips) == (25, [25] * 4, [0] * 4, [25] * 4)
    assert "of 25 examples 25 were reported right at t = 64 and 0 are; 25 verdicts differ" in found.reasons[0]


def test_costs_that_are_not_the_models(tmp_path: Path) -> None:
    files = model_files()
    body = "def step(self, h, e):\n        return (h.float() @ torch.eye(h.shape[1])).long()"
    found = verify(submitted(tmp_path / "entry", files, f"    {body}"), files, PLAN)
    assert found.verdict == "refused"
    assert found.reasons == ["a step has 2,048 FLOPs on bits-32, but the record says 0"]


def test_another_number_of_training_iterations(tmp_path: Path) -> None:
    files = model_files()
    config = json.loads(files.config) | {"train_iterations": 30}
    found = verify(submitted(tmp_path / "entry", files), ModelFiles(json.dumps(config).encode(), files.weights), PLAN)
    assert found.verdict == "refused"
    assert "train_iterations None, but config.json says 30" in found.reasons[0]


def test_a_clock_that_the_submission_keeps_to_itself(tmp_path: Path) -> None:
    body = "globals()['Architecture'] = __import__('functools').partial(Architecture, time_dependent=True)"
    found = verified(tmp_path, body)
    said = "its package says that the update depends on t, but submission.yaml says otherwise"
    assert (found.verdict, found.reasons) == ("refused", [said])


MEMORY = """
def __init__(self):
    super().__init__()
    self.table = nn.Parameter(torch.rand({shape}))

def step(self, h, e):
    return h

def readout(self, h):
    known, answers = self.table.float().round().long().unbind(1)
    at = (h[:, None] == known).float().mean(-1).argmax(1)
    right = (h == known[at]).all(1, keepdim=True)
    return nn.functional.one_hot(torch.where(right, answers[at], 0), 2).float()
"""


def test_a_public_split_that_was_memorized(tmp_path: Path) -> None:
    """Trained on the test split, or on nothing else: right on that, lost on strings like them."""
    public = PrefixSums().load("bits-32")
    found = verified(tmp_path, MEMORY, torch.stack((public.inputs, public.targets), 1).float())
    assert found.verdict == "mismatch", found.reasons
    split = found.splits["bits-32"]
    assert split.reproduced.agrees
    assert split.untrained.agrees
    assert split.fresh
    assert split.fresh.correct == [0] * 4
    assert found.reasons[0].startswith("bits-32: 500 of 500 were reported right at t = 64, but of fresh examples like ")
    assert found.reasons[0].endswith("it knows the public ones")


SOLVERS = {
    "encode": "def encode(self, inputs): return inputs.cumsum(1) % 2\n\ndef step(self, h, e): return h",
    "readout": """
def step(self, h, e):
    return h

def readout(self, h):
    return nn.functional.one_hot(h.cumsum(1) % 2, 2).float()
""",
    "labels": """
def step(self, h, e):
    return h

def readout(self, h):
    from loopbench.plugins import get_task
    known = get_task("prefix-sums").load("bits-32")
    answers = {tuple(bits): sums for bits, sums in zip(known.inputs.tolist(), known.targets)}
    sums = [answers.get(tuple(bits), torch.zeros(32, dtype=torch.long)) for bits in h.tolist()]
    return nn.functional.one_hot(torch.stack(sums), 2).float()
""",
}


@pytest.mark.parametrize("where", SOLVERS)
def test_a_solver_in_the_code(tmp_path: Path, where: str) -> None:
    """It needs no training: computed in `encode` or `readout`, or read where the labels of the public split are."""
    found = verified(tmp_path, SOLVERS[where], ZEROS)
    assert found.splits["bits-32"].untrained.correct == [25] * 4
    assert found.verdict == "refused"
    assert found.reasons[0].startswith(
        "bits-32: with weights that were never trained 25 of 25 are right, where chance "
    )
    assert found.reasons[0].endswith("the solver is in the code")


SPY = """
def encode(self, inputs):
    import ctypes, os, pathlib, socket, subprocess, sys
    print("garbage " * 10000)
    caught = []

    def attempt(what, action):
        try:
            result = action()
        except (OSError, MemoryError, RuntimeError):
            return
        if result:
            caught.append((what, str(result)[:80]))

    attempt("network", lambda: socket.create_connection(("127.0.0.1", PORT), 2))
    attempt("name", lambda: socket.getaddrinfo("example.org", 80))
    attempt("secret", lambda: [value for value in os.environ.values() if "s3cret" in value])
    for file in pathlib.Path("/proc").glob("[0-9]*/environ"):
        attempt("environment", lambda: b"s3cret" in file.read_bytes())
    attempt("processes", lambda: len(list(pathlib.Path("/proc").glob("[0-9]*"))) > 2)
    attempt("parent", lambda: pathlib.Path("/proc/PARENT").exists())
    attempt("submission", lambda: list(pathlib.Path("FOLDER").iterdir()))
    attempt("passwords", lambda: pathlib.Path("/etc/passwd").read_bytes())
    for place in ("/", "/code", "/model", "/plugin", "/dev", "/dev/shm", "/proc", sys.prefix, "/usr/lib"):
        attempt("write", lambda: pathlib.Path(place, "mine").write_bytes(b"x"))
    attempt("fork", lambda: os.fork() or os._exit(0))
    attempt("command", lambda: subprocess.run(["/bin/true"]))
    attempt("disk", lambda: pathlib.Path("/scratch/big").write_bytes(bytes(1 << 27)))
    attempt("memory", lambda: bytearray(5 << 30))
    libc = ctypes.CDLL(None, use_errno=True)
    for name, arguments in (("ptrace", (16, 1, 0, 0)), ("unshare", (0x10000000,)), ("memfd_create", (b"x", 0)),
                            ("setuid", (1,)), ("chroot", (b"/",)), ("mount", (b"x", b"/scratch", b"tmpfs", 0, 0))):
        attempt(name, lambda: getattr(libc, name)(*arguments) >= 0)
    assert not caught, caught
    return inputs
"""


def test_a_plugin_reaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network, secrets, files, other processes, system calls: it tries them all, and then behaves."""
    monkeypatch.setenv("SECRET", "s3cret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        body = SPY.replace("PORT", str(server.getsockname()[1])).replace("PARENT", str(os.getpid()))
        found = verified(tmp_path, body.replace("FOLDER", str(tmp_path / "entry")))
    assert (found.verdict, found.reasons) == ("verified", [])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("__import__('socket').create_connection(('1.1.1.1', 80))", "Network is unreachable"),
        ("__import__('os').fork()", "Operation not permitted"),
        ("open('/usr/mine', 'w')", "Read-only file system: '/usr/mine'"),
        ("bytearray(64 << 30)", "MemoryError"),
        ("__import__('os').write(4, b'junk' * 1000)", "something else than"),
    ],
)
def test_what_is_tried_is_said(tmp_path: Path, action: str, message: str) -> None:
    body = f"""
    def encode(self, inputs):
        {action}
        return inputs
    """
    found = verified(tmp_path, body)
    assert found.verdict == "refused"
    assert found.splits == {}
    assert found.reasons[0].startswith("the model's process failed: ")
    assert message in found.reasons[0]


def test_a_model_that_never_ends(tmp_path: Path) -> None:
    plan = Plan(seed=7, commit=None, share=0.05, seconds=5)
    found = verified(tmp_path, "__import__('time').sleep(3600)", plan=plan)
    assert (found.verdict, found.reasons) == ("refused", ["the model's process was not done after 5 s"])
