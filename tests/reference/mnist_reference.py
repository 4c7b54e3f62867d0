#!/usr/bin/env python3
"""Ten training steps of the MNIST networks in NumPy double precision, written apart from the library.

Usage: mnist_reference.py FOLDER [--optimizer adam|sgd|momentum] [--write]
       mnist_reference.py --self-test

FOLDER holds meta.json, w0.npy, w1.npy, ... (initial weights, float32, Keras layouts and order:
kernel, bias per layer), x.npy (steps, batch, 28, 28, 1), y.npy (steps, batch), and the library's
results losses.npy (steps) and final_w0.npy, ... meta.json:

    {"model": "cnn" | "mlp",
     "optimizer": {"name": "adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
                | {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
     "steps": 10, "batch": 32,
     "dropout": [{"layer": "dropout", "seed": 7, "stream": 3, "step0": 0}, ...]}

The entries of "dropout" follow the order of the model's dropout layers; step s uses counter word
step0 + s. --optimizer checks that meta.json names that optimizer ("momentum" is SGD with momentum
above 0). --write stores losses_ref.npy and final_ref_w*.npy instead of comparing.

Passes when the losses agree to 1e-5 relative and, for SGD with or without momentum, the weights to
1e-5 of each tensor's largest magnitude. Adam's weights are printed, not judged: its first steps
divide a gradient by its own size, which turns rounding of tiny gradients into whole steps.

A ReLU or pooling decision that float32 cannot settle moves single gradients by up to a hundredth
(measured on the CNN), so the check also counts the decisions that were that close. With any, a correct
library may fail (seldom: most are closer than the bound yet fall the same way). The remedy is a smaller
batch or another seed, not a wider tolerance; the CNN at a batch of 8 or fewer has few such decisions.
Exit status: 0 passed, 1 a deviation too large, 2 unusable input.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np

import networks
import optimizers
import self_test

LOSS_TOLERANCE = 1e-5
WEIGHT_TOLERANCE = 1e-5


class InputError(Exception):
    """The folder does not hold what the format above asks for."""


def load_array(folder, name):
    try:
        return np.load(folder / name, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / name}: {error}") from error


def load_weights(folder, prefix, shapes):
    weights = []
    for index, shape in enumerate(shapes):
        array = load_array(folder, f"{prefix}{index}.npy")
        if array.shape != shape:
            raise InputError(f"{prefix}{index}.npy: expected shape {shape}, received {array.shape}")
        weights.append(array.astype(np.float64))
    return weights


def load_meta(folder):
    try:
        meta = json.loads((folder / "meta.json").read_text())
        missing = {"model", "optimizer", "steps", "batch", "dropout"} - meta.keys()
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'meta.json'}: {error}") from error
    if missing:
        raise InputError(f"meta.json: expected the entries {sorted(missing)}")
    return meta


def check_optimizer_name(expected, settings):
    kind = settings["name"]
    if kind == "sgd" and settings.get("momentum", 0.0) > 0:
        kind = "momentum"
    if expected is not None and expected != kind:
        raise InputError(f"meta.json: expected optimizer {expected}, received {kind}")
    return kind


def train(folder, meta):
    """(losses, final weights, decisions too close for float32) of the reference."""
    network = networks.build(meta["model"], meta["dropout"])
    weights = load_weights(folder, "w", network.weight_shapes())
    steps, batch = meta["steps"], meta["batch"]
    x, y = load_array(folder, "x.npy"), load_array(folder, "y.npy")
    if x.shape != (steps, batch, 28, 28, 1) or y.shape != (steps, batch):
        raise InputError(f"x.npy, y.npy: expected {(steps, batch, 28, 28, 1)} and {(steps, batch)}, "
                         f"received {x.shape} and {y.shape}")
    optimizer = optimizers.build(meta["optimizer"], weights)
    losses = []
    for step in range(steps):
        loss, gradients = network.loss_and_gradients(weights, x[step].astype(np.float64),
                                                     y[step].astype(np.int64), step)
        optimizer.apply(weights, gradients)
        losses.append(loss)
    return np.array(losses), weights, network.undecided()


def compare(folder, kind, losses, weights):
    """Prints the largest deviations; True when all that is judged is within its tolerance."""
    library = load_array(folder, "losses.npy").astype(np.float64).reshape(-1)
    if library.shape != losses.shape:
        raise InputError(f"losses.npy: expected {len(losses)} values, received {len(library)}")
    deviation = np.abs(library - losses) / np.abs(losses)
    # Comparisons are written so that a NaN fails.
    passed = bool(np.all(deviation <= LOSS_TOLERANCE))
    print(f"losses: largest relative deviation {deviation.max():.3e} at step {deviation.argmax()} "
          f"(allowed {LOSS_TOLERANCE:.0e})")
    judged = kind != "adam"
    finals = load_weights(folder, "final_w", [weight.shape for weight in weights])
    for index, (final, weight) in enumerate(zip(finals, weights)):
        worst = np.abs(final - weight).max() / max(np.abs(weight).max(), 1e-300)
        print(f"w{index} {weight.shape}: largest deviation {worst:.3e} of its largest magnitude "
              f"({f'allowed {WEIGHT_TOLERANCE:.0e}' if judged else 'not judged with Adam'})")
        passed = passed and (not judged or bool(worst <= WEIGHT_TOLERANCE)) and bool(np.isfinite(worst))
    return passed


def write(folder, losses, weights):
    np.save(folder / "losses_ref.npy", losses)
    for index, weight in enumerate(weights):
        np.save(folder / f"final_ref_w{index}.npy", weight)


def main():
    parser = argparse.ArgumentParser(description="Checks ten training steps against NumPy in double precision.")
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--optimizer", choices=("adam", "sgd", "momentum"))
    parser.add_argument("--write", action="store_true", help="store the reference's results, compare nothing")
    parser.add_argument("--self-test", action="store_true", help="check the reference itself")
    args = parser.parse_args()
    if args.self_test:
        return self_test.run()
    if args.folder is None:
        parser.error("expected a folder or --self-test")
    start = time.perf_counter()
    try:
        meta = load_meta(args.folder)
        kind = check_optimizer_name(args.optimizer, meta["optimizer"])
        losses, weights, undecided = train(args.folder, meta)
        print(f"{meta['model']}, {kind}: {meta['steps']} steps in {time.perf_counter() - start:.1f} s, "
              f"losses {losses[0]:.6f} to {losses[-1]:.6f}")
        print(f"ReLU and pooling decisions closer than float32 resolves: {undecided}")
        if args.write:
            write(args.folder, losses, weights)
            return 0
        passed = compare(args.folder, kind, losses, weights)
    except (InputError, KeyError, ValueError) as error:  # KeyError: an entry of meta.json that is not there
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
