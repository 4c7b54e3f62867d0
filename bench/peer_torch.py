"""PyTorch as a benchmark worker.

Modes: eager or compiled (torch.compile), each with contiguous (nchw) or channels_last tensors.
The MLP has no layout; its two layouts are the same program.
"""

import time

import peer_worker

ARGUMENTS = peer_worker.arguments(
    ("eager-nchw", "eager-channels_last", "compiled-nchw", "compiled-channels_last"))
peer_worker.limit_threads(ARGUMENTS.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import mnist_data  # noqa: E402

torch.set_num_threads(ARGUMENTS.threads)
torch.set_num_interop_threads(ARGUMENTS.threads)


def build(workload):
    if workload == "mlp":
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2),
                             nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 10))
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
                         nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


class Worker:
    def __init__(self, workload, mode, x, y):
        execution, layout = mode.split("-")
        self.x, self.y = x, y
        self.format = torch.contiguous_format
        model = build(workload)
        if layout == "channels_last" and workload == "cnn":
            self.format = torch.channels_last
            model = model.to(memory_format=self.format)
        self.model = torch.compile(model) if execution == "compiled" else model
        self.loss = nn.CrossEntropyLoss()
        # On the CPU the foreach form is off by default; fused does the whole update in one pass.
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.batch_x = self.formatted(x[:peer_worker.BATCH])
        self.batch_y = y[:peer_worker.BATCH]
        self.infer_x = self.formatted(x[:peer_worker.INFER_BATCH])

    def formatted(self, batch):
        return batch.contiguous(memory_format=self.format)

    def train(self, batch_x, batch_y):
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(self.model(batch_x), batch_y)
        value.backward()
        self.optimizer.step()
        return value.item()

    def step(self):
        self.model.train()
        return self.train(self.batch_x, self.batch_y)

    def infer(self, count):
        self.model.eval()
        with torch.inference_mode():
            for _ in range(count):
                self.model(self.infer_x).softmax(1)

    def prepare_fit(self):
        self.fit(peer_worker.FIT_WARM_UP)

    def fit(self, count=None):
        self.model.train()
        order = torch.randperm(count or len(self.x))
        total = 0.0
        for indices in order.split(peer_worker.BATCH):
            loss = self.train(self.formatted(self.x[indices]), self.y[indices])
            total += loss * len(indices)
        return total / len(order)


def main():
    start = time.perf_counter()
    x, y = mnist_data.load()
    shape = (-1, 784) if ARGUMENTS.workload == "mlp" else (-1, 1, 28, 28)
    x = torch.from_numpy(x.reshape(shape))
    y = torch.from_numpy(y.astype(np.int64))
    data_seconds = time.perf_counter() - start
    torch.manual_seed(1)
    worker = Worker(ARGUMENTS.workload, ARGUMENTS.mode, x, y)
    peer_worker.serve(worker, f"torch {torch.__version__}", x.nbytes + y.nbytes, data_seconds)


main()
