"""Keras's SGD and Adam (Keras 3 formulas), in double precision, updating arrays in place."""

import numpy as np


class Sgd:
    def __init__(self, settings, weights):
        self.rate = settings["learning_rate"]
        self.momentum = settings.get("momentum", 0.0)
        self.velocities = [np.zeros_like(weight) for weight in weights]

    def apply(self, weights, gradients):
        for weight, gradient, velocity in zip(weights, gradients, self.velocities):
            velocity *= self.momentum
            velocity -= self.rate * gradient
            weight += velocity


class Adam:
    """The bias corrections are in the rate; epsilon is added to the uncorrected root."""

    def __init__(self, settings, weights):
        self.rate = settings["learning_rate"]
        self.beta_1, self.beta_2 = settings.get("beta_1", 0.9), settings.get("beta_2", 0.999)
        self.epsilon = settings.get("epsilon", 1e-7)
        self.means = [np.zeros_like(weight) for weight in weights]
        self.squares = [np.zeros_like(weight) for weight in weights]
        self.step = 0

    def apply(self, weights, gradients):
        self.step += 1
        rate = self.rate * np.sqrt(1.0 - self.beta_2 ** self.step) / (1.0 - self.beta_1 ** self.step)
        for weight, gradient, mean, square in zip(weights, gradients, self.means, self.squares):
            mean += (gradient - mean) * (1.0 - self.beta_1)
            square += (gradient * gradient - square) * (1.0 - self.beta_2)
            weight -= rate * mean / (np.sqrt(square) + self.epsilon)


def build(settings, weights):
    kinds = {"sgd": Sgd, "adam": Adam}
    if settings["name"] not in kinds:
        raise ValueError(f"optimizer: expected one of {sorted(kinds)}, received {settings['name']}")
    return kinds[settings["name"]](settings, weights)
