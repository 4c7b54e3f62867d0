#!/usr/bin/env python3
"""Holds docs/keras.md, the table of Keras's names, against the code.

keras_names.py SOURCE BUILD PROGRAM COMPILER [--write]

A row says whether one of Keras's names is here and what it is called in C++. Whether it is comes from the code: the
compiler is asked for each C++ name, and PROGRAM prints the classes of the registries, and which texts in quotes are
understood. Fails when table and code disagree:
- a row says yes, and a C++ name does not exist, or a class of a registry's section is not in the registry;
- a row says no, and the name exists in the namespaces of its section;
- a class is in a registry and has no row.
With --write the columns "Here" and "In C++" are filled in from the code. Names of functions and classes go without the
namespace strata."""
import os
import pathlib
import re
import shlex
import subprocess
import sys

# Where the names of a section are to be looked for, and the registry of its classes.
SCOPES = {
    "A.1": ["layers", "utils", "data"], "A.2": ["activations"], "A.3": ["initializers"], "A.4": ["regularizers"],
    "A.5": ["constraints"], "A.6": ["optimizers"], "A.7": ["optimizers::schedules"], "A.8": ["losses"],
    "A.9": ["metrics"], "A.10": ["callbacks"], "A.11": ["", "Model"], "A.12": ["utils", "data"], "A.13": ["applications"],
}
KINDS = {"A.1": "layer", "A.2": "activation", "A.3": "initializer", "A.4": "regularizer", "A.5": "constraint",
         "A.6": "optimizer", "A.7": "schedule", "A.8": "loss", "A.9": "metric", "A.11": "layer"}
# `fit(epochs)` is an argument of fit: a member of its options. `Model.fit` is a member itself.
OPTIONS = {"compile": "CompileOptions", "fit": "FitOptions", "evaluate": "EvaluateOptions", "predict": "PredictOptions",
           "Optimizer": "optimizers::CommonOptions", "summary": "SummaryOptions", "load_weights": "LoadWeightsOptions",
           "TensorBoard": "callbacks::TensorBoardOptions"}
MEMBERS = {"Callback": "callbacks::Definition", "Layer": "layers::Base", "Model": "Model", "Optimizer": "Optimizer",
           "Sequential": "Sequential"}
# Names in sections with a registry that are no classes of it: bases of one's own classes, functions, lists.
NOT_REGISTERED = {"Constraint", "Initializer", "Input", "InputLayer", "Layer", "LearningRateSchedule", "Loss", "Metric",
                  "Model", "Optimizer", "OptimizerMap", "Regularizer"}

QUOTE = '"'
ROW = re.compile(r"^\| (?P<keras>.+?) \| (?P<here>\S*) *\| (?P<cpp>.*?) *\| (?P<note>.*?) *\|$")


def in_backticks(cell):
    return re.findall(r"`([^`]+)`", cell)


class Row:
    def __init__(self, number, section, cells):
        self.number, self.section = number, section
        self.names, self.says = in_backticks(cells["keras"]), cells["here"]
        self.cpp, self.keras, self.note = in_backticks(cells["cpp"]), cells["keras"], cells["note"]

    def guesses(self):
        """For each of Keras's names, what it could be called here."""
        return [guesses(self.section, name) for name in self.names]

    def line(self, here, cpp):
        return f"| {self.keras} | {'yes' if here else 'no'} | {', '.join(f'`{n}`' for n in cpp)} | {self.note} |"


def guesses(section, name):
    if name.startswith(QUOTE):
        return [name]
    argument = re.fullmatch(r"(\w+)\((\w+)\)", name)
    if argument:
        return [f"{OPTIONS[argument[1]]}::{argument[2]}"]
    owner, _, member = name.partition(".")
    if member and section == "A.13":
        return [f"applications::{owner}::{member}"]
    if member:
        return [f"{MEMBERS[owner]}::{member}"] if owner in MEMBERS else [f"datasets::{owner}::{member}"]
    return [f"{scope}::{name}".removeprefix("::") for scope in SCOPES[section]]


def read(table):
    rows, section = [], None
    for number, line in enumerate(table.read_text().splitlines()):
        heading = re.match(r"## (A\.\d+)", line)
        section = heading[1] if heading else section
        found = ROW.match(line)
        if found and section and in_backticks(found["keras"]):
            rows.append(Row(number, section, found))
    return rows


