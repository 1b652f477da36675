import subprocess
from pathlib import Path

import pytest

import packages
import step


def test_services_may_not_start_while_packages_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)

    with packages.services_kept_from_starting():
        assert subprocess.run([str(policy), "redis-server", "start"], check=False).returncode == 101

    assert not policy.exists()


def test_a_policy_that_is_there_already_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr(packages, "POLICY", policy)

    with packages.services_kept_from_starting():
        pass

    assert policy.read_text() == "theirs"


def test_what_is_installed_is_not_installed_again(capsys: pytest.CaptureFixture[str]) -> None:
    packages.install(["redis-server"])

    assert "ok  system packages (redis-server)" in capsys.readouterr().out


def test_a_system_without_apt_is_told_about_the_other_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(step.StepFailed, match="RUNNER=compose"):
        packages.install(["redis-server"])
