"""A program that a test writes, started as any other."""

from __future__ import annotations

import os
import shlex
import sys

import pytest


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def program(tmp_path):
    """A program of this name in a folder of its own, which is its PATH: what it does, as Python or as a shell's lines."""

    def make(code: str, name: str = "program", *, sh: bool = False) -> dict[str, str]:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        python = path.with_suffix(".py")
        python.write_text(f"import json, os, sys\n{code}\n")
        started = "unset PWD; exec " + shlex.join([sys.executable, str(python)]) + ' "$@"'
        path.write_text(f"#!/bin/sh\n{code if sh else started}\n")
        path.chmod(0o755)
        return {"PATH": f"{path.parent}{os.pathsep}{os.defpath}"}

    return make
