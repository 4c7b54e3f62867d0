"""Reads the MNIST copy that travels with the repository: gzip-compressed IDX files."""

import gzip
import pathlib
import struct

import numpy as np

DIRECTORY = pathlib.Path(__file__).resolve().parent.parent / "data" / "mnist"


def read_idx(path, convert=lambda chunk: chunk, dtype=np.uint8):
    """One gzip-compressed IDX file of unsigned bytes, converted piece by piece.

    Reading in pieces keeps the loader's own memory out of the peak that the benchmark reports.
    """
    with gzip.open(path, "rb") as file:
        zeros, kind, rank = struct.unpack(">HBB", file.read(4))
        if zeros != 0 or kind != 0x08:
            raise ValueError(f"{path}: expected an IDX file of unsigned bytes, received kind {kind:#x}")
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        array = np.empty(shape, dtype)
        flat = array.reshape(-1)
        position = 0
        while chunk := file.read(1 << 20):
            piece = np.frombuffer(chunk, np.uint8)
            flat[position:position + len(piece)] = convert(piece)
            position += len(piece)
    if position != flat.size:
        raise ValueError(f"{path}: expected {flat.size} values, received {position}")
    return array


def load(part="train"):
    """(x, y): x float32 in [0, 1] of shape (n, 28, 28, 1), y int32 of shape (n,)."""
    prefix = {"train": "train", "test": "t10k"}[part]
    x = read_idx(DIRECTORY / f"{prefix}-images-idx3-ubyte.gz",
                 lambda piece: piece * np.float32(1 / 255), np.float32)
    y = read_idx(DIRECTORY / f"{prefix}-labels-idx1-ubyte.gz", dtype=np.int32)
    return x[..., None], y
