"""The columns of the overview, and what they mean."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: what the page's script sorts by.
        hint: a few words under the title, for who reads no legend.
        meaning: for the legend.
    """

    key: str
    title: str
    hint: str
    meaning: str
    sorts: bool = True


COLUMNS = (
    Column("rank", "Rank", "", "1 + the number of verified models of the same table that are significantly better."),
    Column("name", "Model", "", "The entry, its architecture and its authors."),
    Column(
        "curve",
        "Curve",
        "solved over iterations",
        "Mean accuracy over the scored splits, against effective depth (iterations × layers) on a log axis, from "
        "D / 16 at the left to 8 D at the right. D, the thin line, is what a split's difficulty calls for.",
        sorts=False,
    ),
    Column(
        "score",
        "Score",
        "as reported",
        "As reported: 100 × the mean over the scored splits of the exact accuracy at effective depths D, 2 D, 4 D and "
        "8 D, with its 95 % interval. Getting there fast counts, and so does staying there.",
    ),
    Column(
        "reproduced",
        "Reproduced",
        "run again",
        "The same score of a seeded sample of every split that the project ran again. ✓: it agrees with what was "
        "reported, ✗: it does not.",
    ),
    Column(
        "fresh",
        "Fresh",
        "new examples",
        "The same score of newly made examples of the same difficulty, which nobody had seen. ✗: the public ones were "
        "significantly easier for the model.",
    ),
    Column(
        "overthinking",
        "Overthinking",
        "points lost",
        "Points lost between the peak of the accuracy and 8 D, the mean over the scored splits: what more iterations "
        "destroyed.",
    ),
    Column("parameters", "Parameters", "", "Trainable numbers; the block is used again and again, so they count once."),
)
