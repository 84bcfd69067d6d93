"""One transformer layer: an attention sub-block, then an MLP sub-block."""

from torch import Tensor, nn

from loopbench.models.attention import Attend, Attention
from loopbench.models.norm import NORMS
from loopbench.models.recall import RECALLS


class MLP(nn.Sequential):
    """Linear, exact GELU, Linear."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))


class Block(nn.Module):
    """Both sub-blocks with one recall rule and one norm rule, chosen independently.

    Each sub-block F does  s ← join(s, F(inject(pre(s), e))).  Shapes: `(B, *grid, width)` for the stream `s` and the
    injected input `e`.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: int, recall: str, norm: str, attend: Attend) -> None:
        super().__init__()
        self.recall = RECALLS[recall](width)
        self.norm = NORMS[norm](width)
        self.attention = Attention(width, heads, attend)
        self.mlp = MLP(width, mlp_ratio)

    def forward(self, s: Tensor, e: Tensor) -> Tensor:
        s = self.recall.before(s, e)
        for branch in (self.attention, self.mlp):
            s = self.norm.join(s, branch(self.recall.inject(self.norm.pre(s), e)))
        return s
