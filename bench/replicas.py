#!/usr/bin/env python3
"""Measures what a strategy costs: the training step without one, with one replica, and with two in one process and in two.

    python3 bench/replicas.py --ours build/release/bin/bench_worker --rounds 21

See bench/README.md for what is measured.
"""

import argparse
import concurrent.futures
import datetime
import os
import pathlib
import socket
import time

import report
from run import SETTLE_SECONDS, STEPS, rotated
from worker_process import WorkerError, WorkerProcess
from workloads import WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
WITHOUT, ONE = "no strategy", "1 replica"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True, help="Strata's benchmark program, bench_worker")
    parser.add_argument("--threads", type=int, default=2, help="of all replicas together")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["mlp", "cnn"], metavar="WORKLOAD",
                        help=", ".join(WORKLOADS))
    parser.add_argument("--modes", nargs="+", help="only the modes whose name contains one of these words, and no strategy")
    parser.add_argument("--rounds", type=int, default=21, help="a per cent wants many")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the steps of a round, below 1 to try things out")
    parser.add_argument("--output", default=str(HERE / "results"), help="folder of the JSON and Markdown files")
    parser.add_argument("--append", help="JSON file to add the result to, a list of runs; default: files in --output")
    return parser.parse_args()


def free_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


class Workers:
    """Workers that get every command at the same time; what they take is what the slowest one takes."""

    def __init__(self, commands, environments):
        self.pool = concurrent.futures.ThreadPoolExecutor(len(commands))
        # Ranks wait for each other before they are ready.
        started = [self.pool.submit(WorkerProcess, command, 600, environment)
                   for command, environment in zip(commands, environments)]
        concurrent.futures.wait(started)
        self.all = [future.result() for future in started if not future.exception()]
        for future in started:
            if future.exception():
                self.close()
                raise future.exception()

    def ask(self, command):
        return max(self.pool.map(lambda worker: worker.ask(command), self.all))

    def close(self):
        list(self.pool.map(lambda worker: worker.close(), self.all))
        self.pool.shutdown()


def modes_of(args, name):
    """Mode name -> a function that starts its workers. All but `half` do the work of one whole batch."""
    batch, threads = WORKLOADS[name].batch, args.threads
    def command(samples, threads_of_one, *more):
        return [args.ours, "--workload", name, "--batch", str(samples), "--threads", str(threads_of_one), *more]
    def processes():
        address = free_address()
        ranks = [{**os.environ, "STRATA_RANK": str(r), "STRATA_WORLD_SIZE": "2", "STRATA_ADDRESS": address} for r in range(2)]
        return Workers([command(batch, threads, "--replicas", "1")] * 2, ranks)
    half = command(batch // 2, max(1, threads // 2))
    modes = {WITHOUT: lambda: Workers([command(batch, threads)], [None]),
             ONE: lambda: Workers([command(batch, threads, "--replicas", "1")], [None]),
             "2 replicas": lambda: Workers([command(batch, threads, "--replicas", "2")], [None]),
             "2 processes": processes,
             # What two replicas compute, without what they exchange: alone, and beside each other.
             "half": lambda: Workers([half], [None]), "half, twice": lambda: Workers([half] * 2, [None] * 2)}
    if args.modes:
        modes = {mode: start for mode, start in modes.items() if mode == WITHOUT or any(word in mode for word in args.modes)}
    return modes


def measure(args, name):
    """Mode -> milliseconds of a step, one for each round; what went wrong; what replicas exchange."""
    workers, values, errors, exchanges = {}, {}, {}, []
    def fail(mode, error):
        print(f"  {name} {mode}: {error}", flush=True)
        errors[mode] = str(error)
        values.pop(mode, None)
        if mode in workers:
            workers.pop(mode).close()
    try:
        for mode, start in modes_of(args, name).items():
            try:
                workers[mode] = start()
                values[mode] = []
            except WorkerError as error:
                fail(mode, error)
        command = f"step {max(1, round(STEPS.get(name, 1) * args.scale))}"
        for turn in range(-1, args.rounds):  # round -1 warms up
            for mode in rotated(workers, turn):
                time.sleep(SETTLE_SECONDS)
                try:
                    milliseconds = workers[mode].ask(command)
                except WorkerError as error:
                    fail(mode, error)
                    continue
                if turn >= 0:
                    values[mode].append(milliseconds)
            print(f"  {name}: round {turn + 1} of {args.rounds}", flush=True)
        if "2 replicas" in workers:
            exchanges = workers["2 replicas"].all[0].answer("exchanges")
    finally:
        for group in workers.values():
            group.close()
    return values, errors, exchanges


def summarize(name, values, errors, exchanges):
    if WITHOUT not in values:
        raise SystemExit(f"{name}: {errors[WITHOUT]}")
    without = values[WITHOUT]
    return {"batch": WORKLOADS[name].batch, "errors": errors,
            # Of a step on two replicas: bytes, and the part of the step's multiplications that comes before.
            "exchanges": [[float(number) for number in exchange.split(":")] for exchange in exchanges],
            "modes": {mode: {**report.spread(rounds), "rounds": rounds} for mode, rounds in values.items()},
            "ratios": {mode: report.spread([a / b for a, b in zip(rounds, without)])
                       for mode, rounds in values.items() if mode != WITHOUT}}


def markdown(result):
    host = result["machine"]
    lines = [f"# Steps with a strategy, {result['date'][:10]}", "",
             f"Processor: {host['processor']} (family, model, stepping {', '.join(host['family_model_stepping'])}); "
             f"{host['cores']} cores, {result['threads']} threads, {result['rounds']} alternating rounds; load before the run "
             f"{host['load_before'][0]:.2f}.", "",
             "Milliseconds of a training step on the whole batch: medians with their 10-90 % ranges. The ratio is to no strategy, round by "
             "round. `half` is half of the batch with half of the threads, without exchanges; `half, twice` two of these at the same time.", "",
             "| workload | mode | ms | 10-90 % | ratio | 10-90 % |", "|---|---|---|---|---|---|"]
    for name, content in result["workloads"].items():
        for mode, value in content["modes"].items():
            ratio = content["ratios"].get(mode)
            compared = f"{ratio['median']:.3f} | {ratio['p10']:.3f}-{ratio['p90']:.3f}" if ratio else " | "
            lines.append(f"| {name}, batch {content['batch']} | {mode} | {value['median']:.3f} | {value['p10']:.3f}-{value['p90']:.3f} | "
                         f"{compared} |")
        lines += [f"| {name} | {mode} | failed: {error} | | | |" for mode, error in content["errors"].items()]
    return "\n".join(lines + [""])


def main():
    args = parse_arguments()
    if args.rounds < 1:
        raise SystemExit("--rounds: expected at least 1")
    result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "threads": args.threads,
              "rounds": args.rounds, "machine": report.machine(), "workloads": {}}
    for name in args.workloads:
        result["workloads"][name] = summarize(name, *measure(args, name))
    if args.append:
        print(report.append(result, pathlib.Path(args.append), markdown))
    else:
        print(report.write(result, pathlib.Path(args.output), markdown, "-replicas"))


if __name__ == "__main__":
    main()
