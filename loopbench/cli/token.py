"""The option `--token`."""

from typing import Annotated

import typer

Token = Annotated[
    str | None,
    typer.Option(
        help="Of the Hub, for a private repository. Default: HF_TOKEN, or that of `hf auth login`.", show_default=False
    ),
]
