#!/usr/bin/env python3
"""Legacy `.h5` files that oracle_driver wrote, loaded by tf.keras 2.15 and held against the goldens.

keras2.py WRITTEN SUITE [--only SUBSTR[,..]]     WRITTEN/<case>/out.h5 [trained.h5], as `oracle_driver save` writes them

Each file must load and predict the golden's outputs. A file of a case of k215/ is a model whose training Keras 2.15 began and this
library loaded and saved: there Keras goes on, and its losses and weights must be the golden's. A trained.h5 must hold
the optimizer's steps. Wants tensorflow 2.15 and h5py."""
import argparse
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import h5py
import numpy as np
import tensorflow as tf
from tensorflow import keras


def close(golden, got):
    rtol, atol = (float(t) for t in golden.attrs["tol"])
    return np.allclose(np.asarray(got, "float64"), golden[()].astype("float64"), rtol=rtol, atol=atol, equal_nan=True)


def numbered(group):
    return [group[k][()] for k in sorted(group, key=int)]


def one_or_list(arrays):
    return arrays if len(arrays) > 1 else arrays[0]


def wrong_outputs(model, golden, group):
    x = numbered(golden["inputs"])
    outputs = tf.nest.flatten(model(one_or_list(x), training=False))
    return [f"{group}/{i}" for i, y in enumerate(outputs) if not close(golden[f"{group}/{i}"], y.numpy())]


def wrong_training(model, golden):
    train = golden["train"]
    x, y = numbered(train["x"]), numbered(train["y"])
    losses = [model.train_on_batch(one_or_list([a[s] for a in x]), one_or_list([a[s] for a in y]), reset_metrics=True,
                                   return_dict=True)["loss"] for s in range(len(x[0]))]
    wrong = [] if close(train["losses"], losses) else [f"train/losses: {losses}, expected {train['losses'][()]}"]
    return wrong + [f"train/weights/{i:04d}" for i, w in enumerate(model.weights)
                    if not close(train[f"weights/{i:04d}"], w.numpy())]


def check(file, golden, goes_on):
    model = keras.models.load_model(file)
    is_trained = file.name.startswith("trained")
    wrong = wrong_outputs(model, golden, "train/outputs" if is_trained else "outputs")
    if is_trained and int(model.optimizer.iterations) < len(golden["train/losses"]):
        wrong.append(f"optimizer: {int(model.optimizer.iterations)} steps")
    if goes_on and "train" in golden:
        wrong += wrong_training(model, golden)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("written", type=pathlib.Path)
    parser.add_argument("suite", type=pathlib.Path)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    passed = failed = 0
    for file in sorted(args.written.rglob("*.h5")):
        if file.name not in ("out.h5", "trained.h5"):
            continue
        case = file.parent.relative_to(args.written).as_posix()
        if not any(part in case for part in args.only.split(",")):
            continue
        folder = args.suite / (case if case.startswith("k215/") else "cases/" + case)
        keras.backend.clear_session()
        with h5py.File(folder / "golden.h5", "r") as golden:
            try:
                wrong = check(file, golden, case.startswith("k215/"))
            except Exception as error:  # whatever Keras refuses
                wrong = [f"Keras refuses: {type(error).__name__}: {' '.join(str(error).split())[:400]}"]
        print("fail" if wrong else "pass", case, file.name, *wrong[:3], sep="  ", flush=True)
        passed, failed = passed + (not wrong), failed + bool(wrong)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
