"""`loopbench leaderboard build` and `serve`: the leaderboard as static pages."""

from pathlib import Path
from typing import Annotated

import typer

SOURCE = Path("leaderboard")

Source = Annotated[Path, typer.Option("--from", help="Folder with results/ and diagnoses/.")]


def build_command(
    output: Annotated[Path, typer.Option(help="Folder of the site: a new one, or one to replace.", show_default=False)],
    source: Source = SOURCE,
) -> None:
    """Make the site: static pages that can be opened from a folder, the same bytes for the same records."""
    from loopbench.leaderboard.site.build import build_site

    count = build_site(source, output)
    typer.echo(f"saved {count} files: open {output / 'index.html'}")


def serve_command(
    source: Source = SOURCE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0: any that is free.")] = 8000,
) -> None:
    """Make the site in a temporary folder and serve it to this machine, until interrupted."""
    import tempfile
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from loopbench.errors import LoopbenchError
    from loopbench.leaderboard.site.build import build_site

    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        build_site(source, site)
        handler = partial(SimpleHTTPRequestHandler, directory=str(site))
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as error:
            reason = error.strerror or error
            raise LoopbenchError(f"cannot serve on port {port}: {reason}; name another with --port") from error
        with server:
            typer.echo(f"http://127.0.0.1:{server.server_port}/ (Ctrl+C ends it)")
            server.serve_forever()
