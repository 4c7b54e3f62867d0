"""What the peer workers share: command line, thread settings, process clock, the line protocol.

The protocol is described in bench/README.md. A worker owns one workload in one mode; between
commands it blocks in a read of standard input, so it takes no processor time from the others.
"""

import argparse
import os
import sys
import time

from workloads import PRECISIONS, WORKLOADS

MNIST_IMAGES = 60000


def arguments(modes):
    """The command line; what it leaves open is filled in from the workload. Also: infer_batch, is_mnist."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--mode", choices=modes, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, help="of a training step; default: the workload's own")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--image-size", type=int, help="height and width; default: the workload's own")
    parser.add_argument("--random-data", action="store_true", help="for the MNIST workloads, too")
    given = parser.parse_args()
    workload = WORKLOADS[given.workload]
    given.is_mnist = workload.is_mnist
    given.infer_batch = given.batch or workload.infer_batch
    given.batch = given.batch or workload.batch
    given.image_size = given.image_size or workload.image_size
    given.random_data = given.random_data or not workload.is_mnist
    return given


def fit_warm_up(batch):
    """Samples whose epoch has a full batch and one of the size that ends an epoch of MNIST."""
    return batch + MNIST_IMAGES % batch


def limit_threads(count):
    """Sets what the OpenMP, MKL, oneDNN and XLA runtimes read; call before importing a framework."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "DNNL_NUM_THREADS",
                 "NUMEXPR_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = str(count)
    # OMP_WAIT_POLICY stays as it is: PASSIVE would slow the peer down. libgomp's threads spin for a
    # few milliseconds after a region and then sleep; the driver pauses that long before the next turn.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def seconds_since_process_start():
    """Time since the kernel started this process, from /proc (resolution: one clock tick)."""
    with open("/proc/self/stat") as file:
        start_ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    return now - start_ticks / os.sysconf("SC_CLK_TCK")


def peak_resident_bytes():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def serve(worker, given, version, input_bytes, data_seconds):
    """Runs the first step, announces readiness, then answers commands until `quit` or end of input.

    worker: step() -> float loss; infer(n, batch) -> None over n batches; fit() -> float mean loss of
    one epoch; prepare_fit() compiles what the first fit would, so that no timed epoch includes it.
    given: the result of arguments().
    """
    # Replies own the real standard output; whatever a framework prints goes to standard error.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    worker.step()
    print(f"ready {seconds_since_process_start() - data_seconds:.4f} {version}", file=replies)
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        try:
            answer = answer_command(worker, given, words, input_bytes)
        except Exception as error:  # reported to the driver, which records it in the row
            answer = "error " + " ".join(str(error).split())[:300]
        if answer is None:
            break
        print(answer, file=replies)


def answer_command(worker, given, words, input_bytes):
    command = words[0]
    if command == "quit":
        return None
    if command == "step":
        count = int(words[1])
        start = time.perf_counter()
        for _ in range(count):
            loss = worker.step()
        elapsed = time.perf_counter() - start
        return f"step {elapsed * 1e3 / count:.5f} {loss:.6f}"
    if command == "infer":
        count, batch = int(words[1]), int(words[2]) if len(words) > 2 else given.infer_batch
        if batch > max(given.batch, given.infer_batch):
            return f"error a batch of {batch} is larger than the data"
        start = time.perf_counter()
        worker.infer(count, batch)
        elapsed = time.perf_counter() - start
        return f"infer {count * batch / elapsed:.3f}"
    if command == "fit" and given.random_data:
        return "error fit wants the MNIST images"
    if command == "fit":
        if not getattr(worker, "fit_prepared", False):
            worker.prepare_fit()
            worker.fit_prepared = True
        start = time.perf_counter()
        loss = worker.fit()
        return f"fit {time.perf_counter() - start:.4f} {loss:.6f}"
    if command == "memory":
        return f"memory {(peak_resident_bytes() - input_bytes) / 1e6:.2f}"
    return f"error unknown command {command}"
