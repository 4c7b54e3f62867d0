"""The networks of networks.cpp in PyTorch, timed in the same way.

    peer_networks.py xception --mode eager-channels_last --precision bfloat16 --steps 10

Modes: eager or compiled, each with nchw or channels_last. bfloat16 is torch.autocast.
"""

import argparse
import time

import torch
from torch import nn
from torch.nn import functional as F


def conv(inputs, outputs, size, stride=1, padding=0, bias=False, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, padding, groups=groups, bias=bias)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class Separable(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(conv(inputs, inputs, 3, padding=1, groups=inputs), conv(inputs, outputs, 1), norm(outputs))


class Residual(nn.Module):
    def __init__(self, body, shortcut, last=None):
        super().__init__()
        self.body, self.shortcut, self.last = body, shortcut, last or nn.Identity()

    def forward(self, x):
        return self.last(self.body(x) + self.shortcut(x))


class PoolSame(nn.MaxPool2d):
    """Window 3, stride 2, padded as "same" does it."""

    def __init__(self):
        super().__init__(3, 2)

    def forward(self, x):
        height, width = x.shape[2:]
        pads = [max((-(-n // 2) - 1) * 2 + 3 - n, 0) for n in (width, height)]
        x = F.pad(x, (pads[0] // 2, pads[0] - pads[0] // 2, pads[1] // 2, pads[1] - pads[1] // 2), value=-float("inf"))
        return super().forward(x)


def relu(inplace=False):
    return nn.ReLU(inplace=inplace)


def xception():
    def down(inputs, first, filters, starts_with_relu):
        body = [relu()] if starts_with_relu else []
        body += [Separable(inputs, first), relu(True), Separable(first, filters), PoolSame()]
        return Residual(nn.Sequential(*body), nn.Sequential(conv(inputs, filters, 1, 2), norm(filters)))

    def middle():
        return Residual(nn.Sequential(relu(), Separable(728, 728), relu(True), Separable(728, 728), relu(True),
                                      Separable(728, 728)), nn.Identity())

    return nn.Sequential(
        conv(3, 32, 3, 2), norm(32), relu(True), conv(32, 64, 3), norm(64), relu(True),
        down(64, 128, 128, False), down(128, 256, 256, True), down(256, 728, 728, True),
        *[middle() for _ in range(8)], down(728, 728, 1024, True),
        Separable(1024, 1536), relu(True), Separable(1536, 2048), relu(True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def mobilenet():
    layers = [nn.ZeroPad2d((0, 1, 0, 1)), conv(3, 32, 3, 2), norm(32), nn.ReLU6(True)]
    inputs = 32
    for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
                            (512, 1), (512, 1), (1024, 2), (1024, 1)):
        layers += [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
        layers += [conv(inputs, inputs, 3, stride, 0 if stride == 2 else 1, groups=inputs), norm(inputs), nn.ReLU6(True),
                   conv(inputs, filters, 1), norm(filters), nn.ReLU6(True)]
        inputs = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(1e-3), nn.Linear(1024, 1000))


def resnet50():
    def block(inputs, filters, stride, projects):
        body = nn.Sequential(conv(inputs, filters, 1, stride, bias=True), norm(filters), relu(True),
                             conv(filters, filters, 3, padding=1, bias=True), norm(filters), relu(True),
                             conv(filters, 4 * filters, 1, bias=True), norm(4 * filters))
        shortcut = nn.Sequential(conv(inputs, 4 * filters, 1, stride, bias=True), norm(4 * filters)) if projects else nn.Identity()
        return Residual(body, shortcut, relu(True))

    layers = [conv(3, 64, 7, 2, 3, bias=True), norm(64), relu(True), nn.ZeroPad2d(1), nn.MaxPool2d(3, 2)]
    inputs = 64
    for filters, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(count):
            layers.append(block(inputs, filters, 2 if i == 0 and filters > 64 else 1, i == 0))
            inputs = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def vgg16():
    layers, inputs = [], 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [conv(inputs, filters, 3, padding=1, bias=True), relu(True)]
            inputs = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(7 * 7 * 512, 4096), relu(True), nn.Linear(4096, 4096), relu(True),
                         nn.Linear(4096, 1000))


NETWORKS = {"mobilenet": (mobilenet, 224, 16), "resnet50": (resnet50, 224, 8), "vgg16": (vgg16, 224, 4),
            "xception": (xception, 299, 4)}
MODES = [f"{execution}-{layout}" for execution in ("eager", "compiled") for layout in ("nchw", "channels_last")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("--mode", choices=MODES, default="eager-channels_last")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inference", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    make, size, batch = NETWORKS[a.network]
    batch = a.batch or batch
    execution, layout = a.mode.split("-")
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    network = make().to(memory_format=memory_format).train(not a.inference)
    model = torch.compile(network) if execution == "compiled" else network
    x = torch.randn(batch, 3, size, size).contiguous(memory_format=memory_format)
    y = torch.randint(0, 1000, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, fused=True)

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bfloat16"):
            return model(x)

    def step():
        if a.inference:
            with torch.no_grad():
                return forward()
        optimizer.zero_grad(set_to_none=True)
        value = F.cross_entropy(forward().float(), y)
        value.backward()
        optimizer.step()
        return value.item()

    step()
    step()
    times = []
    for _ in range(a.steps):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    times.sort()
    print(f"torch {a.mode} {a.network} {a.precision} batch {batch} {'inference' if a.inference else 'training'}: "
          f"min {1e3 * times[0]:.1f} median {1e3 * times[len(times) // 2]:.1f} max {1e3 * times[-1]:.1f} ms")


if __name__ == "__main__":
    main()