def declared(names, source, build, compiler):
    """Those of the C++ names that a program of the library's users can name."""
    folder = build / "keras_names"
    folder.mkdir(exist_ok=True)
    probe = folder / "probe.cpp"
    lines = ["#include <strata/strata.h>"]
    for i, name in enumerate(names):
        scope = name.rpartition("::")[0]
        is_member = scope.rpartition("::")[2][:1].isupper()
        lines.append(f"struct probe{i} : strata::{scope} {{ using strata::{name}; }};" if is_member
                     else f"namespace probe{i} {{ using strata::{name}; }}")
    probe.write_text("\n".join(lines) + "\n")
    command = [*shlex.split(compiler), "-std=c++20", "-fsyntax-only", f"-I{source}", f"-I{build / 'generated'}", str(probe)]
    if "clang" in subprocess.run([*shlex.split(compiler), "--version"], capture_output=True, text=True).stdout:
        command.insert(-1, "-ferror-limit=0")
    messages = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stderr
    missing = set()
    for place, line, kind in re.findall(r"^(\S+?):(\d+):\d+: (error|fatal error)", messages, re.M):
        if kind != "error" or not place.endswith("probe.cpp") or line == "1":
            sys.exit(f"the probe does not compile:\n{messages[:3000]}")
        missing.add(int(line))
    return {name for i, name in enumerate(names) if i + 2 not in missing}


def with_kind(section, name):
    """A text in quotes with what it stands for, as the program prints it; other names as they are."""
    return f"{KINDS[section]} {name}" if name.startswith(QUOTE) else name


class Code:
    """What there is."""

    def __init__(self, rows, source, build, program, compiler):
        asked = {with_kind(row.section, name) for row in rows for name in row.cpp + sum(row.guesses(), [])}
        texts = sorted(name for name in asked if QUOTE in name)
        arguments = [text.replace(" ", ":", 1).replace(QUOTE, "") for text in texts]
        output = subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
        self.registered = set(output.splitlines())
        self.names = declared(sorted(asked.difference(texts)), source, build, compiler)

    def has(self, section, name):
        return with_kind(section, name) in self.registered | self.names

    def cpp_of(self, row):
        """The C++ names of a row: those it states, else one guess for each of Keras's names that is right."""
        if row.cpp:
            return row.cpp if all(self.has(row.section, n) for n in row.cpp) else []
        found = [[g for g in options if self.has(row.section, g)] for options in row.guesses()]
        return [options[0] for options in found] if all(found) else []


def disagreements(rows, code):
    for row in rows:
        where = f"{row.section} {', '.join(row.names)}"
        if row.says not in ("yes", "no"):
            yield f"{where}: says neither yes nor no"
        elif row.says == "yes":
            if not row.cpp:
                yield f"{where}: says yes, but not what it is called here"
            for name in row.cpp:
                if not code.has(row.section, name):
                    yield f"{where}: says yes, but there is no {name}"
        else:
            for name in sum(row.guesses(), []):
                if code.has(row.section, name):
                    yield f"{where}: says no, but there is {name}"
        yield from registry_disagreements(row, where, code)
    listed = {f"{KINDS[row.section]} {name.strip(QUOTE)}" for row in rows if row.section in KINDS for name in row.names}
    for name in sorted(code.registered - listed):
        if QUOTE not in name:
            yield f"{name} is in a registry, and has no row"


def registry_disagreements(row, where, code):
    kind = KINDS.get(row.section)
    classes = [n for n in row.names if re.fullmatch(r"[A-Z]\w+", n)]
    if kind in (None, "activation") or not classes or set(row.names) & NOT_REGISTERED:
        return
    registered = any(f"{kind} {name}" in code.registered for name in classes)
    if registered != (row.says == "yes"):
        yield f"{where}: says {row.says}, but files may {'' if registered else 'not '}name it"


def main():
    write = "--write" in sys.argv
    source, build, program, compiler = [a for a in sys.argv[1:] if a != "--write"]
    table = pathlib.Path(source) / "docs/keras.md"
    rows = read(table)
    if not rows:
        sys.exit(f"{table} holds no row")
    code = Code(rows, source, pathlib.Path(build), program, compiler)
    if write:
        lines = table.read_text().splitlines()
        for row in rows:
            row.cpp = code.cpp_of(row)
            row.says = "yes" if row.cpp else "no"
            lines[row.number] = row.line(row.cpp, row.cpp)
        table.write_text("\n".join(lines) + "\n")
    wrong = list(disagreements(rows, code))
    print("\n".join(wrong))
    here = sum(row.says == "yes" for row in rows)
    print(f"{here} of {len(rows)} rows are here")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
