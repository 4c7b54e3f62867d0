"""Training that crosses between real Keras and the `strata` command, both ways and in every format.

Keras trains a model and saves it; strata goes on with the file; Keras goes on with what strata saved. Next to that Keras
trains a copy without a break: losses, metrics, outputs and the optimizer's variables must agree at every station."""

import csv
import os
import subprocess

import numpy as np

import networks  # noqa: F401  these two fill the list of examples
import optimizers  # noqa: F401
from models import EXAMPLES, GENERATION, inputs_for, keras, targets_for, tf

BATCH, EPOCHS = 8, 2  # three steps to an epoch
FORMATS = ("keras", "h5") if GENERATION == 3 else ("h5",)


def one_or_list(arrays):
    return arrays if len(arrays) > 1 else arrays[0]


def fit(model, x, y, epochs=EPOCHS):
    model.run_eagerly = True  # tracing takes longer than a few steps; set here, it is not saved
    if GENERATION == 3:
        model.jit_compile = False
    return model.fit(one_or_list(x), one_or_list(y), batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0).history


def outputs(model, x):
    return numbered(tf.nest.flatten(model(one_or_list(x), training=False)))


def optimizer_state(model):
    optimizer = model.optimizer
    if GENERATION == 2 and optimizer.__class__.__name__ == "SGD" and not optimizer.momentum:
        return numbered([optimizer.iterations])  # what else it keeps is of no use to it
    return numbered(optimizer.variables)


def numbered(values):
    return {i: np.asarray(v) for i, v in enumerate(values)}


