import os
from pathlib import Path

import pytest

from apreconcile.show.screen import plain

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def golden():
    """Compare a whole screen with the file that holds it; GOLDEN=write writes the file instead, to be read and kept."""

    def compare(name, lines):
        path, screen = CASES / f"{name}.txt", plain(lines)
        if os.environ.get("GOLDEN") == "write":
            path.write_text(screen, encoding="utf-8")
        assert screen == path.read_text(encoding="utf-8")

    return compare
