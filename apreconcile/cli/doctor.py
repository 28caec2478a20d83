"""`doctor`: all that a run stands on, each with a word and a remedy. Nothing is written, and no secret shown."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from apreconcile.core.diagnosis import exit_of, to_json
from apreconcile.core.errors import Error, UsageError
from apreconcile.core.planfile import encode
from apreconcile.core.wanted import DEFAULT, Access, Manifest
from apreconcile.show.doctor import doctor_text
from apreconcile.workflow import LOST, Named
from apreconcile.workflow.examining import SANDBOX, Patient, examine

from .command import command
from .loading import DEFAULT_SPEC, home_of, manifest_of
from .opening import state_is_lost
from .options import FORMAT, SPEC, Settings, check_format, pass_settings
from .progress import Requests
from .reaching import reach
from .running import run
from .sandboxing import started


@command("apreconcile doctor", "apreconcile doctor prod.yaml --format json")
@SPEC
@FORMAT
@pass_settings
def doctor(settings: Settings, form: str) -> int:
    """Check key, host, clock, store, programs, and what this account's API knows, each with a remedy.

    Read-only; works without a spec, a key or a network, as far as each can be told then. Exits 0, or 1 if something
    failed, or 9 if it is not safe to write.
    """
    json, terminal = check_format(form) == "json", settings.terminal
    requests = Requests(terminal, verbose=settings.verbose)
    with ExitStack() as stack:
        patient = _patient(settings, stack)
        with requests.shown("asking"):
            checks = run(terminal, lambda _: examine(patient, on_request=requests))
    if json:
        terminal.write(encode(to_json(checks)))
    else:
        terminal.show(doctor_text(to_json(checks), width=terminal.width))
    return exit_of(checks)


def _patient(settings: Settings, stack: ExitStack) -> Patient:
    """What the options, the environment and the spec say; a sandbox lives as long as the stack."""
    environ, spec = settings.environ, _spec(settings)
    home = spec.home if isinstance(spec, Manifest) else home_of(settings)
    access = spec.chosen.access if isinstance(spec, Manifest) else Access()
    if settings.sandbox:
        url, folder = stack.enter_context(started(settings, home))
        named = spec.environment if isinstance(spec, Manifest) else settings.environment or DEFAULT
        return Patient(spec, Named(named, SANDBOX), Named(url, SANDBOX), environ, settings.sub_account, folder)
    way = reach(settings, access)
    lost = LOST if isinstance(spec, Manifest) and state_is_lost(settings, spec) else ""
    return Patient(spec, way.key, way.url, environ, sub_account=way.sub_account, lost=lost)


def _spec(settings: Settings) -> Manifest | Error | None:
    """The spec, what is wrong with it, or None where none was named and none is here. Raises UsageError."""
    if not (settings.files or settings.plans or Path(DEFAULT_SPEC).exists()):
        return None
    try:
        return manifest_of(settings)
    except UsageError:
        raise
    except Error as problem:
        return problem
