import os
from pathlib import Path

import pytest

from apreconcile.show.screen import plain

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def golden():
    """Compare a whole screen with the file that holds it; GOLDEN=write writes the file instead, to be read and kept.

    A screen is lines of spans, or a text of another format, which the name of the file says then.
    """

    def compare(name, shown):
        path, screen = (CASES / name, shown) if isinstance(shown, str) else (CASES / f"{name}.txt", plain(shown))
        if os.environ.get("GOLDEN") == "write":
            path.write_text(screen, encoding="utf-8")
        assert screen == path.read_text(encoding="utf-8")

    return compare
