"""Layers with forward and hand-written backward passes, and the two MNIST networks made of them.

Arrays are float64, images NHWC, convolution kernels HWIO. A layer's forward returns (output, cache);
backward takes the cache and the gradient of the output and returns (gradient of the input,
[gradients of the weights]).
"""

import numpy as np

import philox

# A float32 run may decide otherwise where a double is closer to a kink than this share of the layer's
# largest value: the rounding of a sum of a few hundred terms.
UNDECIDED = 3e-7


class Dense:
    def __init__(self, inputs, units):
        self.shapes = [(inputs, units), (units,)]

    def forward(self, x, weights, step):
        kernel, bias = weights
        return x @ kernel + bias, (x, kernel)

    def backward(self, cache, g):
        x, kernel = cache
        return g @ kernel.T, [x.T @ g, g.sum(axis=0)]


class Conv2D:
    """Valid padding, stride 1, as one matrix product over unfolded patches."""

    def __init__(self, kernel, channels, filters):
        self.kernel, self.channels, self.filters = kernel, channels, filters
        self.shapes = [(kernel, kernel, channels, filters), (filters,)]

    def forward(self, x, weights, step):
        kernel, bias = weights
        n, height, width, _ = x.shape
        out_height, out_width = height - self.kernel + 1, width - self.kernel + 1
        patches = np.empty((n, out_height, out_width, self.kernel, self.kernel, self.channels))
        for row in range(self.kernel):
            for column in range(self.kernel):
                patches[:, :, :, row, column] = x[:, row:row + out_height, column:column + out_width]
        patches = patches.reshape(n * out_height * out_width, -1)
        flat_kernel = kernel.reshape(-1, self.filters)
        y = (patches @ flat_kernel + bias).reshape(n, out_height, out_width, self.filters)
        return y, (x.shape, patches, flat_kernel)

    def backward(self, cache, g):
        x_shape, patches, flat_kernel = cache
        n, out_height, out_width, _ = g.shape
        flat_g = g.reshape(-1, self.filters)
        kernel_gradient = (patches.T @ flat_g).reshape(self.shapes[0])
        spread = (flat_g @ flat_kernel.T).reshape(n, out_height, out_width, self.kernel, self.kernel, self.channels)
        x_gradient = np.zeros(x_shape)
        for row in range(self.kernel):
            for column in range(self.kernel):
                x_gradient[:, row:row + out_height, column:column + out_width] += spread[:, :, :, row, column]
        return x_gradient, [kernel_gradient, flat_g.sum(axis=0)]


class MaxPool2:
    """Windows of 2 by 2, stride 2; of equal values the first in row-major order takes the gradient."""

    shapes = []
    undecided = 0

    def forward(self, x, weights, step):
        n, height, width, channels = x.shape
        windows = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 5, 2, 4)
        windows = windows.reshape(n, height // 2, width // 2, channels, 4)
        ordered = np.sort(windows, axis=-1)
        gaps = ordered[..., 3] - ordered[..., 2]
        # Exact ties come from equal patches, where either winner gives the same gradients.
        self.undecided += int(((gaps > 1e-13) & (gaps <= UNDECIDED * ordered[..., 3].max())).sum())
        return windows.max(axis=-1), (x.shape, windows.argmax(axis=-1))

    def backward(self, cache, g):
        (n, height, width, channels), winner = cache
        windows = (np.arange(4) == winner[..., None]) * g[..., None]
        windows = windows.reshape(n, height // 2, width // 2, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        return windows.reshape(n, height, width, channels), []


class Relu:
    shapes = []
    undecided = 0

    def forward(self, x, weights, step):
        distances = np.abs(x)
        self.undecided += int(((distances > 0) & (distances <= UNDECIDED * distances.max())).sum())
        return np.maximum(x, 0.0), x > 0.0

    def backward(self, cache, g):
        return g * cache, []


class Flatten:
    shapes = []

    def forward(self, x, weights, step):
        return x.reshape(len(x), -1), x.shape

    def backward(self, cache, g):
        return g.reshape(cache), []


class Dropout:
    """settings: seed, stream and step0 of the layer's random stream; step s draws at step0 + s."""

    shapes = []

    def __init__(self, rate, settings):
        self.rate, self.settings = rate, settings

    def forward(self, x, weights, step):
        scale = philox.dropout_scale(x.shape, self.rate, self.settings["seed"], self.settings["stream"],
                                     self.settings["step0"] + step)
        return x * scale, scale

    def backward(self, cache, g):
        return g * cache, []


def softmax_cross_entropy(logits, labels):
    """(mean loss over the batch, gradient with respect to the logits)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(log_probabilities)
    gradient[rows, labels] -= 1.0
    return -log_probabilities[rows, labels].mean(), gradient / len(labels)


class Network:
    def __init__(self, layers):
        self.layers = layers

    def weight_shapes(self):
        return [shape for layer in self.layers for shape in layer.shapes]

    def undecided(self):
        """How many ReLU and pooling decisions so far were closer than float32 resolves."""
        return sum(getattr(layer, "undecided", 0) for layer in self.layers)

    def loss_and_gradients(self, weights, x, labels, step):
        """weights: in the order of weight_shapes(); returns the gradients in the same order."""
        caches, position = [], 0
        for layer in self.layers:
            own = weights[position:position + len(layer.shapes)]
            position += len(layer.shapes)
            x, cache = layer.forward(x, own, step)
            caches.append(cache)
        loss, g = softmax_cross_entropy(x, labels)
        gradients = []
        for layer, cache in zip(reversed(self.layers), reversed(caches)):
            g, own = layer.backward(cache, g)
            gradients = own + gradients
        return loss, gradients


def mlp(dropout):
    return Network([Flatten(), Dense(784, 512), Relu(), Dropout(0.2, dropout[0]),
                    Dense(512, 512), Relu(), Dropout(0.2, dropout[1]), Dense(512, 10)])


def cnn(dropout):
    return Network([Conv2D(3, 1, 32), Relu(), Conv2D(3, 32, 64), Relu(), MaxPool2(), Dropout(0.25, dropout[0]),
                    Flatten(), Dense(9216, 128), Relu(), Dropout(0.5, dropout[1]), Dense(128, 10)])


def build(name, dropout):
    """The network called "mlp" or "cnn"; dropout: the settings of its two dropout layers, in order."""
    if len(dropout) != 2:
        raise ValueError(f"dropout: expected 2 entries, received {len(dropout)}")
    return {"mlp": mlp, "cnn": cnn}[name](dropout)
