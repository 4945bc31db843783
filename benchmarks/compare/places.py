"""Where the arrays of a cell lie: in a folder of a disk, or in a bucket of an S3 server."""

import itertools
import os
import shutil
from pathlib import Path

from benchmarks.compare.cells import Cell
from benchmarks.compare.server import Proxy, Server

FILES_REMOVED_MAX = 1000
DISK_FREE_MIN = 16 << 30


class Folder:
    """Below `work`, beside the cell's job files."""

    def __init__(self, work: Path) -> None:
        self._work = work / "cell"
        self._discarded = work / "discarded"

    def of(self, name: str) -> str:
        """The place of that name."""
        return str(self._work / name)

    def remove(self, place: str) -> None:
        """Removes a folder; of many files only at the end of the run.

        ext4 looks at every inode that was deleted in the last minutes when it makes a file, so that
        who comes after a large removal pays for it, many times over.
        """
        path = Path(place)
        if not path.exists():
            return
        files = sum(len(files) for _, _, files in os.walk(path))
        if files < FILES_REMOVED_MAX:
            shutil.rmtree(path)
        elif shutil.disk_usage(path).free < DISK_FREE_MIN:
            shutil.rmtree(path)
            shutil.rmtree(self._discarded, ignore_errors=True)
        else:
            self._discarded.mkdir(exist_ok=True)
            path.rename(self._discarded / str(len(list(self._discarded.iterdir()))))

    def settle(self) -> None:
        """Before something is written on the clock."""
        os.sync()

    def environment(self, peer: str) -> dict[str, str]:
        """What that peer's measured worker needs to find the places; empty: any other worker's."""
        del peer
        return {}

    def processor(self) -> float:
        """How much processor time has been used behind it, in seconds."""
        return 0

    def requests(self) -> dict[str, dict[str, int]]:
        """How many requests each peer's measured workers sent since it was asked, by method."""
        return {}

    def close(self) -> None:
        """Removes everything."""
        self.remove(str(self._work))


class Bucket:
    """Below a prefix that nobody else has; each peer behind a proxy of its own, if it is asked for.

    It is by latency, and where requests are to be counted.
    """

    _numbers = itertools.count()

    def __init__(self, build: Path, latency_ms: int) -> None:
        self.server = Server()
        self._build = build
        self._latency_ms = latency_ms
        self._prefix = f"cell-{next(self._numbers)}"
        self._proxies: dict[str, Proxy] = {}
        self.counting = latency_ms > 0

    def of(self, name: str) -> str:
        """The place of that name."""
        return f"s3://{self.server.bucket}/{self._prefix}/{name}"

    def _key(self, place: str) -> str:
        return place.removeprefix(f"s3://{self.server.bucket}/")

    def remove(self, place: str) -> None:
        """Removes what is below it."""
        self.server.remove(self._key(place))

    def stored(self, place: str) -> int:
        """How many bytes lie there."""
        return self.server.stored(self._key(place))

    def settle(self) -> None:
        """Nothing waits to be written: the server has answered."""

    def environment(self, peer: str) -> dict[str, str]:
        """As Folder's."""
        if not peer or not self.counting:
            return self.server.environment()
        if peer not in self._proxies:
            self._proxies[peer] = Proxy(self._build, self.server.url, self._latency_ms)
        return self.server.environment(self._proxies[peer].url)

    def processor(self) -> float:
        """As Folder's."""
        return self.server.processor()

    def requests(self) -> dict[str, dict[str, int]]:
        """As Folder's; ends the proxies."""
        proxies, self._proxies = self._proxies, {}
        return {peer: proxy.close() for peer, proxy in proxies.items()}

    def close(self) -> None:
        """Removes everything."""
        self.requests()
        self.server.remove(self._prefix)


def place_of(cell: Cell, build: Path, work: Path) -> Folder | Bucket:
    """Where a cell's arrays are to lie."""
    return Bucket(build, cell.latency) if cell.store == "s3" else Folder(work)
