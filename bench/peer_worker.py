"""What the peer workers share: command line, thread settings, process clock, the line protocol.

The protocol is described in bench/README.md. A worker owns one workload in one mode; between
commands it blocks in a read of standard input, so it takes no processor time from the others.
"""

import argparse
import os
import sys
import time

BATCH = 128
INFER_BATCH = 256
FIT_WARM_UP = 128 + 96  # one full batch and one of the size that ends an epoch of 60,000


def arguments(modes):
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=("mlp", "cnn"), required=True)
    parser.add_argument("--mode", choices=modes, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


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


def serve(worker, version, input_bytes, data_seconds):
    """Runs the first step, announces readiness, then answers commands until `quit` or end of input.

    worker: step() -> float loss; infer(n) -> None over n batches; fit() -> float mean loss of
    one epoch; prepare_fit() compiles what the first fit would, so that no timed epoch includes it.
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
            answer = answer_command(worker, words, input_bytes)
        except Exception as error:  # reported to the driver, which records it in the row
            answer = "error " + " ".join(str(error).split())[:300]
        if answer is None:
            break
        print(answer, file=replies)


def answer_command(worker, words, input_bytes):
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
        count = int(words[1])
        start = time.perf_counter()
        worker.infer(count)
        elapsed = time.perf_counter() - start
        return f"infer {count * INFER_BATCH / elapsed:.2f}"
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
