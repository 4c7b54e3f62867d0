#!/usr/bin/env python3
"""Runs the oracle driver on every case of suite/ and holds the outcome against left_out.txt.

run.py DRIVER RESULTS [--only SUBSTR[,..]] [--suite DIR]

Fails when a case does not pass that the list does not name, and when one passes that it names: the list says exactly
what is missing. A case passes when all its rows (files, formats, kinds of value) do; rows marked optional- do not count.
Wants h5py and NumPy."""
import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW = re.compile(r"^(optional-)?(pass|fail|missing|crash|unsupported|timeout) +(\S+) ")


def left_out():
    """case -> the missing name; a line is `case  what is missing`, # starts a comment."""
    names = {}
    for line in (HERE / "left_out.txt").read_text().splitlines():
        words = line.split("#")[0].split(None, 1)
        if words:
            if len(words) != 2:
                sys.exit(f"left_out.txt: no missing name behind {words[0]}")
            names[words[0]] = words[1].strip()
    return names


def case_of(label):
    """`conv/c1_same.keras/resume` -> `conv/c1_same`."""
    return re.sub(r"\.(keras|h5|weights|legacy_weights)(/.*)?$", "", label)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver")
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--suite", type=pathlib.Path, default=HERE / "suite")
    args = parser.parse_args()

    # The suite unpacks itself beside its archive: in a copy, so that the sources stay as they are.
    suite = args.results / "suite"
    if not (suite / "cases").is_dir():
        shutil.rmtree(suite, ignore_errors=True)
        shutil.copytree(args.suite, suite)
    command = [sys.executable, str(suite / "check.py"), str(args.results), "--suite", str(suite), "--driver", args.driver, "--verbose"]
    if args.only:
        command += ["--only", args.only]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout

    rows, lines = collections.defaultdict(list), output.splitlines()
    for i, line in enumerate(lines):
        found = ROW.match(line)
        if found:
            detail = [line] + [l for l in lines[i + 1:i + 4] if l.startswith("    ")]
            rows[case_of(found[3])].append((found[1] is not None, found[2], detail))
    if not rows:
        sys.exit(f"the check printed no row:\n{output}")

    listed, wrong, passed = left_out(), [], 0
    for case, entries in rows.items():
        failed = [detail for optional, status, detail in entries if status != "pass" and not optional]
        if failed and case not in listed:
            wrong.append(f"{case} does not pass:")
            wrong += [line for detail in failed[:3] for line in detail]
        elif not failed and case in listed:
            wrong.append(f"{case} passes: take it off left_out.txt")
        passed += not failed
    if not args.only:
        wrong += [f"left_out.txt names {case}, which is no case" for case in listed if case not in rows]
    print("\n".join(wrong))
    print(f"{passed} of {len(rows)} cases pass, {len(listed)} are left out by the list")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
