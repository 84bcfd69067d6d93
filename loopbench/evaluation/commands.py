"""The commands that make records again."""

import shlex
from collections.abc import Iterable

from loopbench.evaluation.record import Record


def eval_commands(ref: str, records: Iterable[Record]) -> list[str]:
    """The commands that make the records again, one for all splits with the same options."""
    splits: dict[tuple[str, ...], list[str]] = {}
    for record in sorted(records, key=lambda record: (record.split.difficulty, record.split.name)):
        splits.setdefault(_options(record), []).extend(("--split", record.split.name))
    return [shlex.join(["loopbench", "eval", "--model", ref, *of, *options]) for options, of in splits.items()]


def _options(record: Record) -> tuple[str, ...]:
    protocol, compiled = record.protocol, record.environment.compiled
    settles = protocol.precision in ("float32", "float64")  # with the others nothing retires, whatever is asked
    options = {
        "--iterations": protocol.iterations,
        "--batch-size": protocol.batch_size,
        "--limit": record.examples.count if record.partial else None,
        "--seed": protocol.seed or None,
        "--precision": protocol.precision if protocol.precision != "float32" else None,
    }
    flags = {"--exact": settles and not protocol.retirement, "--compile": compiled}
    words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
    return *words, *(flag for flag, wanted in flags.items() if wanted)
