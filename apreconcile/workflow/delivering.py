"""To hand secrets on: every sink of a run is checked before its first write, and filled where the spec lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.diff import digest_of_sink
from apreconcile.core.elsewhere import Elsewhere
from apreconcile.core.plan import Step
from apreconcile.core.sink import Sink
from apreconcile.core.state import State
from apreconcile.core.wanted import Manifest
from apreconcile.live.applying import Deliver
from apreconcile.programs.sinks import Sinks, Wish


def sinks_of(manifest: Manifest, environ: Mapping[str, str], *, home: Path, masks: Iterable[str]) -> Sinks:
    """The way to the sinks of a spec, whose own files and the folder `home` of its state take no secret.

    `environ` is what programs are given of, and the name of the environment; `masks` are what no error may repeat of
    what they say.
    """
    own = {home, *(Path(wanted.place.file) for wanted in manifest.resources)}
    keys = frozenset(one.access.key_env for one in manifest.environments if one.access.key_env)
    environ = {**environ, "APRECONCILE_ENVIRONMENT": manifest.environment}
    return Sinks(environ, frozenset(one.resolve() for one in own), frozenset(masks), keys)


async def check_sinks(
    manifest: Manifest, sinks: Sinks | None, steps: Iterable[Step], *, state: State, there: Elsewhere
) -> None:
    """Raise SinkError if a secret of these steps could not be handed on, or would take the place of another's."""
    handed = [(step.address, step.delivery.sink) for step in steps if step.delivery]
    if sinks and handed:
        wishes = [Wish(at, sink, _folder(manifest, at), _theirs(state, there, at, sink)) for at, sink in handed]
        await sinks.check(wishes)


def _theirs(state: State, there: Elsewhere, at: Address, sink: Sink) -> str:
    """Whose secret a line of a file may have, if ours was never handed there.

    Of a state beside ours, planning knows. Else it may be the same file or one on another machine: its line tells, as
    it does of a state that cannot be read.
    """
    held = state.resources.get(at)
    ours = held is not None and held.delivered == digest_of_sink(sink, state.salt)
    if sink.file is None or ours:
        return ""
    one = next((one for one in there.handed if one.digest == digest_of_sink(sink, one.salt)), None)
    if one and not there.near:
        return f"{one.address} of the environment {one.environment} was handed to a line of that name"
    hidden = next(iter(there.unread), None)
    return f"whether it is of the environment {hidden} is not known: its state cannot be read" if hidden else ""


def delivering(manifest: Manifest, sinks: Sinks | None) -> Deliver | None:
    """How a secret comes to its sink; None where none leaves."""
    if sinks is None:
        return None
    way = sinks

    async def deliver(at: Address, sink: Sink, secret: Secret) -> str:
        return await way.deliver(Wish(at, sink, _folder(manifest, at)), secret)

    return deliver


def _folder(manifest: Manifest, at: Address) -> Path:
    """The folder of the file that names the sink, as for the other files that it names."""
    return Path(manifest.by_address[at].place.file).parent
