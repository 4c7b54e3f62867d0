"""Keras on TensorFlow as a benchmark worker. Modes: graph (tf.function), xla (jit_compile)."""

import os
import time

import peer_worker

ARGUMENTS = peer_worker.arguments(("graph", "xla"))
peer_worker.limit_threads(ARGUMENTS.threads)
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import keras  # noqa: E402

import mnist_data  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(ARGUMENTS.threads)
tf.config.threading.set_inter_op_parallelism_threads(ARGUMENTS.threads)


def build(workload):
    layers = keras.layers
    if workload == "mlp":
        return keras.Sequential([
            keras.Input((784,)),
            layers.Dense(512, activation="relu"), layers.Dropout(0.2),
            layers.Dense(512, activation="relu"), layers.Dropout(0.2),
            layers.Dense(10, activation="softmax")])
    return keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(),
        layers.Dense(128, activation="relu"), layers.Dropout(0.5),
        layers.Dense(10, activation="softmax")])


class Worker:
    def __init__(self, workload, mode, x, y):
        self.x, self.y = x, y
        self.model = build(workload)
        self.model.compile(optimizer=keras.optimizers.Adam(1e-3),
                           loss=keras.losses.SparseCategoricalCrossentropy(),
                           metrics=[], jit_compile=mode == "xla")
        # The step is a tf.function of our own: train_on_batch converts its arrays and resets its
        # metrics at each call, which would be charged to TensorFlow.
        optimizer, loss, model = self.model.optimizer, self.model.loss, self.model
        optimizer.build(model.trainable_variables)

        @tf.function(jit_compile=mode == "xla", reduce_retracing=True)
        def step(batch_x, batch_y):
            with tf.GradientTape() as tape:
                value = loss(batch_y, model(batch_x, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return value

        @tf.function(jit_compile=mode == "xla", reduce_retracing=True)
        def infer(batch_x):
            return model(batch_x, training=False)

        self.step_function, self.infer_function = step, infer
        self.batch_x = tf.constant(x[:peer_worker.BATCH])
        self.batch_y = tf.constant(y[:peer_worker.BATCH])
        self.infer_x = tf.constant(x[:peer_worker.INFER_BATCH])

    def step(self):
        return float(self.step_function(self.batch_x, self.batch_y))

    def infer(self, count):
        for _ in range(count):
            self.infer_function(self.infer_x).numpy()

    def prepare_fit(self):
        count = peer_worker.FIT_WARM_UP
        self.model.fit(self.x[:count], self.y[:count], batch_size=peer_worker.BATCH, verbose=0)

    def fit(self):
        history = self.model.fit(self.x, self.y, batch_size=peer_worker.BATCH, epochs=1,
                                 shuffle=True, verbose=0)
        return history.history["loss"][-1]


def main():
    start = time.perf_counter()
    x, y = mnist_data.load()
    if ARGUMENTS.workload == "mlp":
        x = x.reshape(-1, 784)
    data_seconds = time.perf_counter() - start
    keras.utils.set_random_seed(1)
    worker = Worker(ARGUMENTS.workload, ARGUMENTS.mode, x, y)
    version = f"keras {keras.__version__} tensorflow {tf.__version__} numpy {np.__version__}"
    peer_worker.serve(worker, version, x.nbytes + y.nbytes, data_seconds)


main()
