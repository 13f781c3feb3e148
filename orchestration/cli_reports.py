"""The command that builds and serves the site. Parses and prints; the work is in `site.py`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from orchestration.console import CODES, AsJson, Home, notes, output, print_json, progress
from orchestration.periods import BadSetting
from orchestration.settings import override

application = typer.Typer()

Party = Annotated[
    str | None, typer.Option(help="Only rows of this party and of those below it; every party has a site of its own.")
]
Serve = Annotated[bool, typer.Option("--serve", help="Serve the site on 127.0.0.1 afterwards.")]
Port = Annotated[int, typer.Option(help="Port to serve on.")]


@application.command(
    short_help="Build the site over the exported marts, of all parties or of one.",
    help=f"Build the site over the exported marts, of all parties or of one. {CODES}",
)
def reports(
    party: Party = None, serve: Serve = False, port: Port = 3001, home: Home = None, as_json: AsJson = False
) -> None:
    settings = override(home)
    from orchestration.site import build_site

    with progress() as tell:
        site = build_site(settings, party or None, tell)
    if as_json:
        print_json({"folder": site.folder, "party": site.party, "rows": site.rows})
    else:
        whose = f"of {site.party} and those below" if site.party else "of all parties"
        output.print(f"site {escape(whose)}: {sum(site.rows.values()):,} rows in {escape(str(site.folder))}")
    if serve:
        from orchestration.serving import server

        try:
            serving = server(site.folder, port)
        except OSError as error:
            raise BadSetting(f"--port {port}: {error.strerror}; name another") from None
        notes.print(f"the site is on http://127.0.0.1:{serving.server_port}; end it with Ctrl-C")
        with serving:
            serving.serve_forever()