def read_log(file):
    """The table that --csv asks for, as Keras's `history`. Columns for a validation that there was not hold NA."""
    with open(file, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {key: [float(row[key]) for row in rows] for key in rows[0] if key != "epoch" and rows[0][key] != "NA"}


class Station:
    """All that is compared of a model at one moment, and what its next epochs brought."""

    def __init__(self, model, x, y):
        self.outputs, self.state = outputs(model, x), optimizer_state(model)
        model.run_eagerly = True
        self.evaluated = model.evaluate(one_or_list(x), one_or_list(y), batch_size=BATCH, verbose=0, return_dict=True)
        self.history = fit(model, x, y)


class Crossing:
    """One example in a folder of its own."""

    def __init__(self, example, strata, folder, report):
        self.example, self.strata, self.folder, self.report = example, strata, folder, report
        self.refused = {}  # files that Keras itself could not write
        self.prefix = f"exchange/{example.name}"
        folder.mkdir(parents=True)

    def path(self, name):
        return str(self.folder / name)

    def command(self, *words):
        done = subprocess.run([self.strata, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"strata {words[0]}: status {done.returncode}: {done.stdout.strip()[-400:]}")

    def begin(self):
        """What Keras does alone: a few epochs, the files, and two stretches more."""
        keras.utils.set_random_seed(7)
        self.model = self.example.build()
        self.example.compile(self.model)
        rng = np.random.default_rng(11)
        self.x = inputs_for(self.model, rng)
        self.y = targets_for(self.example, self.model, rng)
        np.savez(
            self.path("data.npz"), **{f"x{i}": a for i, a in enumerate(self.x)}, **{f"y{i}": a for i, a in enumerate(self.y)}
        )
        fit(self.model, self.x, self.y)
        for name in FORMATS:  # .h5 last: with it Keras 3 forgets the optimizer of the files to come
            try:
                self.model.save(self.path("start." + name))
            except (TypeError, ValueError) as error:
                self.refused["start." + name] = [f"Keras cannot write it: {error}"]
        self.model.save_weights(self.path("start.weights.h5"))
        self.first = Station(self.model, self.x, self.y)
        self.second = Station(self.model, self.x, self.y)
        self.last_outputs = outputs(self.model, self.x)
        return []

    def fit_here(self, file, output):
        """`strata fit`; its history."""
        log = self.path(output + ".csv")
        self.command(
            "fit",
            self.path(file),
            self.path("data.npz"),
            "--x",
            *(f"x{i}" for i in range(len(self.x))),
            "--y",
            *(f"y{i}" for i in range(len(self.y))),
            "--epochs",
            str(EPOCHS),
            "--batch-size",
            str(BATCH),
            "--no-shuffle",
            "--verbose",
            "0",
            "--csv",
            log,
            "--output",
            self.path(output),
        )
        return read_log(log)

    def predict_here(self, file):
        self.command(
            "predict",
            self.path(file),
            self.path("data.npz"),
            self.path("outputs.npz"),
            "--x",
            *(f"x{i}" for i in range(len(self.x))),
        )
        with np.load(self.path("outputs.npz")) as arrays:
            return numbered(arrays.values())

    def differences(self, what, expected, received):
        """Between dicts of numbers or arrays, whose keys must agree."""
        if expected.keys() != received.keys():
            return [f"{what}: expected {sorted(expected)}; received {sorted(received)}"]
        return [
            f"{what} {key}: expected {brief(e)}; received {brief(received[key])}"
            for key, e in expected.items()
            if not self.example.close(e, received[key])
        ]

    # ---- the checks

    def goes_on_here(self, file, output):
        return self.refused.get(file) or self.differences("logs", self.first.history, self.fit_here(file, output))

    def goes_on_with_weights(self):
        """The weights and the optimizer's state from a file of their own."""
        self.command(
            "convert", self.path(f"start.{FORMATS[0]}"), self.path("weighted.keras"), "--weights", self.path("start.weights.h5")
        )
        return self.goes_on_here("weighted.keras", "unused.keras")

    def converted(self, file, check):
        """Of what strata trained in Keras 3's own format."""
        self.command("convert", self.path("here.keras"), self.path(file))
        return check(file)

    def same_outputs(self, file):
        there = outputs(keras.models.load_model(self.path(file), compile=False), self.x)
        return self.differences("outputs there", self.second.outputs, there) + self.differences(
            "outputs here", there, self.predict_here(file)
        )

    def read_there(self, file):
        if not file.endswith(".weights.h5"):
            return keras.models.load_model(self.path(file))
        model = self.example.build()
        self.example.compile(model)
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self.path(file))
        return model

    def logs_of_file(self, logs):
        """Keras 2.15 takes metrics' names from a file as they stand, and puts no output's name in front; losses keep theirs."""
        if GENERATION == 3 or len(self.y) == 1:
            return logs
        outputs_of = [
            (key, name)
            for key in logs
            for name in self.model.output_names
            if key.startswith(name + "_") and key != name + "_loss"
        ]
        shorter = {key: key.removeprefix(name + "_") for key, name in outputs_of}
        return {shorter.get(key, key): values for key, values in logs.items()}

    def goes_on_there(self, file):
        """A file that Keras reads together with the optimizer's state."""
        model = self.read_there(file)
        wrong = self.differences("optimizer", self.second.state, optimizer_state(model))
        wrong += self.differences("logs", self.logs_of_file(self.second.history), fit(model, self.x, self.y))
        return wrong + self.differences("outputs", self.last_outputs, outputs(model, self.x))

    def trains_after_compile(self, file):
        """What Keras 3 can do with a legacy file, its own included: the optimizer's state is lost."""
        model = keras.models.load_model(self.path(file))
        self.example.compile(model)
        model.run_eagerly = True
        got = model.evaluate(one_or_list(self.x), one_or_list(self.y), batch_size=BATCH, verbose=0, return_dict=True)
        wrong = self.differences("logs", self.second.evaluated, got)
        return wrong + [f"{k}: {v}" for k, v in fit(model, self.x, self.y, epochs=1).items() if not np.isfinite(v).all()]

    def run(self):
        def check(name, work, *arguments):
            return self.report.run(f"{self.prefix}/{name}", lambda: work(*arguments))

        if not check("begin", self.begin):
            return
        trained = f"here.{FORMATS[0]}"
        check(f"start.{FORMATS[0]}/goes-on-here", self.goes_on_here, f"start.{FORMATS[0]}", trained)
        for name in FORMATS[1:]:
            check(f"start.{name}/goes-on-here", self.goes_on_here, f"start.{name}", "unused.keras")
        check("start.weights.h5/goes-on-here", self.goes_on_with_weights)
        check(f"{trained}/outputs", self.same_outputs, trained)
        check(f"{trained}/goes-on-there", self.goes_on_there, trained)
        if GENERATION == 3:
            check("converted.h5/outputs", self.converted, "converted.h5", self.same_outputs)
            check("converted.h5/trains-there", self.converted, "converted.h5", self.trains_after_compile)
            check("converted.weights.h5/goes-on-there", self.converted, "converted.weights.h5", self.goes_on_there)


def brief(values):
    values = np.asarray(values)
    return f"{values.shape} {values.reshape(-1)[:4].tolist()}"


def run(strata, folder, report, chosen):
    for example in EXAMPLES:
        if chosen(f"exchange/{example.name}"):
            keras.backend.clear_session()
            Crossing(example, strata, folder / example.name, report).run()
