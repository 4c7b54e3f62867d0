"""Checks of the reference itself: Philox vectors, its own gradients, its optimizers."""

import numpy as np

import networks
import optimizers
import philox

# Known answers published with Random123 (kat_vectors, philox4x32 with 10 rounds): counter, key, output.
PHILOX_VECTORS = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
)
DROPOUT = [{"seed": (3 << 32) + 11, "stream": 5, "step0": 2}, {"seed": 12, "stream": 6, "step0": 0}]


def philox_vectors():
    for counter, key, expected in PHILOX_VECTORS:
        received = philox.philox(np.array([counter], np.uint32), key)[0]
        if tuple(int(word) for word in received) != expected:
            return f"counter {counter}: expected {expected}, received {received}"
    return None


def stream_addressing():
    """Element i must not depend on how many are drawn, and must move with each word of its address."""
    base = philox.uniform(10, 7, 1, 0)
    if not np.array_equal(base[:3], philox.uniform(3, 7, 1, 0)):
        return "a shorter draw differs"
    for other in ((8, 1, 0), (7 + (1 << 32), 1, 0), (7, 2, 0), (7, 1, 1)):
        if np.array_equal(base, philox.uniform(10, *other)):
            return f"address {other} repeats (7, 1, 0)"
    words = philox.philox(np.array([[1, 0, 1, 0]], np.uint32), (7, 0))[0]
    if not np.array_equal(base[4:8], (words >> np.uint32(8)) / 2.0 ** 24):
        return "elements 4 to 7 are not block 1"
    return None


def network_gradients(name, batch):
    """Each weight's gradient along one random direction against a central difference."""
    generator = np.random.default_rng(1)
    network = networks.build(name, DROPOUT)
    weights = [generator.normal(0, 0.05, shape) for shape in network.weight_shapes()]
    x = generator.uniform(0, 1, (batch, 28, 28, 1))
    labels = generator.integers(0, 10, batch)
    _, gradients = network.loss_and_gradients(weights, x, labels, 1)
    for index, gradient in enumerate(gradients):
        direction = generator.normal(0, 1, gradient.shape)
        direction /= np.linalg.norm(direction)
        losses = []
        distance = 1e-6
        for sign in (1, -1):
            moved = list(weights)
            moved[index] = weights[index] + sign * distance * direction
            losses.append(network.loss_and_gradients(moved, x, labels, 1)[0])
        measured = (losses[0] - losses[1]) / (2 * distance)
        expected = float((gradient * direction).sum())
        scale = max(abs(expected), np.linalg.norm(gradient) / np.sqrt(gradient.size))
        if not abs(measured - expected) <= 1e-5 * scale:
            return f"weight {index}: gradient {expected}, difference quotient {measured}"
    return None


def optimizer_steps():
    """Two steps by hand on one scalar with gradients 1 and 2."""
    momentum, adam = np.array([1.0]), np.array([1.0])
    sgd = optimizers.build({"name": "sgd", "learning_rate": 0.1, "momentum": 0.5}, [momentum])
    other = optimizers.build({"name": "adam", "learning_rate": 0.1}, [adam])
    for gradient in (1.0, 2.0):
        sgd.apply([momentum], [np.array([gradient])])
        other.apply([adam], [np.array([gradient])])
    # v = -0.1, then 0.5 * -0.1 - 0.2 = -0.25.
    if abs(momentum[0] - 0.65) > 1e-15:
        return f"momentum: expected 0.65, received {momentum[0]}"
    # m = 0.1, 0.29; v = 0.001, 0.004999; the corrected ratios are 1 and (0.29 / 0.19) / sqrt(0.004999 / 0.001999).
    expected = 1.0 - 0.1 - 0.1 * (0.29 / 0.19) / np.sqrt(0.004999 / 0.001999)
    if abs(adam[0] - expected) > 1e-6:
        return f"adam: expected {expected}, received {adam[0]}"
    return None


def run():
    checks = (("philox vectors", philox_vectors), ("stream addressing", stream_addressing),
              ("mlp gradients", lambda: network_gradients("mlp", 4)),
              ("cnn gradients", lambda: network_gradients("cnn", 3)), ("optimizer steps", optimizer_steps))
    failures = 0
    for name, check in checks:
        problem = check()
        failures += problem is not None
        print(f"{name}: {problem or 'passed'}")
    print(f"{len(checks) - failures} passed, {failures} failed")
    return 1 if failures else 0
