#!/usr/bin/env python3
"""Checks that plain loops around the functions of core/kernels are vectorized.

usage: vectorization_test.py ROOT COMPILER [FLAG...]

Writes a source file with one function per loop, compiles it and core/kernels/philox_fill.cpp with the
given compiler and flags (for instance -march=x86-64-v3) and the flags that the kernels are built with.
Each loop must stand in the compiler's vectorization report, and the assembly of the functions written
here must hold no call: Clang reports a loop as vectorized even where it calls a scalar function lane
by lane. A loop around std::exp and one in which each element needs the one before are compiled along;
they must be found wanting, which shows that the checks can say no.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

KERNEL_FLAGS = ["-std=c++20", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]

UNARY = """exp expm1 log log1p tanh erf erfc sigmoid softplus log_sigmoid sin cos sqrt rsqrt
           floor ceil round_half_even abs sign""".split()
BINARY = "pow maximum minimum".split()
UNARY_DOUBLE = "sqrt rsqrt floor ceil round_half_even abs sign".split()
BINARY_DOUBLE = "maximum minimum".split()
MUST_FAIL = {"scalar_exp": "y[i] = std::exp(a[i])", "recurrence": "y[i] = math::exp(y[i - 1])"}


def loops():
    """(function name, element type, statement) of each loop."""
    for type_, unary, binary in (("float", UNARY, BINARY), ("double", UNARY_DOUBLE, BINARY_DOUBLE)):
        for f in unary:
            yield f"{f}_{type_}", type_, f"y[i] = math::{f}(a[i])"
        for f in binary:
            yield f"{f}_{type_}", type_, f"y[i] = math::{f}(a[i], b[i])"
    for name, statement in MUST_FAIL.items():
        yield name, "float", statement


def source():
    parts = ['#include <cmath>\n#include "core/kernels/math_functions.h"\nnamespace math = strata::math;\n']
    for name, type_, statement in loops():
        parameters = ", ".join(f"{const}{type_}* __restrict {p}"
                               for const, p in (("const ", "a"), ("const ", "b"), ("", "y")))
        parts.append(f'extern "C" void {name}(long n, {parameters}) {{\n'
                     f"  (void)a, (void)b;\n"
                     f"  for (long i = 1; i < n; ++i) {statement};  // LOOP {name}\n}}\n")
    return "".join(parts)


def compile_to_assembly(compiler, flags, root, path, output):
    """Returns the (file name, line) of every loop that the compiler says it vectorized."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    report = ["-Rpass=loop-vectorize"] if "clang" in version else ["-fopt-info-vec-optimized"]
    command = [compiler, *flags, *KERNEL_FLAGS, *report, "-I", str(root), "-S", str(path), "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"cannot compile:\n{' '.join(command)}\n{result.stderr}")
    pattern = r"^(.*?):(\d+):\d+: (?:optimized: loop vectorized|remark: vectorized loop)"
    return {(pathlib.Path(file).name, int(line))
            for file, line in re.findall(pattern, result.stderr, re.MULTILINE)}


def functions_with_calls(assembly):
    """The functions whose body calls or tail-calls another one."""
    found, name = set(), None
    for line in assembly.read_text().splitlines():
        label = re.match(r"(\w+):", line)
        if label:
            name = label.group(1)
        elif re.match(r"\s+(call|jmp\s+[a-zA-Z_])", line):
            found.add(name)
    return found


def loops_marked_in(path):
    """The loops of a file by name: a line that holds a loop and ends in `// LOOP name`."""
    marked = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.search(r"// LOOP (.*)$", line)
        if match:
            marked[match.group(1)] = (path.name, number)
    return marked


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    root, compiler, flags = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    fill = root / "core/kernels/philox_fill.cpp"
    with tempfile.TemporaryDirectory() as folder:
        path, assembly = pathlib.Path(folder) / "loops.cpp", pathlib.Path(folder) / "loops.s"
        path.write_text(source())
        marked = loops_marked_in(path)
        vectorized = compile_to_assembly(compiler, flags, root, path, assembly)
        calling = functions_with_calls(assembly)
        marked |= loops_marked_in(fill)
        vectorized |= compile_to_assembly(compiler, flags, root, fill, assembly)
    scalar = {name for name, at in marked.items() if at not in vectorized or name in calling}
    wrong = [f"{name} is not vectorized" for name in sorted(scalar - MUST_FAIL.keys())]
    wrong += [f"{name} passes for vectorized: the checks prove nothing" for name in MUST_FAIL.keys() - scalar]
    print(f"{compiler} {' '.join(flags)}: {len(marked) - len(MUST_FAIL)} loops, {len(wrong)} wrong")
    for line in wrong:
        print(" ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
