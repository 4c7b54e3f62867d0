#!/usr/bin/env python3
"""What a user of Keras would run in the place of `strata fit`: one step of work on a model file, then the end.

    keras_command.py --threads N save MODEL                      writes the MNIST CNN of bench/README.md, compiled
    keras_command.py --threads N fit MODEL OUT EPOCHS BATCH      loads, trains on MNIST, saves
    keras_command.py --threads N evaluate MODEL                  prints the accuracy on the test images
"""

import argparse
import os

import peer_worker

BATCH_OF_EVALUATION = 256


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("save").add_argument("model")
    fit = commands.add_parser("fit")
    fit.add_argument("model")
    fit.add_argument("out")
    fit.add_argument("epochs", type=int)
    fit.add_argument("batch", type=int)
    commands.add_parser("evaluate").add_argument("model")
    return parser.parse_args()


ARGUMENTS = parse_arguments()
peer_worker.limit_threads(ARGUMENTS.threads)
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

import mnist_data  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(ARGUMENTS.threads)
tf.config.threading.set_inter_op_parallelism_threads(ARGUMENTS.threads)


def save():
    layers = keras.layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(),
        layers.Dense(128, activation="relu"), layers.Dropout(0.5),
        layers.Dense(10, activation="softmax")])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(ARGUMENTS.model)
    print("keras", keras.__version__, "tensorflow", tf.__version__)


def fit():
    model = keras.models.load_model(ARGUMENTS.model)
    x, y = mnist_data.load()
    model.fit(x, y, batch_size=ARGUMENTS.batch, epochs=ARGUMENTS.epochs, verbose=2)
    model.save(ARGUMENTS.out)


def evaluate():
    model = keras.models.load_model(ARGUMENTS.model)
    x, y = mnist_data.load("test")
    result = model.evaluate(x, y, batch_size=BATCH_OF_EVALUATION, verbose=0, return_dict=True)
    print("accuracy", result["accuracy"])


{"save": save, "fit": fit, "evaluate": evaluate}[ARGUMENTS.command]()
