#!/usr/bin/env python3
"""Measures how fast Strata, tf.data and PyTorch's DataLoader read a folder of JPEG files, alternating them round by round.

    python3 bench/images.py --ours build/release/bin/bench_images --peers build/peers --size 224 224 DIRECTORY

The folder holds one folder for each class, as image_dataset_from_directory reads it. Each worker decodes, resizes bilinearly
without antialiasing, flips half of the images and makes batches of 64 in float32. Reported are the medians of images per
second and of the processor's microseconds per image, and in brackets the 10-90 % range of the peer's rate within a round
over ours. PyTorch's environment needs torchvision and Pillow beside what setup_peers.sh installs.
"""

import argparse
import pathlib
import statistics

from worker_process import WorkerError, WorkerProcess

HERE = pathlib.Path(__file__).resolve().parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--ours", required=True, help="the program bench_images")
    parser.add_argument("--peers", default=str(HERE.parent / "build" / "peers"), help="folder made by setup_peers.sh")
    parser.add_argument("--size", type=int, nargs=2, default=[224, 224], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def commands_of(args, workers):
    tail = [args.directory, *map(str, args.size), str(workers)]
    python = {name: str(pathlib.Path(args.peers) / name / "bin" / "python") for name in ("keras", "torch")}
    return {"strata": [args.ours, *tail], "strata, scaled decoding": [args.ours, *tail, "scaled"],
            "tf.data": [python["keras"], str(HERE / "peer_images_keras.py"), *tail],
            "torch, Pillow": [python["torch"], str(HERE / "peer_images_torch.py"), *tail, "pil"],
            "torch, torchvision.io": [python["torch"], str(HERE / "peer_images_torch.py"), *tail, "io"]}


def measure(commands, rounds):
    """Name -> a list of (images per second, processor's microseconds per image), one for each round."""
    workers = {}
    for name, command in commands.items():
        try:
            workers[name] = WorkerProcess(command, 300)
            workers[name].answer("pass")
        except WorkerError as error:
            print(f"{name}: {error}")
            workers.pop(name, None)
    results = {name: [] for name in workers}
    for number in range(rounds):
        names = list(workers)
        for name in names[number % len(names):] + names[:number % len(names)]:
            seconds, processor, count = map(float, workers[name].answer("pass"))
            results[name].append((count / seconds, processor / count * 1e6))
    for worker in workers.values():
        worker.close()
    return results


def main():
    args = parse_arguments()
    print("| workers | reader | images/s | processor's us per image | rate / ours |\n|---|---|---|---|---|")
    for workers in args.workers:
        results = measure(commands_of(args, workers), args.rounds)
        for name, rows in results.items():
            ratios = sorted(theirs[0] / ours[0] for theirs, ours in zip(rows, results["strata"]))
            low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
            print("| %d | %s | %.0f | %.0f | %.2f (%.2f to %.2f) |" % (
                workers, name, statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows),
                statistics.median(ratios), low, high), flush=True)


main()
