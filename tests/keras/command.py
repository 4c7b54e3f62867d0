"""The strata command beside real Keras: `fit` on each kind of data, killed and resumed, TensorBoard, models made by `new`."""

import gzip
import pathlib
import subprocess
import time

import h5py
import numpy as np

import exchange
from models import CLASSES, Example, GENERATION, L, keras, tf

MNIST = pathlib.Path(__file__).resolve().parents[2] / "data" / "mnist"
SUFFIX = "." + exchange.FORMATS[0]
SPLIT, EPOCHS = 0.25, 3


def classifier(*shape):
    """Each time with the same weights. One that Keras 2.15 saves before it is trained reports wrong accuracies from then on, so
    that what is saved and what is trained are two."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential([L.Input(shape), L.Flatten(), L.Dense(8, activation="relu"), L.Dense(10, activation="softmax")])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=CLASSES["loss"], metrics=CLASSES["metrics"])
    return model


def idx(name, header):
    with gzip.open(MNIST / f"{name}.gz") as file:
        return np.frombuffer(file.read(), "uint8", offset=header)


def mnist():
    return (idx("train-images-idx3-ubyte", 16).reshape(-1, 28, 28) / np.float32(255)), idx("train-labels-idx1-ubyte", 8).astype(
        "int32"
    )


class Command(exchange.Crossing):
    """A folder with a model saved by Keras, and its data in files of every kind."""

    def __init__(self, strata, folder, report):
        super().__init__(Example("command", lambda: classifier(6)), strata, folder, report)
        rng = np.random.default_rng(2)
        self.x = [rng.normal(size=(200, 6)).astype("float32")]
        self.y = [self.x[0].argmax(axis=1).astype("int32")]
        np.savez(self.path("data.npz"), x=self.x[0], y=self.y[0])
        np.save(self.path("x.npy"), self.x[0])
        np.save(self.path("y.npy"), self.y[0])
        with h5py.File(self.path("data.h5"), "w") as file:
            file["features"], file["labels"] = self.x[0], self.y[0]
        classifier(6).save(self.path("start" + SUFFIX))
        model = classifier(6)
        model.run_eagerly = True
        self.reference = model.fit(
            self.x[0], self.y[0], batch_size=32, epochs=EPOCHS, validation_split=SPLIT, shuffle=False, verbose=0
        ).history
        self.trained = model

    def logs(self, *words, start="start", output="out", epochs=EPOCHS):
        """What `strata fit` writes into its table."""
        log = self.path(output + ".csv")
        self.command(
            "fit",
            self.path(start + SUFFIX),
            *words,
            "--epochs",
            str(epochs),
            "--no-shuffle",
            "--verbose",
            "0",
            "--csv",
            log,
            "--output",
            self.path(output + SUFFIX),
        )
        return exchange.read_log(log)

    def learns_from(self, *words):
        logs = self.logs(*words, "--validation-split", str(SPLIT))
        return self.differences("logs", self.reference, logs) + self.differences(
            "outputs", exchange.outputs(self.trained, self.x), exchange.outputs(self.load("out"), self.x)
        )

    def load(self, name):
        return keras.models.load_model(self.path(name + SUFFIX))

    def learns_mnist(self):
        classifier(28, 28).save(self.path("mnist" + SUFFIX))
        expected = classifier(28, 28).fit(*mnist(), batch_size=500, epochs=1, shuffle=False, verbose=0).history
        return self.differences(
            "logs", expected, self.logs("mnist", "--data-dir", str(MNIST), "--batch-size", "500", start="mnist", epochs=1)
        )

    def starts_here(self):
        """Models that were made here, not by Keras: they compute the same there, and training begun here goes on there."""
        rng = np.random.default_rng(3)
        x = rng.normal(size=(64, 8, 8, 1)).astype("float32")
        y = rng.integers(0, 10, size=64).astype("int32")
        data = self.path("new.npz")
        np.savez(data, x=x, y=y)
        wrong = []
        for kind in ("linear", "mlp", "cnn"):
            self.command("new", kind, self.path(kind + SUFFIX), "--input-shape", "8,8,1", "--classes", "10", "--seed", "4")
            self.command("predict", self.path(kind + SUFFIX), data, self.path("outputs.npy"))
            wrong += self.differences(
                f"outputs of {kind}", exchange.outputs(self.load(kind), [x]), {0: np.load(self.path("outputs.npy"))}
            )
        self.logs(data, start="linear", output="begun")
        here = self.logs(data, start="begun", output="finished")
        model = self.load("begun")
        model.run_eagerly = True
        there = model.fit(x, y, batch_size=32, epochs=EPOCHS, shuffle=False, verbose=0).history
        return (
            wrong
            + self.differences("logs", there, here)
            + self.differences("outputs", exchange.outputs(model, [x]), exchange.outputs(self.load("finished"), [x]))
        )

    def resumes(self):
        """Killed once the third epoch is saved, then resumed: as if nothing had happened. Then Keras goes on."""

        def words(name, *more):
            return [
                self.strata,
                "fit",
                self.path("start" + SUFFIX),
                self.path("data.npz"),
                "--epochs",
                "60",
                "--seed",
                "9",
                "--verbose",
                "0",
                "--csv",
                self.path(name + ".csv"),
                "--checkpoint",
                self.path(name),
                "--output",
                self.path(name + SUFFIX),
                *more,
            ]

        killed = subprocess.Popen(words("killed"))
        end = time.monotonic() + 120
        while not (self.folder / "killed" / "epoch-003.keras").exists() and time.monotonic() < end and killed.poll() is None:
            time.sleep(0.002)
        killed.kill()
        if killed.wait() != -9:
            return [f"the program was to be killed, but ended before that with status {killed.returncode}"]
        self.command(*words("killed", "--resume")[1:])
        self.command(*words("whole")[1:])
        same_logs = (self.folder / "killed.csv").read_text() == (self.folder / "whole.csv").read_text()
        wrong = [] if same_logs else ["logs: the resumed run differs"]
        model, whole = self.load("killed"), self.load("whole")
        wrong += [
            f"weight {i}: the resumed run differs"
            for i, (a, b) in enumerate(zip(model.get_weights(), whole.get_weights()))
            if not np.array_equal(a, b)
        ]
        here = self.logs(self.path("data.npz"), start="killed", output="on", epochs=1)
        model.run_eagerly = True
        there = model.fit(self.x[0], self.y[0], batch_size=32, epochs=1, shuffle=False, verbose=0).history
        return wrong + self.differences("logs of an epoch more", there, here)

    def shows_in_tensorboard(self):
        logs = self.logs(self.path("data.npz"), "--validation-split", str(SPLIT), "--tensorboard", self.path("events"))
        shown = {}
        for run, prefix in (("train", ""), ("validation", "val_")):
            for file in sorted((self.folder / "events" / run).iterdir()):
                for event in tf.compat.v1.train.summary_iterator(str(file)):
                    for value in event.summary.value:
                        if value.tag.startswith("epoch_") and value.tag != "epoch_learning_rate":
                            shown.setdefault(prefix + value.tag.removeprefix("epoch_"), []).append(
                                float(tf.make_ndarray(value.tensor))
                            )
        return self.differences("scalars", logs, shown)


def run(strata, folder, report, chosen):
    if not chosen("command"):
        return
    command = Command(strata, folder, report)
    checks = {
        "npz": lambda: command.learns_from(command.path("data.npz")),
        "npy": lambda: command.learns_from(command.path("x.npy"), "--targets", command.path("y.npy")),
        "h5": lambda: command.learns_from(command.path("data.h5"), "--x", "features", "--y", "labels"),
        "mnist": command.learns_mnist,
        "new": command.starts_here,
        "resume": command.resumes,
        "tensorboard": command.shows_in_tensorboard,
    }
    for name, check in checks.items():
        report.run("command/" + name, check)
