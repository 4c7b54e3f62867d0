"""PyTorch as the peer of bench_gpu: the same lines in, the same answers out.

Modes: eager, or compiled with CUDA graphs (torch.compile, mode "reduce-overhead"). Images are channels_last.
"""

import sys
import time

import torch
from torch import nn

BATCH = 128
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def build(workload):
    if workload == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2),
                             nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 10))
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
                         nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


class Training:
    """A step with the batch on the device; the loss stays there until it is asked for."""

    def __init__(self, workload, precision, compiled):
        self.x = torch.rand(BATCH, 1, 28, 28, device="cuda").to(memory_format=torch.channels_last)
        self.y = torch.randint(0, 10, (BATCH,), device="cuda")
        model = build(workload).cuda().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True, capturable=True)
        self.loss = nn.CrossEntropyLoss()
        self.half = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}.get(precision)
        self.model = torch.compile(model, mode="reduce-overhead") if compiled else model

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=self.half or torch.bfloat16, enabled=self.half is not None):
            value = self.loss(self.model(self.x), self.y)
        value.backward()
        self.optimizer.step()
        return value


def each(repeats, work):
    """Microseconds of one of `repeats` calls in a row."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / repeats * 1e6


class Worker:
    def __init__(self, compiled):
        self.compiled = compiled
        self.training = {}

    def step(self, workload, precision, steps):
        key = (workload, precision)
        if key not in self.training:
            self.training[key] = Training(workload, precision, self.compiled)
        work = self.training[key].step
        for _ in range(10):
            work()
        torch.cuda.synchronize()
        begin, working = time.perf_counter(), time.thread_time()
        for _ in range(int(steps)):
            value = work()
        worked = time.thread_time() - working
        loss = value.item()
        return "step %.3f %.3f %.6f" % ((time.perf_counter() - begin) / int(steps) * 1e6, worked / int(steps) * 1e6, loss)

    def matmul(self, dtype, m, n, k, repeats):
        a = torch.randn(int(m), int(k), device="cuda").to(DTYPES[dtype])
        b = torch.randn(int(k), int(n), device="cuda").to(DTYPES[dtype])
        return "matmul %.3f" % each(int(repeats), lambda: a @ b)

    def conv(self, what, dtype, n, h, w, c, f, k, s, repeats):
        layout = {"memory_format": torch.channels_last}
        x = torch.randn(int(n), int(c), int(h), int(w), device="cuda").to(DTYPES[dtype]).to(**layout)
        kernel = torch.randn(int(f), int(c), int(k), int(k), device="cuda").to(DTYPES[dtype]).to(**layout)
        padding, stride = int(k) // 2, int(s)
        y = nn.functional.conv2d(x, kernel, stride=stride, padding=padding)
        inputs = [what == "data", what == "weights", False]

        def gradient():
            return torch.ops.aten.convolution_backward(y, x, kernel, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, inputs)

        work = gradient if any(inputs) else lambda: nn.functional.conv2d(x, kernel, stride=stride, padding=padding)
        return "conv %.3f" % each(int(repeats), work)


def main():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    worker = Worker(compiled=sys.argv[1:] == ["compiled"])
    print("ready torch", torch.__version__, "on", torch.cuda.get_device_name(0), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split() or ["nothing"]
        if command == "quit":
            break
        try:
            answer = getattr(worker, command)(*arguments) if command in ("step", "matmul", "conv") else "error unknown command"
        except Exception as e:  # the report says what failed and goes on
            answer = "error " + str(e).split("\n")[0]
        print(answer, flush=True)


if __name__ == "__main__":
    main()
