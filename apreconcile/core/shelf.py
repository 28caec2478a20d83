"""A shelf takes the long texts out of a spec that is written, into files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .address import KEY
from .kind import Kind
from .wire import Wire
from .writing import escaped

SHORT, LARGEST = 200, 900_000
"""Characters of one line that stay in the spec, and bytes of a text that a file may hold; a spec reads 1,000,000."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Files of a folder, named from the folder of the spec with `/` between its parts; none, if there is no folder."""

    folder: str | None
    files: dict[str, str] = field(default_factory=dict)

    def without_prose(self, kind: Kind, key: str, entry: Mapping[str, Wire]) -> dict[str, Wire]:
        """An entry that names the file of its text, if that is long and reads back from a file as itself.

        One that reads a variable does not: a file is taken word for word. The file is named for the key alone.
        """
        said = entry.get(kind.prose) if kind.prose else None
        if self.folder is None or not isinstance(said, str):
            return dict(entry)
        text = said.replace("$${", "${")
        is_long = "\n" in text or len(text) > SHORT
        fits = is_long and not text.endswith("\r") and len(text.encode()) <= LARGEST
        if escaped(text) != said or not fits or not KEY.fullmatch(key):
            return dict(entry)
        path = f"{self.folder}/{key}.md"
        self.files[path] = f"{text}\n"
        return {**entry, str(kind.prose): {"file": escaped(path)}}
