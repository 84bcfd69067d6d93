"""Records on disk. The file of verdicts is written before the record that names it, and each of them whole."""

import contextlib
from pathlib import Path

from loopbench.errors import LoopbenchError
from loopbench.evaluation.record import Record
from loopbench.evaluation.verdicts import max_packed_bytes, unpack
from loopbench.files import check_writable, remove_leftovers, sha256, write_bytes, write_json
from loopbench.validation import read_bytes, read_json, validate

MAX_RECORD_BYTES = 64 * 2**20
DIGEST = "[0-9a-f]" * 16


def open_store(folder: Path) -> None:
    """Make sure that records can be written to a folder, and remove what killed writers left there.

    Raises:
        LoopbenchError: they cannot.
    """
    check_writable(folder)
    for ending in ("json", "gz"):
        remove_leftovers(folder, f"*.{DIGEST}.{ending}")


def read_record(path: Path) -> Record:
    """A record, with its verdicts if it is complete.

    Raises:
        LoopbenchError: either file is missing, too large, or anything else than what `save_record` writes.
    """
    record = validate(Record, read_json(path, MAX_RECORD_BYTES), str(path))
    if record.per_example is None:
        return record
    beside = path.parent / record.per_example.file
    packed = read_bytes(beside, max_packed_bytes(record.examples.count))
    if sha256(packed) != record.per_example.sha256:
        raise LoopbenchError(f"{beside} is not the file that {path.name} names: its sha256 differs")
    return record.with_verdicts(unpack(packed, record.examples.count, record.protocol.iterations, str(beside)))


def find_record(folder: Path, started: Record) -> Record | None:
    """The complete record of the same cell with as many iterations or more, cut to those; `None` if there is none.

    Raises:
        LoopbenchError: what stands in its place cannot be read.
    """
    path = folder / started.file_name
    if not path.exists():
        return None
    try:
        record = read_record(path)
    except LoopbenchError as error:
        raise LoopbenchError(f"{error}; delete it, or --force runs the cell again") from error
    iterations = started.protocol.iterations
    if record.cell != started.cell or record.status != "complete" or record.protocol.iterations < iterations:
        return None
    return record.until(iterations)


def save_record(folder: Path, record: Record) -> None:
    """Write a record in place of the one of the same cell; one that is only started, or has fewer iterations, never
    replaces a complete one.

    Raises:
        LoopbenchError: it cannot be written; what stood there before still stands.
    """
    path = folder / record.file_name
    before = None
    with contextlib.suppress(LoopbenchError):
        before = read_record(path)
    replaced = before.per_example if before else None
    longer = before is not None and before.protocol.iterations > record.protocol.iterations
    if replaced is not None and (record.per_example is None or longer):
        return
    if record.per_example is not None:
        write_bytes(folder / record.per_example.file, record.verdicts.pack())
    write_json(path, record.model_dump(mode="json"))
    if replaced is not None and replaced != record.per_example:
        (folder / replaced.file).unlink(missing_ok=True)
