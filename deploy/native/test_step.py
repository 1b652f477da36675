from pathlib import Path

import pytest

import step


def test_a_failed_step_shows_the_end_of_what_it_said() -> None:
    with pytest.raises(step.StepFailed) as failure:
        step.run("trying", ["sh", "-c", "seq 100; echo the reason >&2; exit 3"])

    assert "trying: exit status 3" in str(failure.value)
    assert str(failure.value).endswith("100\nthe reason")
    assert "\n42\n" not in str(failure.value)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(step.StepFailed, match="no-such-program is not installed"):
        step.run("trying", ["no-such-program"])


def test_a_long_step_shows_that_it_lives(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "HEARTBEAT", 0.05)

    step.run("trying", ["sh", "-c", "echo half way; sleep 0.5"])

    assert "half way" in capsys.readouterr().out


def test_a_stamp_is_fresh_until_an_input_changes(tmp_path: Path) -> None:
    lock, stamp = tmp_path / "lock", tmp_path / "made" / "stamp"
    lock.write_text("a==1")
    assert not step.is_fresh(stamp, step.digest([lock]))

    step.write_stamp(stamp, step.digest([lock]))
    assert step.is_fresh(stamp, step.digest([lock]))

    lock.write_text("a==2")
    assert not step.is_fresh(stamp, step.digest([lock]))
