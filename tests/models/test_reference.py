"""The update rules against logits computed by the paper author's code (github.com/ashlab11/generalization, 227c103).

`fixtures/` keeps six of the 24 cells of {boards, sequences} × recall × norm; LOOPBENCH_REFERENCE names a folder with
all of them.
"""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from loopbench.contracts import TaskShape
from loopbench.models.transformer import LoopedTransformer, LoopedTransformerConfig

FOLDER = Path(os.environ.get("LOOPBENCH_REFERENCE", Path(__file__).parents[1] / "fixtures"))
FILES = sorted(FOLDER.glob("*-*-*.safetensors"))
SHAPES = {
    "boards": TaskShape(10, 10, (9, 9)),
    "sequences": TaskShape(2, 2, (None,), features=((-0.5,), (0.5,))),
}
# ours <- theirs; Wx acts on the state and Wh on the input
NAMES = {
    "projection": "encoder.linear",
    "recur_blocks.0.Wx": "block.recall.state",
    "recur_blocks.0.Wh": "block.recall.input",
    "recur_blocks.0.attn.qkv": "block.attention.qkv",
    "recur_blocks.0.attn.q_norm": "block.attention.query_norm",
    "recur_blocks.0.attn.k_norm": "block.attention.key_norm",
    "recur_blocks.0.attn.out_proj": "block.attention.output",
    "recur_blocks.0.mlp": "block.mlp",
    "recur_blocks.0.pre_norm_func": "block.norm.pre",
    "recur_blocks.0.peri_norm_func": "block.norm.peri",
    "recur_blocks.0.post_norm_func": "block.norm.post",
    "recur_blocks.0.gru": "block.norm.gate",
    "head": "head",
}


def rename(theirs: str) -> str:
    prefix = max((p for p in NAMES if theirs.startswith(p + ".")), key=len)
    return NAMES[prefix] + theirs[len(prefix) :]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_logits_agree_with_the_authors_code(file: Path) -> None:
    tensors = load_file(file)
    kind, recall, norm = file.stem.split("-")
    config = LoopedTransformerConfig(width=64, heads=8, recall=recall, norm=norm)
    model = LoopedTransformer(SHAPES[kind], config).double()
    weights = {
        rename(name.removeprefix("weight.")): tensor.double()
        for name, tensor in tensors.items()
        if name.startswith("weight.")
    }
    model.load_state_dict(weights, strict=True)

    with torch.no_grad():
        e = model.encode(tensors["input"])
        h = model.start(e)
        for t in range(1, 11):
            h = model.step(h, e)
            if t in (1, 2, 10):
                expected = tensors[f"logits.{t}"]
                error = (model.readout(h) - expected).abs().max() / expected.abs().max()
                assert error < 1e-9, f"relative error {error:.1e} at t = {t}"


def test_there_are_reference_files() -> None:
    assert len(FILES) >= 6
