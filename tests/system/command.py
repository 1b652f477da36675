"""The `darkroom` command as an operator of this stack runs it, within the tests' own process: starting it costs more than it does."""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from darkroom_cli.app import main

from system.stack import Stack


@dataclass(frozen=True)
class Answer:
    """What the command left behind: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """`command("job", id)` runs `darkroom job id`; more settings by keyword, None takes one away."""

    def __init__(self, stack: Stack) -> None:
        self.environment = stack.environment | {
            "DARKROOM_URL": stack.gateways[0],
            "GATEWAY_ADMIN_ADDR": stack.admin().removeprefix("http://"),
            "S3_ACCESS_KEY": "darkroom",
            "PATH": f"{stack.folder / 'bin'}:{os.environ['PATH']}",
        }

    def __call__(self, *arguments: str, **settings: str | None) -> Answer:
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        environment = {key: value for key, value in {**self.environment, **settings}.items() if value is not None}
        with mock.patch.dict(os.environ, environment, clear=True), redirect_stdout(out), redirect_stderr(err):
            try:
                main(arguments)
                status: object = 0
            except SystemExit as leaving:
                status = leaving.code or 0
        for stream in (out, err):
            stream.flush()
        texts = [stream.buffer.getvalue() for stream in (out, err)]
        return Answer(int(str(status)), *(text.decode(sys.getdefaultencoding(), "surrogateescape") for text in texts))
