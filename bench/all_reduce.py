#!/usr/bin/env python3
"""Races our all-reduce against Gloo's and Open MPI's, sums of f32 among the ranks of one machine.

    python3 bench/all_reduce.py --build build/release --rounds 7

See bench/README.md for what is measured.
"""

import argparse
import datetime
import pathlib
import re
import shutil
import tempfile
import time

import report
from fit_command import run

HERE = pathlib.Path(__file__).resolve().parent
SIZES = [4 << 10 << 2 * i for i in range(9)]  # 4 KiB to 256 MiB
GLOO_ALGORITHMS = ("ring", "ring_chunked", "halving_doubling", "bcube")
# What each of ours is held against: peers whose bytes go the same way.
PEERS = {"strata, tcp": (*(f"gloo {name}" for name in GLOO_ALGORITHMS), "openmpi, tcp"),
         "strata, mpi": ("openmpi, shared memory",), "strata, in process": ("openmpi, shared memory",)}
MPIRUN = ["mpirun", "--allow-run-as-root", "--bind-to", "none"]
OVER_TCP = ["--mca", "pml", "ob1", "--mca", "btl", "tcp,self"]
SETTLE_SECONDS = 0.05


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(HERE.parent / "build" / "release"), help="folder with bin/, where all programs are")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2], help="more than there are cores say little")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="BYTES")
    parser.add_argument("--rounds", type=int, default=7, help="at least 7 for a published result")
    parser.add_argument("--modes", nargs="+", help="only the peers whose name contains one of these words")
    parser.add_argument("--output", default=str(HERE / "results"), help="folder of the JSON and Markdown files")
    parser.add_argument("--append", help="JSON file to add the result to, a list of runs; default: files in --output")
    return parser.parse_args()


def commands_of(args, ranks):
    """Mode name -> a function that makes its command; what is not there is left out, and said."""
    programs = pathlib.Path(args.build) / "bin"
    ours, gloo, openmpi = (str(programs / f"bench_all_reduce{name}") for name in ("", "_gloo", "_mpi"))
    sizes = [str(size) for size in args.sizes]
    launch = [str(programs / "strata"), "launch", "-n", str(ranks)]
    mpirun = [*MPIRUN, "-n", str(ranks), *(["--oversubscribe"] if ranks > report.machine()["cores"] else [])]
    commands = {"strata, in process": lambda _: [ours, "in-process", str(ranks), *sizes],
                "strata, tcp": lambda _: [*launch, ours, "processes", *sizes]}
    if pathlib.Path(gloo).exists():
        for name in GLOO_ALGORITHMS:
            commands[f"gloo {name}"] = lambda folder, name=name: [*launch, gloo, folder, name, *sizes]
    else:
        print(f"gloo: no {gloo}, left out (Debian: libgloo-dev)")
    if pathlib.Path(openmpi).exists() and shutil.which("mpirun"):
        commands["strata, mpi"] = lambda _: [*mpirun, ours, "processes", *sizes]
        commands["openmpi, shared memory"] = lambda _: [*mpirun, openmpi, *sizes]
        commands["openmpi, tcp"] = lambda _: [*mpirun, *OVER_TCP, openmpi, *sizes]
    else:
        print(f"openmpi: no mpirun, or no {openmpi}, left out (Debian: libopenmpi-dev, openmpi-bin)")
    if args.modes:
        commands = {name: command for name, command in commands.items()
                    if name.startswith("strata") or any(word in name for word in args.modes)}
    return commands


def turn(command, sizes):
    """Microseconds of each size in one run of the program, which is new every time: waiting ranks of MPI would spin."""
    with tempfile.TemporaryDirectory() as folder:
        _, output = run(command(folder))
    found = {int(size): float(microseconds) for size, microseconds in re.findall(r"all_reduce (\d+) ([\d.]+)", output)}
    if sorted(found) != sorted(sizes):
        raise SystemExit(f"{command('FOLDER')[0]}: expected the sizes {sizes}; received\n{output}")
    return found


