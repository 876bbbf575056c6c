"""Writes blocks.json: blocks of weights in every format that has them, and the numbers that they stand for.

    python blocks.py

The bytes are random but always the same; what they stand for is said by the `gguf` package (numpy), which ggml's
authors publish. Numbers are written as the bytes of floats of 32 bits, so that none is rounded.
"""

import json
from pathlib import Path

import gguf
import numpy

# How many bytes a block has, and where in it scales stand, floats of 16 bits.
FORMATS = {
    "Q4_0": (18, [0]),
    "Q4_1": (20, [0, 2]),
    "Q5_0": (22, [0]),
    "Q5_1": (24, [0, 2]),
    "Q8_0": (34, [0]),
    "Q4_K": (144, [0, 2]),
    "Q5_K": (176, [0, 2]),
    "Q6_K": (210, [208]),
}
BLOCKS = 2


def blocks(random: numpy.random.Generator, length: int, scales: list[int]) -> numpy.ndarray:
    """Random blocks with scales as weights have them."""
    made = random.integers(0, 256, (BLOCKS, length), numpy.uint8)
    for at in scales:
        values = random.uniform(-0.1, 0.1, BLOCKS).astype(numpy.float16)
        made[:, at : at + 2] = values.view(numpy.uint8).reshape(BLOCKS, 2)
    return made


def main() -> None:
    """Writes the file."""
    random = numpy.random.default_rng(7)
    lines = []
    for name, (length, scales) in FORMATS.items():
        kind = gguf.GGMLQuantizationType[name]
        made = blocks(random, length, scales)
        values = gguf.quants.dequantize(made, kind).astype("<f4")
        line = {"format": kind.value, "bytes": made.tobytes().hex(), "values": values.tobytes().hex()}
        lines.append(json.dumps(line, separators=(",", ":")))
    Path(__file__).with_name("blocks.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
