"""The command under test."""

import os
import subprocess
from pathlib import Path

COFFER = os.environ.get("COFFER", "build/dev/bin/coffer")


def coffer(*arguments: str | Path) -> str:
    """Runs the command, which must succeed, and returns what it printed."""
    done = subprocess.run(
        [COFFER, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
