"""What one cell asks of a worker: written by the driver, read by worker.py and native/job.cc.

A job file has one fact a line, a word and its values; native/job.h lists them.
"""

from dataclasses import dataclass, field
from pathlib import Path

Region = list[tuple[int, int, int]]  # Begin, end and step of each dimension.
WORDS_OF_NUMBERS = ("shape", "chunk", "shard")


@dataclass
class Job:
    """See native/job.h. `selections` are the regions of the calls, one each; none: everything."""

    source: str = ""
    dtype: str = "uint16"
    shape: tuple[int, ...] = ()
    chunk: tuple[int, ...] = ()
    shard: tuple[int, ...] = ()
    codec: str = "none"
    checksum: bool = False
    durable: bool = True
    cores: int = 2
    selections: list[Region] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Writes the job file."""
        lines = [f"source {self.source}"] if self.source else []
        for word in WORDS_OF_NUMBERS:
            lines.append(" ".join([word, *map(str, getattr(self, word))]))
        lines += [f"dtype {self.dtype}", f"codec {self.codec}", f"cores {self.cores}"]
        lines += [f"checksum {int(self.checksum)}", f"durable {int(self.durable)}"]
        for region in self.selections:
            lines.append("select " + " ".join(f"{a}:{b}:{s}" for a, b, s in region))
        path.write_text("\n".join(lines) + "\n")


def read_job(path: Path) -> Job:
    """Reads a job file; ValueError for a word that is not known."""
    job = Job()
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "select":
            parts = (part.split(":") for part in rest.split())
            job.selections.append([(int(a), int(b), int(s)) for a, b, s in parts])
        elif word in WORDS_OF_NUMBERS:
            setattr(job, word, tuple(map(int, rest.split())))
        elif word in ("source", "dtype", "codec"):
            setattr(job, word, rest)
        elif word in ("checksum", "durable"):
            setattr(job, word, rest == "1")
        elif word == "cores":
            job.cores = int(rest)
        else:
            raise ValueError(f"{path}: unknown word {word}")
    return job


def slices(region: Region) -> tuple[slice, ...]:
    """As NumPy and its like take a region."""
    return tuple(slice(a, b, s) for a, b, s in region)
