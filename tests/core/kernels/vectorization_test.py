#!/usr/bin/env python3
"""Checks that plain loops around the functions of core/kernels are vectorized.

usage: vectorization_test.py ROOT COMPILER [FLAG...]

Writes one loop per function into a temporary source file, compiles it with the given compiler and
flags (for instance -march=x86-64-v3) and the flags that the kernels are built with, and looks for
each loop's line in the compiler's vectorization report. A loop around std::exp and one with a
dependence from element to element are compiled along: they must stay scalar, which shows that the
report can be trusted to say no.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

KERNEL_FLAGS = ["-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math"]

UNARY = """exp expm1 log log1p tanh erf erfc sigmoid softplus log_sigmoid sin cos sqrt rsqrt
           floor ceil round_half_even abs sign""".split()
BINARY = "pow maximum minimum".split()
UNARY_DOUBLE = "sqrt rsqrt floor ceil round_half_even abs sign".split()

SCALAR = {
    "std::exp": "void scalar_exp(const float* x, float* y) {\n"
                "  for (int i = 0; i < 4096; ++i) y[i] = std::exp(x[i]);  // LOOP std::exp\n}\n",
    "recurrence": "void recurrence(float* y) {\n"
                  "  for (int i = 1; i < 4096; ++i) y[i] = math::exp(y[i - 1]);  // LOOP recurrence\n}\n",
}


def source():
    parts = ['#include <cmath>\n#include "core/kernels/math_functions.h"\n'
             '#include "core/kernels/philox.h"\nnamespace math = strata::math;\n']
    for type_, names in (("float", UNARY), ("double", UNARY_DOUBLE)):
        for f in names:
            parts.append(
                f"void {f}_{type_}(long n, const {type_}* __restrict x, {type_}* __restrict y) {{\n"
                f"  for (long i = 0; i < n; ++i) y[i] = math::{f}(x[i]);  // LOOP {f}({type_})\n}}\n")
    for type_ in ("float", "double"):
        for f in BINARY:
            if (f, type_) == ("pow", "double"):
                continue
            parts.append(
                f"void {f}_{type_}(long n, const {type_}* __restrict a, const {type_}* __restrict b,\n"
                f"                 {type_}* __restrict y) {{\n"
                f"  for (long i = 0; i < n; ++i) y[i] = math::{f}(a[i], b[i]);  // LOOP {f}({type_})\n}}\n")
    parts.extend(SCALAR.values())
    return "".join(parts)


def vectorized_lines(compiler, flags, root, path):
    """The (file name, line) of every loop that the compiler says it vectorized."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    report = ["-Rpass=loop-vectorize"] if "clang" in version else ["-fopt-info-vec-optimized"]
    command = [compiler, *flags, *KERNEL_FLAGS, *report, "-I", str(root), "-c", str(path), "-o", "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"cannot compile:\n{' '.join(command)}\n{result.stderr}")
    found = set()
    for line in result.stderr.splitlines():
        match = re.match(r"(.*?):(\d+):\d+: (?:optimized: loop vectorized|remark: vectorized loop)", line)
        if match:
            found.add((pathlib.Path(match.group(1)).name, int(match.group(2))))
    return found


def loops_of(path):
    """The loops of a file by name: a line that holds a loop and ends in `// LOOP name`."""
    loops = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.search(r"// LOOP (.*)$", line)
        if match:
            loops[match.group(1)] = (path.name, number)
    return loops


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    root, compiler, flags = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "loops.cpp"
        path.write_text(source())
        loops = loops_of(path) | loops_of(root / "core/kernels/philox.h")
        found = vectorized_lines(compiler, flags, root, path)
    wrong = [f"{name}: not vectorized" for name, at in loops.items() if name not in SCALAR and at not in found]
    wrong += [f"{name}: reported as vectorized, so the report proves nothing" for name in SCALAR
              if loops[name] in found]
    print(f"{compiler} {' '.join(flags)}: {len(loops) - len(SCALAR)} loops, {len(wrong)} wrong")
    for line in wrong:
        print(" ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
