"""Whatever goes wrong ends in a sentence, never in a traceback, and the exit code says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apreconcile.cli import plan as module
from apreconcile.core.errors import Error

FULL = Path("/dev/full")


def test_a_fault_of_ours_tells_its_type_and_place_only(ap, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        secret = "sk_live_planted"
        raise RuntimeError(secret)

    monkeypatch.setattr("apreconcile.cli.plan.manifest_of", broken)
    told = ap("plan", "-v")
    assert (told.code, told.out) == (1, "")
    assert "internal error: RuntimeError at apreconcile/cli/plan.py:" in told.err
    assert "sk_live_planted" not in told.err
    assert "Traceback" not in told.err


def test_of_a_group_of_errors_the_first_is_told(ap, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ExceptionGroup("several", [KeyError("a"), ValueError("b")])

    monkeypatch.setattr("apreconcile.cli.plan.manifest_of", broken)
    assert "internal error: KeyError" in ap("plan").err


def test_control_sequences_in_an_error_are_harmless(ap, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise Error("\x1b[2Jcleared \u202e", hint="\x1b]0;title\x07")

    monkeypatch.setattr("apreconcile.cli.plan.manifest_of", broken)
    told = ap("plan")
    assert "\x1b" not in told.err
    assert r"\x1b[2Jcleared \u202e" in told.err


def test_control_sequences_in_an_argument_are_harmless(ap):
    for args in (
        ["pl\x1b[2Jan"],
        ["show", "\x1b[2J.json"],
        ["plan", "--only", "\x1b[2J"],
        ["validate", "\x1b[2J.yaml"],
    ):
        told = ap(*args)
        assert told.code in (1, 64)
        assert "\x1b" not in told.err + told.out


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_full_disk_on_stdout_is_1(spawn):
    with FULL.open("w") as full:
        process = spawn("plan", "--sandbox", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err == "error: standard output could not be written: No space left on device\n"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("args", [("--help",), ("plan", "--help")])
def test_a_help_text_that_a_full_disk_does_not_take_is_no_fault_of_ours(spawn, args):
    with FULL.open("w") as full:
        process = spawn(*args, stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("error: standard output could not be written: No space left on device\n")


def test_certificates_that_cannot_be_read_are_named(ap, tmp_path):
    told = ap("export", env={"AGENTPHONE_API_KEY": "k", "SSL_CERT_FILE": str(tmp_path / "none.pem")})
    assert told.code == 1
    assert "SSL_CERT_FILE" in told.err
    assert "internal" not in told.err


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_apply_into_a_full_disk_sends_nothing(spawn, world):
    with FULL.open("w") as full:
        process = spawn("apply", "--yes", env=world.env, stdout=full)
        process.communicate(timeout=30)
    assert process.returncode == 1
    assert world.writes() == []


def test_a_closed_stdout_is_1_before_anything_is_sent(folder, program_env, world):
    argv = [sys.executable, "-m", "apreconcile", "apply", "--yes"]
    script = 'exec "$@" >&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *argv], env=program_env | world.env, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "standard output is closed" in done.stderr
    assert world.requests() == []


def test_a_reader_that_leaves_early_is_no_error_to_talk_about(spawn):
    process = spawn("schema")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(30) in (0, 1)


def test_a_stdout_that_knows_ascii_only(spawn):
    process = spawn("apply", "--yes", "--sandbox", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "\\xb7" in out
    assert "Traceback" not in err


def test_sigterm_while_looking_is_130(spawn, world):
    world.fault("GET /v1/agents", "delay:20")
    process = spawn("plan", env=world.env)
    wait_until_busy(world)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=15)
    assert (process.returncode, out) == (130, "")
    assert "interrupted; nothing was sent" in err


def test_sigterm_while_sending_finishes_what_is_in_flight(spawn, world):
    world.fault("POST /v1/agents", "delay:2")
    process = spawn("apply", "--yes", env=world.env)
    wait_until_busy(world)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert "Traceback" not in err
    assert "finishing the calls in flight" in err
    assert process.returncode in (3, 130)
    assert "the run was interrupted" in out


def test_nothing_is_loaded_that_help_does_not_need(spawn):
    watch = "import sys, runpy; sys.argv = ['apreconcile', '--help']\ntry: runpy.run_module('apreconcile', run_name='__main__')\nexcept SystemExit: print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", watch], capture_output=True, text=True, check=True, timeout=30,
        env={**os.environ, "PYTHONPATH": str(module.__file__).removesuffix("/apreconcile/cli/plan.py")},
    )  # fmt: skip
    for heavy in ("httpx", "rich", "pydantic", "yaml", "asyncio", "starlette", "apreconcile.workflow"):
        assert f"'{heavy}'" not in done.stderr, heavy


def wait_until_busy(world) -> None:
    """Until the one fault that was queued has struck."""
    end = time.monotonic() + 30
    while world.http.get("/_sandbox/faults").json()["queued"]:
        assert time.monotonic() < end
        time.sleep(0.02)
