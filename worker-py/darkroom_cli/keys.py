"""`darkroom keys`: API keys. The gateway's own binary makes, lists and revokes them: the file's form is its affair alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Annotated

import typer

from darkroom_cli.screen import AsJson, say, show_json, show_table
from darkroom_cli.settings import Settings
from darkroom_cli.trouble import BadSetting, Trouble

BINARY = "darkroom-gateway"

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


@app.command()
def add(name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")], as_json: AsJson = False) -> None:
    """Make a key. It is shown this once; only its hash is kept."""
    key = _gateway("add", name).strip()
    if as_json:
        show_json({"id": key.split("_")[1], "name": name, "key": key})
    else:
        print(key)
        say("This is the only time that it is shown.")


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """List the keys: id, when each was made, and whose it is."""
    rows = [line.split("  ", 2) for line in _gateway("list").splitlines()]
    if as_json:
        show_json([dict(zip(("id", "created", "name"), row, strict=True)) for row in rows])
    else:
        show_table(("key", "made (UTC)", "whose"), rows)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]) -> None:
    """Revoke a key: a running gateway refuses it within a second."""
    _gateway("revoke", key_id)
    say(f"key {key_id} is revoked")


def _gateway(*arguments: str) -> str:
    binary = shutil.which(BINARY)
    if binary is None:
        raise BadSetting(f"{BINARY} is not here. With containers: docker compose exec gateway /{BINARY} keys add NAME")
    file = Settings()["GATEWAY_API_KEYS_FILE"]
    environment = {**os.environ, "GATEWAY_API_KEYS_FILE": file}
    done = subprocess.run(  # noqa: S603 - our own binary, and its arguments are no shell's
        [binary, "keys", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Trouble(done.stderr.strip().removeprefix(f"{BINARY}: "))
    return done.stdout
