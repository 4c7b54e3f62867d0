"""PyTorch as a benchmark worker.

Modes: eager or compiled (torch.compile), each with contiguous (nchw) or channels_last tensors.
The MLP has no layout; its two layouts are the same program. 16 bits are those of torch.autocast.
"""

import time

import peer_worker

ARGUMENTS = peer_worker.arguments(
    ("eager-nchw", "eager-channels_last", "compiled-nchw", "compiled-channels_last"))
peer_worker.limit_threads(ARGUMENTS.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import networks_torch  # noqa: E402
import workloads  # noqa: E402

torch.set_num_threads(ARGUMENTS.threads)
torch.set_num_interop_threads(ARGUMENTS.threads)


class Worker:
    def __init__(self, given, x, y):
        execution, layout = given.mode.split("-")
        self.x, self.y, self.batch = x, y, given.batch
        self.format = torch.contiguous_format
        model = networks_torch.build(given.workload, given.image_size)
        if layout == "channels_last" and given.workload != "mlp":
            self.format = torch.channels_last
            model = model.to(memory_format=self.format)
        # Every batch size gets code of its own, as it does elsewhere.
        self.model = torch.compile(model, dynamic=False) if execution == "compiled" else model
        self.autocast = given.precision == "mixed_bfloat16"
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = networks_torch.optimizer(model, given.is_mnist)
        self.batch_x = self.formatted(x[:self.batch])
        self.batch_y = y[:self.batch]
        self.infer_x = {}

    def formatted(self, batch):
        return batch.contiguous(memory_format=self.format)

    def forward(self, batch_x):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return self.model(batch_x).float()

    def train(self, batch_x, batch_y):
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss(self.forward(batch_x), batch_y)
        value.backward()
        self.optimizer.step()
        return value.item()

    def step(self):
        self.model.train()
        return self.train(self.batch_x, self.batch_y)

    def infer(self, count, batch):
        if batch not in self.infer_x:
            self.infer_x[batch] = self.formatted(self.x[:batch])
        self.model.eval()
        with torch.inference_mode():
            for _ in range(count):
                self.forward(self.infer_x[batch]).softmax(1)

    def prepare_fit(self):
        self.fit(peer_worker.fit_warm_up(self.batch))

    def fit(self, count=None):
        self.model.train()
        order = torch.randperm(count or len(self.x))
        total = 0.0
        for indices in order.split(self.batch):
            loss = self.train(self.formatted(self.x[indices]), self.y[indices])
            total += loss * len(indices)
        return total / len(order)


def main():
    start = time.perf_counter()
    x, y = workloads.load(ARGUMENTS)
    # One channel lies alike in both orders; transposing makes a copy of the others.
    x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    y = torch.from_numpy(y.astype(np.int64))
    data_seconds = time.perf_counter() - start
    torch.manual_seed(1)
    worker = Worker(ARGUMENTS, x, y)
    peer_worker.serve(worker, ARGUMENTS, f"torch {torch.__version__}", x.nbytes + y.nbytes, data_seconds)


main()
