"""Every case of tests/oracle, loaded and saved by this library, opened by real Keras and held against the case's golden values.

Keras must load each file and compute the golden outputs; from a file of its own generation that holds the optimizer it goes
on with the golden's training steps. trained.* were saved after those steps."""

import importlib.util
import json
import multiprocessing.pool
import pathlib
import subprocess

import h5py
import numpy as np

from models import GENERATION, keras, tf

HERE = pathlib.Path(__file__).resolve().parent
FILES = (
    ("out.keras", "out.h5", "out.weights.h5", "trained.keras", "trained.h5") if GENERATION == 3 else ("out.h5", "trained.h5")
)
RESUMED = FILES[0]


def left_out_cases():
    """What tests/oracle says is not right here yet; it sees to it that the list is exact."""
    spec = importlib.util.spec_from_file_location("oracle_run", HERE.parent / "oracle" / "run.py")
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    return oracle.left_out()


def save_all(driver, suite, folder, cases):
    """(case, its golden's folder, its files' folder, what went wrong) for each. Several at once: saving waits for the disk."""

    def save(case):
        golden = suite / (case if case.startswith("k215/") else "cases/" + case)
        done = subprocess.run(
            [driver, "save", str(golden), str(folder / case)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return case, golden, folder / case, done.stdout if done.returncode else ""

    with multiprocessing.pool.ThreadPool(8) as pool:
        return pool.map(save, cases)


def one_or_list(arrays):
    return arrays if len(arrays) > 1 else arrays[0]


class Golden:
    """The numbers of a case, and what is wrong with others."""

    def __init__(self, file):
        self.file = file

    def arrays(self, group):
        return [self.file[group][k][()] for k in sorted(self.file[group], key=int)] if group in self.file else []

    def wrong(self, name, value):
        golden = self.file[name]
        rtol, atol = (float(t) for t in golden.attrs["tol"])
        value, expected = np.asarray(value), golden[()].astype("float64")
        if value.shape == expected.shape and np.allclose(
            value.astype("float64"), expected, rtol=rtol, atol=atol, equal_nan=True
        ):
            return []
        return [f"{name}: expected {expected.shape} {expected.reshape(-1)[:4]}; received {value.shape} {value.reshape(-1)[:4]}"]

    def all_wrong(self, group, values):
        names = sorted(self.file[group], key=int)
        if len(names) != len(values):
            return [f"{group}: expected {len(names)} values; received {len(values)}"]
        return [w for name, value in zip(names, values) for w in self.wrong(f"{group}/{name}", value)]


def numpy(tensor):
    return np.asarray(tensor if GENERATION == 2 else keras.ops.convert_to_numpy(tensor))


def wrong_outputs(model, golden, group):
    outputs = model(one_or_list(golden.arrays("inputs")), training=False)
    return golden.all_wrong(group, [numpy(o) for o in tf.nest.flatten(outputs)])


def wrong_training(model, golden):
    model.run_eagerly = True  # not traced: a few steps only
    if GENERATION == 3:
        model.jit_compile = False
    attributes = golden.file["train"].attrs
    keys = json.loads(attributes.get("output_keys", "null"))
    class_weight = {int(k): v for k, v in (json.loads(attributes["class_weight"]) or {}).items()} or None
    x, y, weights = (golden.arrays(f"train/{part}") for part in ("x", "y", "sw"))

    def of_step(arrays, s, keys=keys):
        batch = [a[s] for a in arrays]
        return dict(zip(keys, batch)) if keys else one_or_list(batch)

    losses = []
    for s in range(attributes["steps"]):
        model.reset_metrics()
        losses.append(
            model.train_on_batch(
                of_step(x, s, None),
                of_step(y, s),
                sample_weight=of_step(weights, s) if weights else None,
                class_weight=class_weight,
                return_dict=True,
            )["loss"]
        )
    return golden.wrong("train/losses", losses) + golden.all_wrong("train/weights", [numpy(w) for w in model.weights])


def wrong_optimizer(model, golden):
    """Of a model that was saved after its training. Keras 3 drops the state that a legacy file holds."""
    if GENERATION == 3:
        return golden.all_wrong("train/optimizer", [numpy(v) for v in model.optimizer.variables])
    steps = int(golden.file["train"].attrs["steps"])
    return (
        [] if int(model.optimizer.iterations) >= steps else [f"optimizer: {int(model.optimizer.iterations)} steps of {steps}"]
    )


def load(file, golden_folder):
    if not file.name.endswith(".weights.h5"):
        return keras.models.load_model(file)
    of_keras2 = "k215" in golden_folder.parts  # whose own files Keras 3 cannot always read
    model = keras.models.load_model(file.with_name("out.keras") if of_keras2 else golden_folder / "model.keras")
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_weights(file)
    return model


def check(case, file, golden_folder):
    with h5py.File(golden_folder / "golden.h5", "r") as values:
        golden, model = Golden(values), load(file, golden_folder)
        trained = file.name.startswith("trained")
        wrong = wrong_outputs(model, golden, "train/outputs" if trained else "outputs")
        if trained and file.name == f"trained{pathlib.Path(RESUMED).suffix}":
            wrong += wrong_optimizer(model, golden)
        own_generation = case.startswith("k215/") == (GENERATION == 2)
        if file.name == RESUMED and own_generation and "train" in values and not wrong:
            wrong += wrong_training(model, golden)
        return wrong


def run(driver, suite, folder, report, chosen):
    all_cases = [
        g.parent.relative_to(suite).as_posix().removeprefix("cases/")
        for part in ("cases", "k215")
        for g in (suite / part).rglob("golden.h5")
    ]
    cases = sorted(case for case in all_cases if case not in left_out_cases() and chosen("written/" + case))
    for case, golden, written, error in save_all(driver, suite, folder, cases):
        if error:
            report.add(f"written/{case}", [error])
        for file in (written / name for name in FILES):
            if file.exists() and not error:
                keras.backend.clear_session()
                report.run(f"written/{case}/{file.name}", lambda file=file: check(case, file, golden))
