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

import networks_keras  # noqa: E402
import workloads  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(ARGUMENTS.threads)
tf.config.threading.set_inter_op_parallelism_threads(ARGUMENTS.threads)


class Worker:
    def __init__(self, given, x, y):
        self.x, self.y, self.batch = x, y, given.batch
        compiles = given.mode == "xla"
        keras.config.set_dtype_policy(given.precision)
        self.model = networks_keras.build(given.workload, given.image_size)
        self.model.compile(optimizer=networks_keras.optimizer(given.is_mnist),
                           loss=keras.losses.SparseCategoricalCrossentropy(),
                           metrics=[], jit_compile=compiles)
        # The step is a tf.function of our own: train_on_batch converts its arrays and resets its
        # metrics at each call, which would be charged to TensorFlow.
        optimizer, loss, model = self.model.optimizer, self.model.loss, self.model
        optimizer.build(model.trainable_variables)

        @tf.function(jit_compile=compiles, reduce_retracing=True)
        def step(batch_x, batch_y):
            with tf.GradientTape() as tape:
                value = loss(batch_y, model(batch_x, training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            return value

        @tf.function(jit_compile=compiles)
        def infer(batch_x):
            return model(batch_x, training=False)

        self.step_function, self.infer_function = step, infer
        self.batch_x = tf.constant(x[:self.batch])
        self.batch_y = tf.constant(y[:self.batch])
        self.infer_x = {}

    def step(self):
        return float(self.step_function(self.batch_x, self.batch_y))

    def infer(self, count, batch):
        if batch not in self.infer_x:
            self.infer_x[batch] = tf.constant(self.x[:batch])
        for _ in range(count):
            self.infer_function(self.infer_x[batch]).numpy()

    def prepare_fit(self):
        count = peer_worker.fit_warm_up(self.batch)
        self.model.fit(self.x[:count], self.y[:count], batch_size=self.batch, verbose=0)

    def fit(self):
        history = self.model.fit(self.x, self.y, batch_size=self.batch, epochs=1, shuffle=True, verbose=0)
        return history.history["loss"][-1]


def main():
    start = time.perf_counter()
    x, y = workloads.load(ARGUMENTS)
    data_seconds = time.perf_counter() - start
    keras.utils.set_random_seed(1)
    worker = Worker(ARGUMENTS, x, y)
    version = f"keras {keras.__version__} tensorflow {tf.__version__} numpy {np.__version__}"
    peer_worker.serve(worker, ARGUMENTS, version, x.nbytes + y.nbytes, data_seconds)


main()
