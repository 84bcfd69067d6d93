"""What a precision stands for while something is computed, and nothing after it."""

import pytest
import torch

from loopbench.devices import computing
from loopbench.errors import LoopbenchError


@pytest.mark.parametrize("before", [True, False])
def test_float32_is_neither_tf32_in_matrix_products_nor_in_convolutions(
    monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", before)
    with computing("float32", torch.device("cpu")):
        assert torch.get_float32_matmul_precision() == "highest"
        assert torch.backends.cudnn.allow_tf32 is False
    assert torch.backends.cudnn.allow_tf32 is before


def test_tf32_needs_a_gpu() -> None:
    with pytest.raises(LoopbenchError, match="tf32 needs a CUDA device"), computing("tf32", torch.device("cpu")):
        pass
