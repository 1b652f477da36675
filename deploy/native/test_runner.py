"""What the runner does when supervisord itself fails."""

import os
from pathlib import Path

import pytest

import runner
import settings
import tools


def test_a_process_runner_that_died_at_once_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "program", lambda _settings, _name: "/bin/true")
    monkeypatch.setattr(runner, "LAUNCH_SECONDS", 0.2)
    own = settings.load({"ENV_FILE": os.devnull, "DATA_DIR": str(tmp_path)})
    with pytest.raises(settings.BadSetting, match=r"does not answer.*supervisord\.log"):
        runner.Runner(own).apply([])
