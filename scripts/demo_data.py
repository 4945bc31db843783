"""Generates what `make demo` uses where nothing can be fetched: a small model and a volume.

python3 scripts/demo_data.py FOLDER writes generated.safetensors (with the two tensors whose shapes
the demo changes) and generated.nii (a shaded ball in a 181 x 217 x 181 box). Standard library only.
"""

import json
import random
import struct
import sys
from pathlib import Path


def write_model(path: Path) -> None:
    """Random float32 tensors under the names of a small BERT."""
    generator = random.Random(7)
    shapes = {
        "embeddings.word_embeddings.weight": (30522, 384),
        "embeddings.position_embeddings.weight": (512, 384),
        **{f"encoder.layer.{i}.output.dense.weight": (384, 1536) for i in range(6)},
    }
    header: dict[str, object] = {}
    offset = 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    row = b"".join(struct.pack("<f", generator.gauss(0, 0.05)) for _ in range(1 << 16))
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start in range(0, offset, len(row)):
            file.write(row[: min(len(row), offset - start)])


def write_volume(path: Path) -> None:
    """A ball whose brightness falls towards its edge, as NIfTI-1."""
    nx, ny, nz = 181, 217, 181
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, nx, ny, nz, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352.0)
    header[344:348] = b"n+1\0"
    with path.open("wb") as file:
        file.write(header)
        for z in range(nz):
            for y in range(ny):
                rest = 1 - ((y - ny / 2) / 90) ** 2 - ((z - nz / 2) / 80) ** 2
                file.write(
                    bytes(
                        max(0, min(255, int(255 * (rest - ((x - nx / 2) / 80) ** 2))))
                        for x in range(nx)
                    )
                )


def main() -> None:
    """Writes both files into the folder named by the first argument."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder / "generated.safetensors")
    write_volume(folder / "generated.nii")


if __name__ == "__main__":
    main()
