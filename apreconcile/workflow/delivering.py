"""To hand secrets on: every sink of a run is checked before its first write, and filled where the spec lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.plan import Step
from apreconcile.core.sink import Sink
from apreconcile.core.wanted import Manifest
from apreconcile.live.applying import Deliver
from apreconcile.programs.sinks import Sinks, Wish


def sinks_of(manifest: Manifest, environ: Mapping[str, str], *, home: Path, masks: Iterable[str]) -> Sinks:
    """The way to the sinks of a spec, whose own files and the folder `home` of its state take no secret.

    `environ` is what programs are given of; `masks` are what no error may repeat of what they say.
    """
    own = {home, *(Path(wanted.place.file) for wanted in manifest.resources)}
    keys = frozenset(one.access.key_env for one in manifest.environments if one.access.key_env)
    return Sinks(environ, frozenset(one.resolve() for one in own), frozenset(masks), keys)


async def check_sinks(manifest: Manifest, sinks: Sinks | None, steps: Iterable[Step]) -> None:
    """Raise SinkError if a secret of these steps could not be handed on."""
    handed = [(step.address, step.delivery.sink) for step in steps if step.delivery]
    if sinks and handed:
        await sinks.check([Wish(at, sink, _folder(manifest, at)) for at, sink in handed])


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
