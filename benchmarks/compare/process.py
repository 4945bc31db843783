"""Worker processes and other programs, as the driver sees them."""

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import IO, Any

ANSWER_SECONDS = 900  # The slowest peer's largest array takes a minute.


class PeerError(Exception):
    """A peer could not do what it was told; the text is its own."""


class ProgramError(Exception):
    """A program failed, or did not end."""


def run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, whatever its status; ProgramError if that takes too long."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS,
            env=os.environ | (environment or {}),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ProgramError(f"{' '.join(command)}: no end in {ANSWER_SECONDS} s") from None


def output_of(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What a program prints; ProgramError if it fails."""
    done = run(command, environment)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-200:]
        raise ProgramError(f"{' '.join(command)}: ended with status {done.returncode}: {said}")
    return done.stdout


class Worker:
    """Started with a command; asked one line at a time. Its errors go to a log file."""

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], cores: int, log: Path
    ) -> None:
        self.name = name
        self._log: IO[str] = log.open("a")
        allowed = sorted(os.sched_getaffinity(0))[:cores]
        self._process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, allowed)), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            env=os.environ | environment,
        )

    def begin(self, command: str) -> None:
        """Tells it, without waiting."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
        except BrokenPipeError:
            raise PeerError(f"{self.name}: ended before {command}") from None

    def finish(self, command: str) -> dict[str, Any]:
        """Its answer. PeerError if it says so, or died."""
        assert self._process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        deadline = threading.Timer(ANSWER_SECONDS, give_up)
        deadline.start()
        line = self._process.stdout.readline()
        deadline.cancel()
        if not line:
            how = f"ended with status {self._process.wait()}"
            if late.is_set():
                how = f"no answer in {ANSWER_SECONDS} s"
            raise PeerError(f"{self.name}: {command}: {how}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            raise PeerError(f"{self.name}: {command}: answered {line.strip()!r}") from None
        if "error" in answer:
            raise PeerError(f"{self.name}: {command}: {answer['error']}")
        return answer

    def ask(self, command: str) -> dict[str, Any]:
        """One command, one answer."""
        self.begin(command)
        return self.finish(command)

    def close(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._log.close()
