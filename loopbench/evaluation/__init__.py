"""The curve: exact accuracy at every iteration, in one pass, kept as a record."""

from loopbench.evaluation.record import Record
from loopbench.evaluation.run import evaluate
from loopbench.evaluation.store import read_record

__all__ = ["Record", "evaluate", "read_record"]
