import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import settings
import supervisord
import tools
from process import Process

# What supervisor itself understands of a configuration: the environment of its one program.
READ = """
import json, sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(["-c", sys.argv[1]])
print(json.dumps(options.process_group_configs[0].process_configs[0].environment))
"""


def understood(tmp_path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    process = Process("one", "/bin/true", tmp_path, lambda: None, environment)
    path = tmp_path / "supervisord.conf"
    path.write_text(supervisord.render(tmp_path, tmp_path, tmp_path / "socket", [process]))
    python = tools.program(settings.load(), "python")
    answer = subprocess.run([python, "-c", READ, str(path)], check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer))


def test_values_reach_the_process_as_they_are(tmp_path: Path) -> None:
    values = {
        "URL": "amqp://user:p%20w@127.0.0.1:5682/%2F",
        "SPACES": "a, b = c;#d",
        "DOUBLE": 'say "this" now',
        "SINGLE": "don't",
        "LETTERS": "käse",
    }

    assert understood(tmp_path, values) == {**values, "DARKROOM_VERSION": ""}


@pytest.mark.parametrize("value", ["a\nb", "'\"", 'say "this"', "a ;b", "a #b"])
def test_a_value_that_the_runner_cannot_hold_is_refused_by_name(tmp_path: Path, value: str) -> None:
    with pytest.raises(settings.BadSetting, match=r"^KEY: "):
        understood(tmp_path, {"KEY": value})
