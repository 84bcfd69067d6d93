"""A model goes to the Hub and comes back, by the real client."""

import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, constants, parse_eval_result_entries
from loopback import TOKEN, Hub

from loopbench.cli import main
from loopbench.evaluation import Record, read_record
from loopbench.registry import find

MODEL, REPO = "prefix-sums-recall-s0", "org/looped"
PROTOCOL = ("--split", "bits-32", "--split", "bits-64", "--limit", "8", "--iterations", "40")


@pytest.fixture
def run(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`loopbench …` in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def loopbench(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["loopbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return loopbench


def records(folder: str) -> dict[str, Record]:
    return {record.split.name: record for record in map(read_record, Path(folder).glob("*.json"))}


def measured(record: Record) -> dict[str, object]:
    """What two evaluations of the same weights agree on."""
    dumped = record.model_dump(mode="json", exclude={"created", "cost", "environment"})
    return dumped | {"model": {k: v for k, v in dumped["model"].items() if k not in ("ref", "repo", "revision")}}


def test_a_bundled_model_goes_to_the_hub_and_comes_back_the_same(
    hub: Hub, run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("eval", "--model", MODEL, *PROTOCOL) == 0
    assert run("push", MODEL, "--repo", REPO, "--tag", "v1", "--token", TOKEN) == 0
    commit = hub.repos[REPO].refs["main"]
    out = capsys.readouterr().out
    assert f"{hub.endpoint}/{REPO}/commit/{commit}" in out
    assert f"loopbench models pin {MODEL} --repo {REPO} --revision {commit}" in out
    assert hub.repos[REPO].tags == {"v1": commit}

    assert run("eval", "--model", f"hub:{REPO}", *PROTOCOL, "--output", "again") == 0
    bundled, published = records("results"), records("again")
    assert {name: measured(record) for name, record in published.items()} == {
        name: measured(record) for name, record in bundled.items()
    }
    assert {(r.model.repo, r.model.revision) for r in published.values()} == {(REPO, commit)}

    hub.requests.clear()
    assert run("eval", "--model", f"hub:{REPO}@{commit}", *PROTOCOL, "--output", "pinned") == 0
    assert hub.requests == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for ref in (f"hub:{REPO}", f"hub:{REPO}@{commit}"):
        assert run("eval", "--model", ref, *PROTOCOL, "--output", ref.replace("/", "-"), "--force") == 0
        assert {record.model.revision for record in records(ref.replace("/", "-")).values()} == {commit}
    assert hub.requests == []


def test_what_is_pushed_and_nothing_else(
    hub: Hub, run, toy_files: dict[str, bytes], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("runs/mine")
    folder.mkdir(parents=True)
    for name, content in toy_files.items():
        (folder / name).write_bytes(content)
    (folder / "recipe.yaml").write_text(
        "{task: prefix-sums, architecture: recall-outer, objective: {name: progressive}, steps: 1, batch_size: 1, "
        "optimizer: {lr: 0.001}, init: 'hub:org/first@" + 40 * "1" + "'}"
    )
    for name in (".lock", "log.jsonl", "checkpoint.safetensors", "secrets.env"):
        (folder / name).write_text("not for others")
    assert run("eval", "--model", str(folder), "--split", "bits-32", "--iterations", "12") == 0
    hub.publish(REPO, {"records/of-before.json": b"{}", "recipe.yaml": b"", "LICENSE": b"mine", "README.md": b""})
    assert run("push", "./runs/mine", "--repo", REPO, "--token", TOKEN) == 0
    files = hub.repos[REPO].commits[hub.repos[REPO].refs["main"]]
    (record,) = records("results").values()
    assert record.per_example is not None
    assert files.keys() == {
        *("config.json", "model.safetensors", "README.md", "recipe.yaml", "curve.png", ".eval_results/loopbench.yaml"),
        *(f"records/{name}" for name in (record.file_name, record.per_example.file)),
        "LICENSE",
    }
    assert files["model.safetensors"] == toy_files["model.safetensors"]
    assert b"not for others" not in b"".join(files.values())
    card = ModelCard(files["README.md"].decode())
    assert card.data.base_model == "org/first"
    assert f"which begins with those of `hub:org/first@{40 * '1'}`:" in card.text
    assert "no licence, so nobody may use the model: give --license" in capsys.readouterr().err
    assert "hub:org/looped: Warnings while validating metadata in README.md: - empty or missing license" in caplog.text


def test_the_card_parses_back(hub: Hub, run, toy_files: dict[str, bytes]) -> None:
    Path("toy").mkdir()
    for name, content in toy_files.items():
        (Path("toy") / name).write_bytes(content)
    Path("toy/README.md").write_text("---\nlicense: mit\ntags: [mine]\nx: 1\n---\n# My toy\n\nA <b>text</b> of mine.\n")
    assert run("eval", "--model", "./toy", "--split", "bits-32", "--iterations", "12", "--seed", "3", "--exact") == 0
    for _ in range(2):
        assert run("push", "./toy", "--repo", REPO, "--token", TOKEN, "--tag", f"v{len(hub.repos)}") == 0
        files = hub.repos[REPO].commits[hub.repos[REPO].refs["main"]]
        Path("toy/README.md").write_bytes(files["README.md"])  # as somebody does who clones it and pushes it again
        hub.repos[REPO].tags.clear()
    card = ModelCard(files["README.md"].decode())
    assert card.data.license == "mit"
    assert card.data["x"] == 1
    assert card.data.tags == ["mine", "loopbench", "looped-transformer", "prefix-sums", "recall-outer"]
    (record,) = records("results").values()
    (result,) = card.data.eval_results
    assert (result.dataset_split, result.metric_type) == ("bits-32", "accuracy")
    assert result.metric_value == 100 * record.primary.correct[-1] / 500
    assert card.text.count("# My toy\n\nA <b>text</b> of mine.") == card.text.count("## Results") == 1
    command = f"loopbench eval --model hub:{REPO}@v1 --split bits-32 --iterations 12 --batch-size 128 --seed 3 --exact"
    assert command in card.text
    (entry,) = parse_eval_result_entries(yaml.safe_load(files[".eval_results/loopbench.yaml"]))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("loopbench/prefix-sums", "bits-32", result.metric_value)
    assert entry.date == record.created
    assert entry.source_url == f"{hub.endpoint}/{REPO}/tree/v1/records"
    assert files["curve.png"].startswith(b"\x89PNG")


def test_a_dry_run_asks_nobody(hub: Hub, run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("push", MODEL, "--repo", REPO, "--dry-run") == 0
    out, err = capsys.readouterr()
    assert hub.requests == []
    assert "model.safetensors" in out
    assert "license: apache-2.0" in out
    assert "no records of prefix-sums-recall-s0 in results" in err


def test_the_card_has_every_metric_of_the_task(run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("eval", "--model", "looped-chess", "--split", "mate-1", "--limit", "2", "--iterations", "1") == 0
    assert run("push", "looped-chess", "--repo", REPO, "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| split |") and line.endswith("| `move` at T, % |") for line in lines)
    (row,) = (line for line in lines if line.startswith("| mate-1 | first 2 of 1,000 |"))
    (record,) = records("results").values()
    assert row.split(" | ")[-1] == f"{50 * record.curves['move'].correct[-1]:.1f} |"
    assert any(line.startswith("Solved: right by the metric `squares`.") for line in lines)


def test_a_pull_request(hub: Hub, run, capsys: pytest.CaptureFixture[str]) -> None:
    before = hub.publish(REPO, {})
    assert run("push", MODEL, "--repo", REPO, "--create-pr", "--token", TOKEN) == 0
    out = capsys.readouterr().out
    assert f"{hub.endpoint}/{REPO}/discussions/1" in out
    assert hub.repos[REPO].refs["main"] == before
    assert run("models", "show", f"hub:{REPO}@refs/pr/1") == 0
    assert find(MODEL).sha256 in capsys.readouterr().out


def test_a_private_repository(hub: Hub, run, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    assert run("push", MODEL, "--repo", REPO, "--private", "--token", TOKEN) == 0
    assert hub.repos[REPO].private
    capsys.readouterr()
    assert run("models", "show", f"hub:{REPO}") == 2
    err = capsys.readouterr().err
    assert err == f"error: hub:{REPO}: no such repository; a private one needs --token or `hf auth login`\n"
    assert run("models", "show", f"hub:{REPO}", "--token", "hf_wrong") == 2
    assert "hf_wrong" not in capsys.readouterr().err
    diagnose = ("diagnose", "--model", f"hub:{REPO}", "--iterations", "4")
    assert run(*diagnose) == run(*diagnose, "--token", TOKEN) == 2
    without, with_token = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert "no such repository" in without
    assert "iterations must be at least 16" in with_token
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert run("models", "show", f"hub:{REPO}") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repo", "looped"], "--repo must be ORG/NAME, not 'looped'"),
        (["--repo", "org/a b"], "--repo: Repo id must"),
        (["--tag", "v 1"], "--tag must be a name like v1, not 'v 1'"),
        (["--tag", "v1", "--create-pr"], "a pull request has no tag yet"),
        (["--tag", "v0"], f"hub:{REPO} has a tag v0 already"),
        (["--private"], f"hub:{REPO} is public: --private only decides how a repository is made"),
        (["--license", "nonsense"], 'Invalid metadata in README.md. - "license" must be one of [apache-2.0, mit]'),
        (["--token", "hf_wrong"], "the Hub wants another token"),
        (["--repo", "org/nowhere", "--create-pr"], "hub:org/nowhere: no such repository"),
    ],
)
def test_a_push_that_is_refused_changes_nothing(
    hub: Hub, run, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    commit = hub.publish(REPO, {"README.md": b"before"})
    hub.repos[REPO].tags["v0"] = commit
    assert run("push", MODEL, "--repo", REPO, "--token", TOKEN, *arguments) == 2
    err = capsys.readouterr().err.splitlines()
    assert message in err[-1]
    assert hub.repos[REPO].refs == {"main": commit}


def test_links_are_not_followed(run, capsys: pytest.CaptureFixture[str], toy_files: dict[str, bytes]) -> None:
    Path("toy").mkdir()
    for name, content in toy_files.items():
        (Path("toy") / name).write_bytes(content)
    Path("secret").write_text("of this machine")
    Path("toy/README.md").unlink()
    Path("toy/README.md").symlink_to("../secret")
    assert run("push", "./toy", "--repo", REPO, "--dry-run") == 2
    assert "toy/README.md is a link: only files are published" in capsys.readouterr().err
