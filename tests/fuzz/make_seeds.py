#!/usr/bin/env python3
"""Inputs that the fuzz targets start from: make_seeds.py FOLDER writes FOLDER/TARGET/... and FOLDER/json.dict."""
import gzip
import io
import json
import math
import pathlib
import re
import struct
import sys
import tarfile
import zipfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
SUITE = TESTS / "oracle/suite/files.tar.xz"
IMAGES = TESTS / "data/image_cases.h"
LARGEST_CONFIG = 8000


def idx_files():
    for sizes in [(4,), (2, 3, 3)]:
        count = math.prod(sizes)
        yield b"\0\0\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + bytes(range(count))


def npy_files():
    for version in (1, 2):
        for descr in ("<f4", ">f8", "<f2", "<i8", ">u2", "|u1", "|b1"):
            for shape, fortran in [((2, 3), False), ((2, 3), True), ((), False), ((0, 4), False)]:
                text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
                length = struct.pack("<H" if version == 1 else "<I", len(text))
                elements = bytes(int(descr[2]) * math.prod(shape))
                yield b"\x93NUMPY" + bytes([version, 0]) + length + text + elements


def zip_files():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        for names in [["metadata.json", "config.json"], ["a/b.npy"], ["../a", "/b", "c\\d"], []]:
            content = io.BytesIO()
            with zipfile.ZipFile(content, "w", method) as archive:
                for name in names:
                    archive.writestr(zipfile.ZipInfo(name), b"{}" * 40, method)
            yield content.getvalue()


def images(ending):
    """The files of tests/data/image_cases.h whose names end so."""
    for name, content in re.findall(r'\{"([a-z0-9]+\.[a-z]+)",((?:\s*"[0-9a-f]+")+)', IMAGES.read_text()):
        if name.endswith(ending):
            yield bytes.fromhex("".join(re.findall(r"[0-9a-f]+", content)))


def configs():
    """Those of models that real Keras saved."""
    with tarfile.open(SUITE) as suite:
        for member in suite:
            if not member.name.endswith(".keras") or member.name.startswith("bad/"):
                continue
            try:
                with zipfile.ZipFile(io.BytesIO(suite.extractfile(member).read())) as archive:
                    config = archive.read("config.json")
            except (zipfile.BadZipFile, KeyError):
                continue
            # Without the spaces more of them fit the length of an input.
            config = json.dumps(json.loads(config), separators=(",", ":")).encode()
            if len(config) <= LARGEST_CONFIG:
                yield config


def words_of(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from words_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from words_of(part)
    elif isinstance(value, str):
        yield value


def main():
    folder = pathlib.Path(sys.argv[1])
    seeds = {"idx": list(idx_files()), "npy": list(npy_files()), "zip": list(zip_files()), "json": sorted(set(configs())),
             "wire": [bytes(64)], "hdf5_layouts": [bytes(64)], "bmp": list(images("bmp")), "gif": list(images("gif")),
             "jpeg": list(images("jpg")), "png": list(images("png"))}
    seeds["idx"] += [gzip.compress(content, mtime=0) for content in seeds["idx"]]
    for target, contents in seeds.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for i, content in enumerate(contents):
            (folder / target / f"seed_{i}").write_bytes(content)
    words = {word for config in seeds["json"] for word in words_of(json.loads(config))}
    plain = sorted(word for word in words if word.isascii() and word.isprintable() and 0 < len(word) < 40 and not set(word) & set('"\\'))
    (folder / "json.dict").write_text("".join(f'"\\"{word}\\""\n' for word in plain))


main()
