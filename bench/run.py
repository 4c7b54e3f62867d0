#!/usr/bin/env python3
"""Measures Strata beside Keras/TensorFlow and PyTorch, alternating them round by round.

See bench/README.md for the rows, the worker protocol and how to read the results.
"""

import argparse
import datetime
import pathlib
import time

import report
from worker_process import WorkerError, WorkerProcess

HERE = pathlib.Path(__file__).resolve().parent
KERAS_MODES = ("graph", "xla")
TORCH_MODES = ("eager-nchw", "eager-channels_last", "compiled-nchw", "compiled-channels_last")
# Batches of a round: about a second of work on two cores.
STEPS = {"mlp": 150, "cnn": 12}
INFERENCES = {"mlp": 200, "cnn": 10}
ROWS = ("step", "infer", "fit", "memory", "start")
SETTLE_SECONDS = 0.05  # lets the previous worker's threads fall asleep


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of every row, at least 7 for a published result")
    parser.add_argument("--ours", help="Strata's benchmark program; without it only the peers are measured")
    parser.add_argument("--eigen-only-binary", help="the same program from a build without oneDNN")
    parser.add_argument("--peers", default="/tmp/peers", help="folder made by setup_peers.sh")
    parser.add_argument("--workloads", nargs="+", choices=("mlp", "cnn"), default=["mlp", "cnn"])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--modes", nargs="+", help="only the modes whose name contains one of these words")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the batches of a round, below 1 to try things out")
    parser.add_argument("--output", default=str(HERE / "results"), help="folder of the JSON and Markdown files")
    parser.add_argument("--start-timeout", type=float, default=300, help="seconds until a worker must be ready")
    return parser.parse_args()


def commands_of(args, workload):
    """Mode name -> command line of its worker; the MLP has no layout, so PyTorch runs it in two modes."""
    tail = ["--workload", workload, "--threads", str(args.threads)]
    commands = {}
    if args.ours:
        commands["strata"] = [args.ours, *tail, "--mode", "default"]
    if args.eigen_only_binary:
        commands["strata eigen-only"] = [args.eigen_only_binary, *tail, "--mode", "default"]
    for framework, modes in (("keras", KERAS_MODES), ("torch", TORCH_MODES)):
        python = pathlib.Path(args.peers) / framework / "bin" / "python"
        if not python.exists():
            print(f"{framework}: no {python}, left out (see setup_peers.sh)")
            continue
        for mode in modes:
            if workload == "mlp" and mode.endswith("channels_last"):
                continue
            commands[f"{framework} {mode}"] = [str(python), str(HERE / f"peer_{framework}.py"), *tail, "--mode", mode]
    if args.modes:
        commands = {name: command for name, command in commands.items()
                    if name.startswith("strata") or any(word in name for word in args.modes)}
    return commands


def rotated(names, turn):
    """Another mode opens each round, so that no mode always follows the same one."""
    names = list(names)
    shift = turn % len(names) if names else 0
    return names[shift:] + names[:shift]


class Measurement:
    """Values of one workload: row -> mode -> one value per round, and the errors met on the way."""

    def __init__(self, args, workload):
        self.args, self.workload = args, workload
        self.commands = commands_of(args, workload)
        self.values = {row: {name: [] for name in self.commands} for row in args.rows}
        self.errors, self.versions = {}, {}

    def run(self):
        if "start" in self.args.rows or "memory" in self.args.rows:
            self.measure_fresh_processes()
        timed = [row for row in ("step", "infer", "fit") if row in self.args.rows]
        if timed:
            self.measure_living_workers(timed)

    def fail(self, name, error):
        print(f"  {self.workload} {name}: {error}", flush=True)
        self.errors[name] = str(error)
        for row in self.values.values():  # a mode that failed half-way has no comparable rounds
            row.pop(name, None)

    def launch(self, name):
        worker = WorkerProcess(self.commands[name], self.args.start_timeout)
        self.versions[name] = worker.version
        return worker

    def measure_fresh_processes(self):
        for turn in range(self.args.rounds):
            for name in rotated(self.commands, turn):
                if name in self.errors:
                    continue
                try:
                    with self.launch(name) as worker:
                        worker.ask("step 20")
                        memory = worker.ask("memory")
                except WorkerError as error:
                    self.fail(name, error)
                    continue
                self.record("start", name, worker.ready_seconds)
                self.record("memory", name, memory)
            print(f"  {self.workload} start and memory: round {turn + 1} of {self.args.rounds}", flush=True)

    def measure_living_workers(self, rows):
        workers = {}
        try:
            for name in self.commands:
                if name not in self.errors:
                    try:
                        workers[name] = self.launch(name)
                    except WorkerError as error:
                        self.fail(name, error)
            for row in rows:
                self.measure_row(row, workers)
        finally:
            for worker in workers.values():
                worker.close()

    def measure_row(self, row, workers):
        count = {"step": STEPS, "infer": INFERENCES}.get(row, {}).get(self.workload)
        command = row if count is None else f"{row} {max(1, round(count * self.args.scale))}"
        first = 0 if row == "fit" else -1  # round -1 warms up and is not recorded; an epoch needs none
        for turn in range(first, self.args.rounds):
            for name in rotated(workers, turn):
                if name in self.errors:
                    continue
                time.sleep(SETTLE_SECONDS)
                try:
                    value = workers[name].ask(command)
                except WorkerError as error:
                    self.fail(name, error)
                    continue
                if turn >= 0:
                    self.record(row, name, value)
            print(f"  {self.workload} {row}: round {turn + 1} of {self.args.rounds}", flush=True)

    def record(self, row, name, value):
        if row in self.values:
            self.values[row][name].append(value)


def main():
    args = parse_arguments()
    if args.rounds < 1:
        raise SystemExit("--rounds: expected at least 1")
    result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
              "threads": args.threads, "rounds": args.rounds, "scale": args.scale,
              "machine": report.machine(), "workloads": {}}
    for workload in args.workloads:
        print(f"{workload}:")
        measurement = Measurement(args, workload)
        measurement.run()
        result["workloads"][workload] = {
            "rows": report.summarize(measurement.values), "errors": measurement.errors,
            "versions": measurement.versions}
    print(report.write(result, pathlib.Path(args.output)))


if __name__ == "__main__":
    main()
