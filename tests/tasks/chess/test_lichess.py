import gzip
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import chess
import pyarrow
import pyarrow.parquet
import pytest
import torch
from chess_games import HEADER, table, write

from loopbench.errors import LoopbenchError
from loopbench.tasks.chess import lichess
from loopbench.tasks.chess.puzzles import Puzzle, Side, examples, parse
from loopbench.tasks.chess.rows import Row, read_rows
from loopbench.tasks.chess.task import ChessSource, training_pool
from loopbench.tasks.lines import Skipped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = ["00008", "r6k/pp2r2p/4Rp1Q/3p4/8/1N1P2R1/PqP2bPP/7K b - - 0 24", "f2g3 e6e7 b2b1 b3c1", "1760", *"....."]


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    return table(games=8, seed=0)


@pytest.fixture
def path(tmp_path: Path, rows: list[list[str]]) -> Path:
    return write(tmp_path / "puzzles.csv", rows)


def parquet(rows: list[list[str]]) -> pyarrow.Table:
    columns = dict(zip(HEADER, zip(*rows, strict=True), strict=True))
    ratings = [int(rating) for rating in columns["Rating"]]
    return pyarrow.table(columns | {"Rating": ratings, "Themes": [themes.split() for themes in columns["Themes"]]})


def ids(puzzles: Iterable[Puzzle]) -> list[str]:
    return [puzzle.id for puzzle in puzzles]


def where_and_what(path: Path) -> list[tuple[object, ...]]:
    return [row[1:] for row in read_rows(path)]


def test_the_position_is_the_one_after_the_opponents_move() -> None:
    puzzle = parse(Row("here", *GOOD[:3], 1760, "crushing mateIn1"))
    assert puzzle.board.fen() == "r6k/pp2r2p/4Rp1Q/3p4/8/1N1P2b1/PqP3PP/7K w - - 0 25"
    assert (puzzle.answer, puzzle.any_mate) == (chess.Move.from_uci("e6e7"), True)


def test_examples_have_the_answers_two_squares_and_lose_nothing(path: Path, rows: list[list[str]]) -> None:
    batch = examples(lichess.all_puzzles(path))
    assert batch.ids == tuple(row[0] for row in rows)
    assert batch.inputs.shape == batch.targets.shape == (len(rows), 8, 8)
    assert (batch.targets.flatten(1).sum(1) == 2).all()
    for i, (_, fen, moves, *_) in enumerate(rows):
        board = chess.Board(fen)
        board.push_uci(moves.split()[0])
        assert batch.extra["fen"][i] == board.fen()
        assert batch.extra["answer"][i] == moves.split()[1]
        assert batch.extra["any_mate"][i] == rows[i][7].startswith("mateIn1")
        king = (batch.inputs[i] == 6).nonzero().tolist()
        assert len(king) == 1
        assert king[0][1] >= 4


def test_packed_and_parquet_files_have_the_same_rows(tmp_path: Path, path: Path, rows: list[list[str]]) -> None:
    expected = where_and_what(path)
    assert len(expected) == len(rows)
    packers: dict[str, Callable[[bytes], bytes]] = {"puzzles.csv.gz": gzip.compress, "puzzles.csv.zst": zstd.compress}
    for name, pack in packers.items():
        (tmp_path / name).write_bytes(pack(path.read_bytes()))
        assert where_and_what(tmp_path / name) == expected
    pyarrow.parquet.write_table(parquet(rows), tmp_path / "puzzles.parquet", row_group_size=100)
    assert where_and_what(tmp_path / "puzzles.parquet") == expected


