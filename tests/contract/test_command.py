"""docs/cli.md is what the command says of itself."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ("-m", "typer", "darkroom_cli.app", "utils", "docs", "--name", "darkroom", "--title", "The darkroom command")


def test_the_reference_of_the_command_is_what_its_help_says() -> None:
    done = subprocess.run([sys.executable, *DOCS], cwd=ROOT / "worker-py", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (ROOT / "docs" / "cli.md").read_text().strip(), "renew it: make docs"
