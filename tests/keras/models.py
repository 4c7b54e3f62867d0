"""The list of models that exchange.py sends to and fro: written once, for Keras 2.15 and for Keras 3.

No layer whose random numbers show: training them twice from the same file must give the same losses."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same sums each time
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import dataclasses
import logging
import typing
import warnings

import keras
import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore", UserWarning)  # Keras's advice on formats, at every file
logging.getLogger("absl").setLevel(logging.ERROR)
tf.get_logger().setLevel("ERROR")
L = keras.layers
GENERATION = 3 if keras.__version__ >= "3" else 2
SAMPLES = 24


@dataclasses.dataclass
class Example:
    """A model, how it is compiled, and what its targets are: for each output "values", "binary", "classes" or "one_hot"."""

    name: str
    build: typing.Callable
    loss: typing.Any = "mean_squared_error"
    metrics: typing.Any = None
    loss_weights: typing.Any = None
    optimizer: typing.Callable = lambda: keras.optimizers.Adam(0.01)
    targets: tuple = ("values",)
    only: int = 0  # the generation of Keras that has what it takes; 0 for both
    rtol: float = 2e-4
    atol: float = 2e-5

    def compile(self, model):
        model.compile(
            optimizer=self.optimizer(),
            loss=self.loss,
            metrics=self.metrics() if callable(self.metrics) else self.metrics,
            loss_weights=self.loss_weights,
        )

    def close(self, a, b):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        return a.shape == b.shape and np.allclose(a, b, rtol=self.rtol, atol=self.atol)


EXAMPLES = []


def example(name, **settings):
    def add(build):
        if settings.get("only", 0) in (0, GENERATION):
            EXAMPLES.append(Example(name, build, **settings))
        return build

    return add


def inputs_for(model, rng):
    return [
        (
            rng.integers(0, 5, size=(SAMPLES, *t.shape[1:])).astype("int32")
            if "int" in tf.as_dtype(t.dtype).name
            else rng.normal(size=(SAMPLES, *t.shape[1:])).astype("float32")
        )
        for t in model.inputs
    ]


def targets_for(example_, model, rng):
    def target(kind, shape):
        if kind == "classes":
            return rng.integers(0, shape[-1], size=shape[:-1]).astype("int32")
        if kind == "one_hot":
            return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], size=shape[:-1])]
        if kind == "binary":
            return rng.integers(0, 2, size=shape).astype("float32")
        return rng.normal(size=shape).astype("float32")

    return [target(kind, (SAMPLES, *t.shape[1:])) for kind, t in zip(example_.targets, model.outputs)]


CLASSES = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], "targets": ("classes",)}