def test_bands_are_the_first_of_their_side(path: Path, rows: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {puzzle.id: puzzle for puzzle in lichess.all_puzzles(path)}
    rating = {row[0]: int(row[3]) for row in rows}
    for name, (low, high) in {
        "lichess-0-1600": (0, 1600),
        "lichess-1601-2000": (1601, 2000),
        "lichess-2001-2400": (2001, 2400),
        "lichess-2401-up": (2401, 9999),
    }.items():
        for side in (Side.TEST, Side.DEV):
            expected = [p.id for p in everything.values() if p.side is side and low <= rating[p.id] <= high]
            assert ids(lichess.band_puzzles(name, side, path)) == expected
            monkeypatch.setattr(lichess, "BAND_ROWS", 3)
            assert ids(lichess.band_puzzles(name, side, path)) == expected[:3]
            monkeypatch.undo()


def test_training_never_meets_a_position_that_is_measured(path: Path, rows: list[list[str]]) -> None:
    mirrored = [
        [f"m{name}", board.mirror().fen(), " ".join(mirror(move) for move in moves.split()), *rest]
        for name, fen, moves, *rest in rows
        for board in [chess.Board(fen)]
    ]
    write(path, rows + mirrored)
    everything = training_pool(ChessSource(puzzles=str(path), max_rating=9999))
    trained = {cells.tobytes() for cells in everything.cells}
    measured = {
        puzzle.view.cells
        for side in (Side.TEST, Side.DEV)
        for name in lichess.BANDS
        for puzzle in lichess.band_puzzles(name, side, path)
    }
    assert not trained & measured
    assert 0.6 < len(trained) / (len(trained) + len(measured)) < 0.9
    easy = training_pool(ChessSource(puzzles=str(path), max_rating=1000))
    rated = (puzzle for puzzle in map(parse, read_rows(path)) if puzzle.side is Side.TRAIN)
    low = {row[0] for row in rows + mirrored if int(row[3]) <= 1000}
    assert easy.cells.tobytes() == b"".join(puzzle.view.cells for puzzle in rated if puzzle.id in low)


def mirror(move: str) -> str:
    return "".join(str(9 - int(symbol)) if symbol.isdigit() else symbol for symbol in move)


def test_the_parts_are_those_of_the_paper(path: Path, rows: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lichess, "TRAIN_ROWS", 50)
    monkeypatch.setattr(lichess, "PAPER_ROWS", 10)
    easy = [row[0] for row in rows if int(row[3]) <= 1600]
    hard = [row[0] for row in rows if 1601 <= int(row[3]) <= 2000]
    torch.manual_seed(42)
    order = torch.randperm(50).tolist()
    assert ids(lichess.paper_puzzles("train", path)) == [easy[i] for i in order[:40]]
    assert ids(lichess.paper_puzzles("val", path)) == [easy[i] for i in order[40:]]
    assert ids(lichess.paper_puzzles("dev-val", path)) == easy[50:60]
    assert ids(lichess.paper_puzzles("hard", path)) == hard[:10]
    assert ids(lichess.paper_puzzles("dev-hard", path)) == hard[10:20]


BAD: dict[str, tuple[int, str, str]] = {
    "no FEN": (1, "what/ever w - - 0 1", "not a FEN: expected 8 rows"),
    "a FEN without its turn": (1, "5rk1/8/8/8/8/8/3R4/6K1", "not a FEN: 1 fields, not 6"),
    "a very long FEN": (1, "8/" * 200, "not a FEN: longer than 100 characters"),
    "a position without a king": (1, "8/8/8/8/8/8/8/K7 w - - 0 1", "the position is not legal: no black king"),
    "an opponent in check": (1, "k6R/8/8/8/8/8/8/K7 w - - 0 1", "the position is not legal: opposite check"),
    "castling rights that cannot be": (1, "k7/8/8/8/8/8/8/K7 w KQ - 0 1", "not legal: bad castling rights"),
    "one move": (2, "f2g3", "the moves are 'f2g3', not two at least"),
    "no move": (2, "", "the moves are '', not two at least"),
    "an opponent's move that is not legal": (2, "f2g4 e6e7", "the move 'f2g4' is not legal"),
    "an answer that is not legal": (2, "f2g3 e6d7", "the move 'e6d7' is not legal"),
    "an answer of the other side's": (2, "f2g3 b2b1", "the move 'b2b1' is not legal"),
    "a null move": (2, "f2g3 0000", "the move '0000' is not legal"),
    "a drop": (2, "f2g3 Q@a5", "the move 'Q@a5' is not legal"),
    "words": (2, "f2g3 \x1b[31mRxe7", "the move '.*Rxe7' is not written in UCI, as e2e4"),
    "a rating in words": (3, "high", "the rating 'high' is not a whole number from 0 to 9999"),
    "a rating below zero": (3, "-5", "the rating '-5' is not a whole number"),
    "a rating with other digits": (3, "١٧٦٠", "the rating '١٧٦٠' is not a whole number"),
    "a rating far too high": (3, "17600", "the rating '17600' is not a whole number"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_named(tmp_path: Path, kind: str) -> None:
    column, value, message = BAD[kind]
    bad = ["bad01", *GOOD[1:]]
    bad[column] = value
    path = write(tmp_path / "puzzles.csv", [GOOD, bad])
    with pytest.raises(LoopbenchError, match=rf"puzzles\.csv, line 3, puzzle bad01: .*{message}") as error:
        list(lichess.all_puzzles(path))
    assert str(error.value).isprintable()


def test_a_bad_id(tmp_path: Path) -> None:
    path = write(tmp_path / "puzzles.csv", [["a b", *GOOD[1:]]])
    with pytest.raises(LoopbenchError, match=r"line 2: the PuzzleId 'a b' is not 1 to 32 letters and digits"):
        list(lichess.all_puzzles(path))
    write(path, [GOOD, GOOD])
    with pytest.raises(LoopbenchError, match="puzzle 00008 stands twice"):
        examples(lichess.all_puzzles(path))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_can_be_skipped(tmp_path: Path, kind: str) -> None:
    column, value, message = BAD[kind]
    bad = ["bad01", *GOOD[1:]]
    bad[column] = value
    path = write(tmp_path / "puzzles.csv", [["a b", *GOOD[1:]], GOOD, bad[:3], bad, ["00009", *GOOD[1:]], GOOD])
    skipped = Skipped()
    found = examples(lichess.all_puzzles(path, skipped), skipped)
    assert found.ids == ("00008", "00009")
    assert str(skipped).startswith(f"4 bad rows skipped, the first: {path}, line 2: the PuzzleId 'a b'")
    errors: list[LoopbenchError] = []
    assert ids(lichess.all_puzzles(path, errors.append)) == ["00008", "00009", "00008"]
    assert [re.search(r"line \d+", str(error))[0] for error in errors] == ["line 2", "line 4", "line 5"]
    assert re.search(message, str(errors[-1]))


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "puzzles.csv", [GOOD])
    path.write_text(path.read_text().replace("\n", "\n\n") + "\n")
    assert ids(lichess.all_puzzles(path)) == ["00008"]


def test_a_missing_column(tmp_path: Path) -> None:
    path = tmp_path / "puzzles.csv"
    path.write_text("PuzzleId,FEN,Rating,Themes\n")
    with pytest.raises(
        LoopbenchError, match=r"puzzles\.csv has no column Moves, or several .*: its header is 'PuzzleId', 'FEN'"
    ):
        list(lichess.all_puzzles(path))
    path.write_text("")
    with pytest.raises(LoopbenchError, match="its header is empty"):
        list(lichess.all_puzzles(path))


def test_bad_parquet(tmp_path: Path) -> None:
    path = tmp_path / "puzzles.parquet"
    with pytest.raises(LoopbenchError, match=r"puzzles\.parquet does not exist"):
        list(lichess.all_puzzles(path))
    path.write_bytes(b"PAR1 or something like it" * 10)
    with pytest.raises(LoopbenchError, match="not parquet, or damaged"):
        list(lichess.all_puzzles(path))
    pyarrow.parquet.write_table(parquet([GOOD]).drop(["Moves"]), path)
    with pytest.raises(LoopbenchError, match="has no column Moves"):
        list(lichess.all_puzzles(path))
    bad = parquet([GOOD, ["bad01", *GOOD[1:]]])
    pyarrow.parquet.write_table(bad.set_column(3, "Rating", [[1760, None]]), path)
    with pytest.raises(LoopbenchError, match=r"puzzles\.parquet, row 2, puzzle bad01: the rating 'None'"):
        list(lichess.all_puzzles(path))
