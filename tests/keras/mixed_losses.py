"""Prints the losses that tests/models/mixed_precision_test.cpp compares with: ten steps of Keras in each precision.

KERAS_BACKEND=tensorflow python3 tests/keras/mixed_losses.py
"""

import keras
import numpy as np
from keras import layers as L

BATCH = 32


def noise(shape, salt, scale):
    """Numbers in [-0.5, 0.5) times scale, as the C++ test makes them."""
    bits = np.uint64(0xFFFFFFFF)
    i = np.arange(np.prod(shape), dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(salt * 97531)) & bits
    h = ((h ^ (h >> np.uint64(15))) * np.uint64(2246822519)) & bits
    h = h ^ (h >> np.uint64(13))
    x = (h >> np.uint64(8)).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)
    return x.reshape(shape) * np.float32(scale)


def images():
    y = (np.arange(BATCH) % 10).astype(np.int32)
    x = noise((BATCH, 28, 28, 1), 1, 0.5)
    for image, label in zip(x, y):
        image[2 * label : 2 * label + 4, 4:24, 0] += np.float32(1)
    return x, y


def model(kind):
    hidden = {
        "mlp": [L.Flatten(), L.Dense(512, activation="relu"), L.Dense(512, activation="relu")],
        "cnn": [L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten(),
                L.Dense(128, activation="relu")],
    }[kind]
    made = keras.Sequential([L.Input((28, 28, 1)), *hidden, L.Dense(10, activation="softmax")])
    for k, v in enumerate(made.trainable_variables):
        inputs = np.prod(v.shape[:-1])
        scale = 2.0 ** (1 - np.floor(np.log2(inputs) / 2))
        v.assign(np.zeros(v.shape) if len(v.shape) == 1 else noise(tuple(v.shape), 10 + k, scale))
    return made


x, y = images()
for kind in ["mlp", "cnn"]:
    for policy in ["float32", "mixed_bfloat16", "mixed_float16"]:
        keras.config.set_dtype_policy(policy)
        m = model(kind)
        m.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        losses = []
        for _ in range(10):
            m.reset_metrics()
            losses.append(float(m.train_on_batch(x, y)[0]))
        print(kind, policy, ", ".join(f"{loss:.6f}" for loss in losses), flush=True)
