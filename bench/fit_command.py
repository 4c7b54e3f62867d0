#!/usr/bin/env python3
"""Races `strata fit` against Python with Keras: the same file of a compiled MNIST CNN, the same epochs, whole commands.

See bench/README.md for what is measured.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import tempfile
import time

import report

HERE = pathlib.Path(__file__).resolve().parent
MNIST = HERE.parent / "data" / "mnist"
BATCH = 128


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strata", required=True, help="the command, as in build/release/bin/strata")
    parser.add_argument("--peers", default=str(HERE.parent / "build" / "peers"), help="folder made by setup_peers.sh")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7, help="at least 7 for a published result")
    parser.add_argument("--output", default=str(HERE / "results"), help="folder of the JSON and Markdown files")
    return parser.parse_args()


def run(command):
    """Seconds and standard output of a command that has to succeed."""
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


class Race:
    def __init__(self, args, folder):
        self.args, self.model = args, str(folder / "model.keras")
        self.out = {name: str(folder / f"{name}.keras") for name in ("strata", "keras")}
        self.keras = [str(pathlib.Path(args.peers) / "keras" / "bin" / "python"), str(HERE / "keras_command.py"),
                      "--threads", str(args.threads)]
        self.commands = {
            "strata": [args.strata, "fit", self.model, "mnist", "--data-dir", str(MNIST), "--output", self.out["strata"],
                       "--epochs", str(args.epochs), "--batch-size", str(BATCH), "--threads", str(args.threads),
                       "--verbose", "2"],
            "keras": [*self.keras, "fit", self.model, self.out["keras"], str(args.epochs), str(BATCH)]}
        self.seconds = {name: [] for name in self.commands}
        self.accuracies = {name: [] for name in self.commands}

    def run(self):
        versions = {"keras": run([*self.keras, "save", self.model])[1].splitlines()[-1],
                    "strata": run([self.args.strata, "--version"])[1].strip()}
        for turn in range(self.args.rounds):
            names = list(self.commands)
            for name in names if turn % 2 == 0 else reversed(names):
                seconds, _ = run(self.commands[name])
                # Keras judges both: what Strata trained has to load there.
                judgement = run([*self.keras, "evaluate", self.out[name]])[1].split()
                self.seconds[name].append(seconds)
                self.accuracies[name].append(float(judgement[judgement.index("accuracy") + 1]))
                print(f"  round {turn + 1} of {self.args.rounds}: {name} {seconds:.1f} s, accuracy {self.accuracies[name][-1]:.4f}",
                      flush=True)
        ratios = [peer / ours for peer, ours in zip(self.seconds["keras"], self.seconds["strata"])]
        return {"versions": versions, "ratio": report.spread(ratios),
                "seconds": {name: {**report.spread(values), "rounds": values} for name, values in self.seconds.items()},
                "accuracy": {name: {**report.spread(values), "rounds": values} for name, values in self.accuracies.items()}}


def markdown(result):
    race, machine = result["race"], result["machine"]
    lines = [f"# `strata fit` against Python with Keras, {result['date'][:10]}", "",
             f"Processor: {machine['processor']} (family, model, stepping {', '.join(machine['family_model_stepping'])}); "
             f"{machine['cores']} cores, {result['threads']} threads, {result['rounds']} alternating rounds; load before the run "
             f"{machine['load_before'][0]:.2f}.", "",
             f"The MNIST CNN, saved by Keras, {result['epochs']} epochs of 60,000 images in batches of {BATCH}; seconds of the whole "
             "command, start-up included: medians with their 10-90 % ranges. The ratio is Keras / Strata, round by round.", "",
             "| | seconds | 10-90 % | test accuracy | 10-90 % |", "|---|---|---|---|---|"]
    for name in ("strata", "keras"):
        seconds, accuracy = race["seconds"][name], race["accuracy"][name]
        lines.append(f"| {name} | {seconds['median']:.1f} | {seconds['p10']:.1f}-{seconds['p90']:.1f} | "
                     f"{accuracy['median']:.4f} | {accuracy['p10']:.4f}-{accuracy['p90']:.4f} |")
    ratio = race["ratio"]
    lines += ["", f"Ratio: {ratio['median']:.2f} ({ratio['p10']:.2f}-{ratio['p90']:.2f})", ""]
    return "\n".join(lines + [f"- {name}: {version}" for name, version in race["versions"].items()] + [""])


def main():
    args = parse_arguments()
    if args.rounds < 1:
        raise SystemExit("--rounds: expected at least 1")
    result = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "threads": args.threads,
              "rounds": args.rounds, "epochs": args.epochs, "machine": report.machine()}
    with tempfile.TemporaryDirectory() as folder:
        result["race"] = Race(args, pathlib.Path(folder)).run()
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    name = result["date"][:19].replace(":", "").replace("T", "-") + "-fit-command"
    (output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = markdown(result)
    (output / f"{name}.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
