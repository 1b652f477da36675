"""`.env.example` is the operator's manual: it names every setting that some code reads, and no other."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written as somebody would type them: the code has the absolute path, or a shell word.
PATHS = {"DATA_DIR", "CACHE_DIR", "MODELS_FILE", "CONTRACT_DIR", "WORKER_CACHE_DIR"}


def manual() -> dict[str, str]:
    entries = re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(entries) == len({key for key, _ in entries}), "a key stands twice"
    return dict(entries)


def gateway() -> dict[str, str]:
    """Key -> default of the gateway, from the tags of its Config."""
    text = (ROOT / "gateway-go/internal/config/config.go").read_text()
    tags = re.findall(r'env:"([A-Z][A-Z0-9_]*)"(?: envDefault:"([^"]*)")?', text)
    assert len(tags) > 20
    return dict(tags)


def worker() -> dict[str, str]:
    """Key -> default of the worker, from the fields of its Settings; "" where it is no plain value."""
    tree = ast.parse((ROOT / "worker-py/darkroom_worker/settings.py").read_text())
    fields = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings").body
    found = {}
    for field in fields:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id.isupper():
            value = field.value
            if isinstance(value, ast.Call) and value.args:
                value = value.args[0]
            found[field.target.id] = str(value.value) if isinstance(value, ast.Constant) else ""
    assert len(found) > 15
    return found


def tables(file: str, *names: str) -> dict[str, str]:
    """Key -> default, from the dictionaries of these names; "" where it is no plain value."""
    tree = ast.parse((ROOT / file).read_text())
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in names
    ]
    assert len(found) == len(names)
    return {
        str(ast.literal_eval(key)): str(value.value) if isinstance(value, ast.Constant) else ""
        for table in found
        if isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True)
        if key is not None
    }


def runner() -> dict[str, str]:
    """Key -> default of the native runner."""
    return tables("deploy/native/settings.py", "PORTS", "DEFAULTS")


def command() -> dict[str, str]:
    """Key -> default of the darkroom command."""
    return tables("worker-py/darkroom_cli/settings.py", "DEFAULTS")


def compose() -> dict[str, str]:
    """Key -> default of the compose file, from its ${KEY:-default}; a default may hold another key."""
    text = (ROOT / "docker-compose.yml").read_text()
    innermost = re.compile(r"\$\{([A-Z][A-Z0-9_]*):-([^{}]*)\}")
    found: dict[str, str] = {}
    while places := innermost.findall(text):
        found |= places
        text = innermost.sub(r"\2", text)
    assert "${" not in text, "a key without a default"
    return found


def same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def test_the_manual_names_every_key_that_is_read_and_no_other() -> None:
    assert manual().keys() == gateway().keys() | worker().keys() | command().keys() | runner().keys() | compose().keys()


@pytest.mark.parametrize("part", ["gateway", "worker", "command"])
def test_the_manual_tells_the_defaults_of(part: str) -> None:
    told = manual()
    different = {
        key: (told[key], default)
        for key, default in {"gateway": gateway, "worker": worker, "command": command}[part]().items()
        if key not in PATHS | {"WORKER_LOCK_DIR"} and not same(told[key], default)
    }
    assert different == {}


def test_the_runner_changes_only_what_it_draws_itself() -> None:
    """Its own keys have the defaults that the manual tells; passwords it draws, and the names that go with them, may differ."""
    told, drawn = manual(), {"S3_ACCESS_KEY", "S3_SECRET_KEY"}
    different = {
        key: (told[key], default)
        for key, default in runner().items()
        if key not in PATHS | drawn and not same(told[key], default)
    }
    assert different == {}


def test_compose_keeps_the_defaults_of_the_manual() -> None:
    """Both ways of running draw the password of S3 and name its user; a container's page is reached where it is published."""
    told, placed = manual(), {"PUBLISH_ADDR", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
    different = {
        key: (told[key], default)
        for key, default in compose().items()
        if key not in placed and not same(told[key], default)
    }
    assert different == {}
