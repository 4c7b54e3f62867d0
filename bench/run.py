#!/usr/bin/env python3
"""Measures Strata beside Keras/TensorFlow and PyTorch, alternating them round by round.

See bench/README.md for the rows, the worker protocol and how to read the results.
"""

import argparse
import dataclasses
import datetime
import pathlib
import time

import report
from worker_process import WorkerError, WorkerProcess
from workloads import PRECISIONS, WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
KERAS_MODES = ("graph", "xla")
TORCH_MODES = ("eager-nchw", "eager-channels_last", "compiled-nchw", "compiled-channels_last")
# Batches of a round: about a second of work on two cores. Workloads that are not listed take longer for one.
STEPS = {"mlp": 150, "cnn": 12, "mobilenet": 2}
INFERENCES = {"mlp": 200, "cnn": 10, "mobilenet": 6, "xception": 3, "resnet50": 3, "vgg16": 3}
SINGLE_INFERENCES = {"mlp": 2000, "cnn": 400, "mobilenet": 60, "xception": 8, "resnet50": 12, "vgg16": 6}
ROWS = ("step", "infer", "infer-1", "fit", "memory", "start")
SETTLE_SECONDS = 0.05  # lets the previous worker's threads fall asleep


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of every row, at least 7 for a published result")
    parser.add_argument("--ours", help="Strata's benchmark program, bench_worker; without it only the peers are measured")
    parser.add_argument("--eigen-only-binary", help="the same program from a build without oneDNN")
    parser.add_argument("--peers", default=str(HERE.parent / "build" / "peers"), help="folder made by setup_peers.sh")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["mlp", "cnn"], metavar="WORKLOAD",
                        help=", ".join(WORKLOADS))
    parser.add_argument("--batch", nargs="+", type=int, help="of training steps; default: each workload's own")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=["float32"])
    parser.add_argument("--image-size", type=int, help="of the applications; default: each network's own")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS),
                        help="fit is for MNIST in float32 and its own batch size")
    parser.add_argument("--modes", nargs="+", help="only the modes whose name contains one of these words")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the batches of a round, below 1 to try things out")
    parser.add_argument("--output", default=str(HERE / "results"), help="folder of the JSON and Markdown files")
    parser.add_argument("--append", help="JSON file to add the result to, a list of runs; default: files in --output")
    parser.add_argument("--start-timeout", type=float, default=600,
                        help="seconds until a worker must be ready, and until its first answer of a kind: longer compiling "
                             "is recorded as failed")
    return parser.parse_args()


@dataclasses.dataclass(frozen=True)
class Case:
    """What one set of workers is started for."""
    workload: str
    batch: int
    precision: str
    image_size: int
    is_own_batch: bool  # the workload's own

    @property
    def name(self):
        about = [] if self.is_own_batch and WORKLOADS[self.workload].is_mnist else [f"batch {self.batch}"]
        if not WORKLOADS[self.workload].is_mnist:
            about.insert(0, f"{self.image_size} x {self.image_size}")
        return ", ".join([self.workload, *about, *([] if self.precision == "float32" else [self.precision])])

    @property
    def infer_batch(self):
        return WORKLOADS[self.workload].infer_batch if self.is_own_batch else self.batch

    @property
    def fits(self):
        return WORKLOADS[self.workload].is_mnist and self.precision == "float32" and self.is_own_batch

    @property
    def arguments(self):
        words = ["--workload", self.workload, "--precision", self.precision, "--image-size", str(self.image_size)]
        return words if self.is_own_batch else [*words, "--batch", str(self.batch)]


def cases_of(args):
    for name in args.workloads:
        workload = WORKLOADS[name]
        for batch in args.batch or [workload.batch]:
            for precision in args.precision:
                size = workload.image_size if workload.is_mnist else args.image_size or workload.image_size
                yield Case(name, batch, precision, size, batch == workload.batch)


def commands_of(args, case):
    """Mode name -> command line of its worker; the MLP has no layout, so PyTorch runs it in two modes."""
    tail = [*case.arguments, "--threads", str(args.threads)]
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
            if case.workload == "mlp" and mode.endswith("channels_last"):
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
    """Values of one case: row -> mode -> one value per round, and the errors met on the way."""

    def __init__(self, args, case):
        self.args, self.case = args, case
        self.commands = commands_of(args, case)
        self.rows = [row for row in args.rows if row != "fit" or case.fits]
        self.values = {row: {name: [] for name in self.commands} for row in self.rows}
        self.errors, self.versions = {}, {}

    def run(self):
        if "start" in self.rows or "memory" in self.rows:
            self.measure_fresh_processes()
        timed = [row for row in ("step", "infer", "infer-1", "fit") if row in self.rows]
        if timed:
            self.measure_living_workers(timed)

    def fail(self, name, error):
        print(f"  {self.case.name} {name}: {error}", flush=True)
        self.errors[name] = str(error)
        for row in self.values.values():  # a mode that failed half-way has no comparable rounds
            if len(row.get(name, ())) < self.args.rounds:
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
                        worker.ask(f"step {self.steps_before_memory}")
                        memory = worker.ask("memory")
                except WorkerError as error:
                    self.fail(name, error)
                    continue
                self.record("start", name, worker.ready_seconds)
                self.record("memory", name, memory)
            print(f"  {self.case.name} start and memory: round {turn + 1} of {self.args.rounds}", flush=True)

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
        command = self.command_of(row)
        first = 0 if row == "fit" else -1  # round -1 warms up and is not recorded; an epoch needs none
        for turn in range(first, self.args.rounds):
            for name in rotated(workers, turn):
                if name in self.errors:
                    continue
                time.sleep(SETTLE_SECONDS)
                try:
                    value = workers[name].ask(command, **({"timeout": self.args.start_timeout} if turn < 0 else {}))
                except WorkerError as error:
                    self.fail(name, error)
                    workers.pop(name).close()  # it may still be busy
                    continue
                if turn >= 0:
                    self.record(row, name, value)
            print(f"  {self.case.name} {row}: round {turn + 1} of {self.args.rounds}", flush=True)

    def command_of(self, row):
        if row == "fit":
            return row
        counts = {"step": STEPS, "infer": INFERENCES, "infer-1": SINGLE_INFERENCES}[row]
        count = max(1, round(counts.get(self.case.workload, 1) * self.args.scale))
        batch = {"step": "", "infer": f" {self.case.infer_batch}", "infer-1": " 1"}[row]
        return f"{row.partition('-')[0]} {count}{batch}"

    @property
    def steps_before_memory(self):
        return 20 if WORKLOADS[self.case.workload].is_mnist else 3

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
    for case in cases_of(args):
        print(f"{case.name}:")
        measurement = Measurement(args, case)
        measurement.run()
        result["workloads"][case.name] = {
            "workload": case.workload, "batch": case.batch, "infer_batch": case.infer_batch, "precision": case.precision,
            "image_size": case.image_size, "rows": report.summarize(measurement.values), "errors": measurement.errors,
            "versions": measurement.versions}
    if args.append:
        print(report.append(result, pathlib.Path(args.append)))
    else:
        print(report.write(result, pathlib.Path(args.output)))


if __name__ == "__main__":
    main()
