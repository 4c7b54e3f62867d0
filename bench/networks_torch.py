"""The workloads in PyTorch: the layers of keras.applications, with as many parameters, which is checked.

Padding is PyTorch's own where Keras's "same" is not symmetric: shapes and work are the same, and it is what a user of
PyTorch writes. Outputs are logits.
"""

import torch
from torch import nn
from torch.nn import functional as F

# Those of keras.applications with a top, moving statistics included.
PARAMETERS = {"mobilenet": 4_253_864, "xception": 22_910_480, "resnet50": 25_636_712, "vgg16": 138_357_544}


def conv(inputs, outputs, size, stride=1, padding=0, bias=False, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding, groups=groups, bias=bias)


def norm(channels, eps=1e-3):
    return nn.BatchNorm2d(channels, eps=eps, momentum=0.01)


def relu():
    return nn.ReLU(inplace=True)


def pooled_classifier(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]


class Separable(nn.Sequential):
    """Depthwise 3x3, 1x1, batch normalization."""

    def __init__(self, inputs, outputs):
        super().__init__(conv(inputs, inputs, 3, padding=1, groups=inputs), conv(inputs, outputs, 1), norm(outputs))


class PoolSame(nn.Module):
    """Maximum of windows of 3 with stride 2, padded as "same" does it."""

    def forward(self, x):
        if x.shape[2] % 2 == 1:
            return F.max_pool2d(x, 3, 2, padding=1)
        return F.max_pool2d(x, 3, 2, ceil_mode=True)


class Residual(nn.Module):
    def __init__(self, body, shortcut=None, last=None):
        super().__init__()
        self.body, self.shortcut, self.last = body, shortcut or nn.Identity(), last or nn.Identity()

    def forward(self, x):
        return self.last(self.body(x) + self.shortcut(x))


def xception():
    def down(inputs, first, outputs, starts_with_relu=True):
        # The first ReLU must not work in place: the shortcut reads what is before it.
        start = [nn.ReLU()] if starts_with_relu else []
        body = nn.Sequential(*start, Separable(inputs, first), relu(), Separable(first, outputs), PoolSame())
        return Residual(body, nn.Sequential(conv(inputs, outputs, 1, 2), norm(outputs)))

    def middle():
        return Residual(nn.Sequential(nn.ReLU(), Separable(728, 728), relu(), Separable(728, 728), relu(),
                                      Separable(728, 728)))

    return nn.Sequential(
        conv(3, 32, 3, 2), norm(32), relu(), conv(32, 64, 3), norm(64), relu(),
        down(64, 128, 128, starts_with_relu=False), down(128, 256, 256), down(256, 728, 728),
        *[middle() for _ in range(8)], down(728, 728, 1024),
        Separable(1024, 1536), relu(), Separable(1536, 2048), relu(), *pooled_classifier(2048))


def mobilenet():
    layers, inputs = [conv(3, 32, 3, 2, 1), norm(32), nn.ReLU6(True)], 32
    for outputs, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
                            (1024, 2), (1024, 1)):
        layers += [conv(inputs, inputs, 3, stride, 1, groups=inputs), norm(inputs), nn.ReLU6(True),
                   conv(inputs, outputs, 1), norm(outputs), nn.ReLU6(True)]
        inputs = outputs
    pool, flatten, dense = pooled_classifier(1024)
    return nn.Sequential(*layers, pool, flatten, nn.Dropout(1e-3), dense)


def resnet50():
    def block(inputs, filters, stride, projects):
        outputs = 4 * filters
        body = nn.Sequential(conv(inputs, filters, 1, stride, bias=True), norm(filters, 1.001e-5), relu(),
                             conv(filters, filters, 3, padding=1, bias=True), norm(filters, 1.001e-5), relu(),
                             conv(filters, outputs, 1, bias=True), norm(outputs, 1.001e-5))
        shortcut = nn.Sequential(conv(inputs, outputs, 1, stride, bias=True), norm(outputs, 1.001e-5))
        return Residual(body, shortcut if projects else None, relu())

    layers = [conv(3, 64, 7, 2, 3, bias=True), norm(64, 1.001e-5), relu(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, (filters, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for i in range(count):
            layers.append(block(inputs, filters, 2 if i == 0 and stage > 0 else 1, i == 0))
            inputs = 4 * filters
    return nn.Sequential(*layers, *pooled_classifier(2048))


def vgg16(image_size):
    layers, inputs = [], 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [conv(inputs, filters, 3, padding=1, bias=True), relu()]
            inputs = filters
        layers.append(nn.MaxPool2d(2))
    pixels = (image_size // 32) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(pixels * 512, 4096), relu(), nn.Linear(4096, 4096), relu(),
                         nn.Linear(4096, 1000))


def mnist_network(workload, image_size):
    if workload == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(image_size ** 2, 512), nn.ReLU(), nn.Dropout(0.2),
                             nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 10))
    pixels = ((image_size - 4) // 2) ** 2
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
                         nn.Linear(64 * pixels, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


def parameters_of(model):
    """As Keras counts them: weights and the moving statistics of batch normalization."""
    statistics = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    return (sum(p.numel() for p in model.parameters()) + sum(2 * m.num_features for m in statistics))


def build(workload, image_size):
    if workload in ("mlp", "cnn"):
        return mnist_network(workload, image_size)
    if workload not in PARAMETERS:
        raise SystemExit(f"{workload} is not written down for PyTorch; there are mlp, cnn, {', '.join(PARAMETERS)}")
    model = vgg16(image_size) if workload == "vgg16" else {
        "mobilenet": mobilenet, "xception": xception, "resnet50": resnet50}[workload]()
    expected = PARAMETERS[workload]
    if workload == "vgg16":  # its first dense layer grows with the image
        expected += ((image_size // 32) ** 2 - 49) * 512 * 4096
    if parameters_of(model) != expected:
        raise SystemExit(f"{workload}: expected {expected} parameters, received {parameters_of(model)}")
    return model


def optimizer(model, is_mnist):
    # On the CPU the foreach form is off by default; fused does the whole update in one pass.
    if is_mnist:
        return torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
    return torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
