"""A signing secret leaves here for its sink: into a line of a file, or to a program on its standard input.

It stands in no argument and no variable of a program, and in no error: what a program says is masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from apreconcile.core.address import Address
from apreconcile.core.call import Secret
from apreconcile.core.errors import Error, SinkError
from apreconcile.core.masking import Masking
from apreconcile.core.sink import Sink

from .envfile import check_line, write_line
from .git import NEEDED
from .run import TIMEOUT, found, run

OURS = "AGENTPHONE_"
"""Variables that begin so go to no program: one of them is the key."""
_SAID = 256
"""Characters of what a program said that an error repeats."""
_LOG_IN = "gh auth login; in CI, set GH_TOKEN to one that may write secrets; then try: gh secret list"
_QUIET = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Wish:
    """Where the secret of an address is to go. Paths, programs and repositories are those of a folder.

    `theirs` says in words whose secret a line of that name may have already.
    """

    address: Address
    sink: Sink
    folder: Path
    theirs: str = ""


@dataclass(frozen=True, slots=True)
class Sinks:
    """The way to every sink. `environ` is what may be handed on.

    No secret is written into the files and folders of `own`. `masks` are secret texts that a program may know from its
    environment, and say: no error repeats them. `keys` are variables that hold keys of AgentPhone, whatever they are
    called: no program gets them.
    """

    environ: Mapping[str, str] = field(repr=False)
    own: frozenset[Path] = frozenset()
    masks: frozenset[str] = field(default=frozenset(), repr=False)
    keys: frozenset[str] = frozenset()
    seconds: float = TIMEOUT

    async def check(self, wishes: Iterable[Wish]) -> None:
        """Raise SinkError unless all of them can be granted, as far as can be told without doing it."""
        lines: dict[tuple[Path, str | None], Address] = {}
        asked: set[Path] = set()
        for wish in wishes:
            sink, folder = wish.sink, wish.folder
            try:
                if sink.file is not None:
                    target = await check_line(folder / sink.file, str(sink.name), theirs=wish.theirs)
                    for one in self.own & {target, *target.parents}:
                        where = "a file of the spec" if one == target else f"in {one}, where the state lies"
                        raise SinkError(f"{target} is {where}", hint="name an env file, such as .env")
                    other = lines.setdefault((target, sink.name), wish.address)
                    if other != wish.address:
                        raise SinkError(f"{other} writes to that line of {target} too", hint="use another name")
                elif sink.command:
                    found(sink.command[0], self.environ)
                elif folder not in asked:
                    asked.add(folder)
                    await self._gh(["secret", "list"], folder)
            except Error as problem:
                reason = f"nothing was sent: {wish.address}: its secret could not go to {sink}: {problem.message}"
                raise SinkError(reason, hint=problem.hint) from problem

    async def deliver(self, wish: Wish, secret: Secret) -> str:
        """Hand a secret on; what a person should know of it. Raises SinkError if it was not taken."""
        sink, folder = wish.sink, wish.folder
        if sink.file is not None:
            return await write_line(folder / sink.file, str(sink.name), secret)
        if sink.command:
            own = self.environ.items()
            rest = {name: value for name, value in own if not name.startswith(OURS) and name not in self.keys}
            environ = {**rest, "APRECONCILE_ADDRESS": str(wish.address)}
            await self._run(sink.command, folder, environ, secret)
        else:
            await self._gh(["secret", "set", str(sink.github)], folder, secret)
        return ""

    async def _gh(self, args: Sequence[str], folder: Path, secret: Secret | None = None) -> None:
        own = {name: value for name, value in self.environ.items() if NEEDED.fullmatch(name) or name == "GH_REPO"}
        await self._run(["gh", *args], folder, own | _QUIET, secret)

    async def _run(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], secret: Secret | None
    ) -> None:
        """Run a program that reads a secret. Its error is raised anew: frames of the one below hold the secret."""
        problem = await self._problem(command, folder, environ, secret)
        if problem:
            raise problem

    async def _problem(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], secret: Secret | None
    ) -> SinkError | None:
        masking = Masking(self.masks | ({secret.text} if secret else set()))
        try:
            ended = await run(
                command[0], command[1:], folder=folder, environ=environ,
                stdin=secret.text.encode("utf-8", "surrogatepass") if secret else b"", seconds=self.seconds,
            )  # fmt: skip
        except Error as error:
            return SinkError(masking(error.message), hint=error.hint)
        if ended.code == 0:
            return None
        said = masking(ended.err.strip() or ended.out.decode(errors="replace").strip())
        said = said if len(said) <= _SAID else f"{said[:_SAID]}…"
        ending = f"ended with {ended.code}" if ended.code > 0 else f"was ended by signal {-ended.code}"
        hint = _LOG_IN if command[0] == "gh" else "run it by hand, with some text on its standard input"
        return SinkError(f"{Path(command[0]).name} {ending}" + (f", and said: {said}" if said else ""), hint=hint)