def measure(args, ranks):
    """Size -> mode -> microseconds, one for each round."""
    commands = commands_of(args, ranks)
    values = {size: {name: [] for name in commands} for size in args.sizes}
    for number in range(args.rounds):
        names = list(commands)
        for name in names[number % len(names):] + names[:number % len(names)]:
            time.sleep(SETTLE_SECONDS)
            for size, microseconds in turn(commands[name], args.sizes).items():
                values[size][name].append(microseconds)
        print(f"  {ranks} ranks: round {number + 1} of {args.rounds}", flush=True)
    return values


def bus_bandwidth(ranks, size, microseconds):
    """GB/s: what each rank's connection has to carry at least, 2 (n - 1) / n of the bytes, whatever the algorithm."""
    return 2 * (ranks - 1) / ranks * size / microseconds / 1e3


def summarize(ranks, size, modes):
    best = {}
    for ours, peers in PEERS.items():
        medians = {peer: report.spread(modes[peer])["median"] for peer in peers if peer in modes}
        if ours in modes and medians:
            best[ours] = min(medians, key=medians.get)
    return {"modes": {name: {**report.spread(rounds), "rounds": rounds,
                             "bus_GB_per_s": bus_bandwidth(ranks, size, report.spread(rounds)["median"])}
                      for name, rounds in modes.items()},
            "ratios": {ours: {peer: report.spread([b / a for a, b in zip(modes[ours], modes[peer])])
                              for peer in peers if peer in modes} for ours, peers in PEERS.items() if ours in modes},
            "best_peer": best}


def readable(size):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} B"


def table(head, rows):
    return ["", "| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)]


def markdown(result):
    host = result["machine"]
    lines = [f"# All-reduce, {result['date'][:10]}", "",
             f"Processor: {host['processor']} (family, model, stepping {', '.join(host['family_model_stepping'])}); "
             f"{host['cores']} cores, {result['rounds']} alternating rounds; load before the run {host['load_before'][0]:.2f}.", "",
             "Sums of f32 in place, among ranks of this machine. Medians; the ratio is the best peer / ours round by round, with its "
             "10-90 % range, so that above 1 Strata is better."]
    for ranks, sizes in result["ranks"].items():
        names = list(next(iter(sizes.values()))["modes"])
        lines += ["", f"## {ranks} ranks", "", "Microseconds:"]
        lines += table(["bytes", *names], [[readable(int(size)), *(report.format_number(content["modes"][name]["median"])
                                                                 for name in names)] for size, content in sizes.items()])
        lines += ["", "Bus bandwidth, GB/s:"]
        lines += table(["bytes", *names], [[readable(int(size)), *(f"{content['modes'][name]['bus_GB_per_s']:.2f}"
                                                                 for name in names)] for size, content in sizes.items()])
        ours = [name for name in PEERS if any(name in content["best_peer"] for content in sizes.values())]
        lines += ["", "Best peer / ours:"]
        lines += table(["bytes", *ours], [[readable(int(size)), *(compared(content, name) for name in ours)]
                                          for size, content in sizes.items()])
    return "\n".join(lines + [""])


def compared(content, ours):
    peer = content["best_peer"][ours]
    ratio = content["ratios"][ours][peer]
    return f"{ratio['median']:.2f} ({ratio['p10']:.2f}-{ratio['p90']:.2f}), {peer}"


def main():
    args = parse_arguments()
    if args.rounds < 1:
        raise SystemExit("--rounds: expected at least 1")
    result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "rounds": args.rounds,
              "machine": report.machine(), "ranks": {}}
    for ranks in args.ranks:
        result["ranks"][str(ranks)] = {str(size): summarize(ranks, size, modes) for size, modes in measure(args, ranks).items()}
    if args.append:
        print(report.append(result, pathlib.Path(args.append), markdown))
    else:
        print(report.write(result, pathlib.Path(args.output), markdown, "-all-reduce"))


if __name__ == "__main__":
    main()
