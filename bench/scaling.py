#!/usr/bin/env python3
"""The model of docs/scaling.md: how long a training step takes on n replicas. Prints its tables, or writes them there.

    python3 bench/scaling.py                                                     what it says of 8 and of 1,024 GPUs
    python3 bench/scaling.py --all-reduce A.json --replicas B.json               and beside what was measured here
    python3 bench/scaling.py --all-reduce A.json --replicas B.json --write docs/scaling.md

A.json and B.json are files of all_reduce.py and replicas.py from one machine, of which the last run counts. Times are in
microseconds, bytes in bytes, bandwidths in GB/s (10^9).
"""

import argparse
import json
import math
import pathlib

from all_reduce import readable

# ---- What NCCL takes. Latencies and the formulas around them are those by which NCCL 2.30.7 itself chooses between its
# algorithms (github.com/NVIDIA/nccl at 5067397, src/graph/tuning.cc), for Hopper; bandwidths are what its maintainers say is reached:
RING_BUS = 370.0   # GB/s over NVLink 4 with 18 links (github.com/NVIDIA/nccl-tests/issues/212)
NVLS_BUS = 480.0   # the same with the switches adding up, on 8 GPUs (the same place)
NIC = 47.0         # GB/s of a port of 400 Gb/s: 46 to 48 (github.com/NVIDIA/nccl-tests/issues/290)
LL_BUS_INTRA, LL_BUS_INTER = 141.0, 20.4  # where each 8 bytes carry a flag, one machine and several (tuning.cc)
LL128 = 120 / 128  # of an LL128 line is data
TREE = 0.92        # of a ring's bandwidth (tuning.cc), and its correction for 16 to 64 MiB:
TREE_CORRECTION = 0.9
NET_OVERHEAD = 1.0  # microseconds to post one message to a network card (tuning.cc, Intel's processors)


class Nccl:
    """All-reduce among `machines` of `gpus` each; one network card for each GPU where there are several machines."""

    def __init__(self, machines, gpus):
        self.machines, self.gpus, self.ranks = machines, gpus, machines * gpus

    def ways(self):
        """Name -> latency and the bandwidth by which the bytes of the array are divided."""
        nodes, ppn, n = self.machines, self.gpus, self.ranks
        inter = nodes > 1
        bus = min(RING_BUS, ppn * NIC) if inter else RING_BUS
        across, steps = 2 * (nodes - 1), 2 * (n - 1)
        of_ring, levels = n / steps, 2 * math.floor(math.log2(nodes))
        def ring(base, intra, net, overhead):
            return base + (steps - across) * max(intra, overhead * inter) + across * net
        def tree(base, intra, net):
            return base + 2 * (ppn - 1) * intra + levels * net
        tree_bus = bus * TREE * TREE_CORRECTION
        ll = LL_BUS_INTER if inter else LL_BUS_INTRA
        ways = {"ring LL": (ring(6.6, 0.6, 2.7, NET_OVERHEAD), min(ll, bus / 2) * of_ring),
                "ring LL128": (ring(14.0, 1.9, 4.0, NET_OVERHEAD), bus * 0.92 * of_ring),
                "ring": (ring(8.4, 3.4, 14.0, 3 * NET_OVERHEAD) * (1.4 if inter else 1), bus * of_ring),
                "tree LL": (tree(6.8, 0.6, 5.0), min(ll, tree_bus / 3.8) / 2),
                "tree LL128": (tree(14.0, 1.25, 8.5), tree_bus * (LL128 if inter else 7 / 9) / 2),
                "tree": (tree(8.4, 4.0, 14.0), tree_bus / 2)}
        if inter:
            ways["NVLS tree"] = (25.0 + levels * 20.9, bus * of_ring)
        else:
            ways["NVLS"] = (25.0, NVLS_BUS * of_ring)
        return ways

    def fastest(self, size):
        times = {name: latency + size / bandwidth / 1e3 for name, (latency, bandwidth) in self.ways().items()}
        name = min(times, key=times.get)
        return name, times[name]

    def __call__(self, size):
        return self.fastest(size)[1]


class Measured:
    """All-reduce by a table of all_reduce.py, a straight line between two sizes."""

    def __init__(self, table, mode):
        self.points = sorted((float(size), content["modes"][mode]["median"]) for size, content in table.items())

    def __call__(self, size):
        (low, fast), (high, slow) = self.points[0], self.points[1]
        for a, b in zip(self.points, self.points[1:]):
            if a[0] <= size:
                (low, fast), (high, slow) = a, b
        if size <= self.points[0][0]:
            return self.points[0][1]
        return fast + (slow - fast) * (size - low) / (high - low)


# ---- The step.

def without_overlap(compute, exchanges, all_reduce):
    return compute + sum(all_reduce(size) for size, _ in exchanges)


def with_overlap(compute, exchanges, all_reduce, taken=0.0):
    """`exchanges`: bytes of each, and the part of the computing that comes before it. They run one after another, beside what is
    left to compute, of which they take the part `taken` of the device meanwhile. A step is over when both are."""
    now, computed = 0.0, 0.0  # of the time, and of the work
    exchange_over = 0.0
    for size, part in exchanges:
        ready_work = part * compute
        # The exchange before this one may still run, and slow the computing down.
        now, computed = advance(now, computed, ready_work, exchange_over, taken)
        exchange_over = max(now, exchange_over) + all_reduce(size)
    now, computed = advance(now, computed, compute, exchange_over, taken)
    return max(now, exchange_over)


def advance(now, computed, until, exchange_over, taken):
    """The time at which so much is computed: slower while an exchange runs."""
    if exchange_over > now:
        slowly = min(until - computed, (exchange_over - now) * (1 - taken))
        now += slowly / (1 - taken)
        computed += slowly
    return now + until - computed, until


# ---- GPUs. Exchanges of a step, as `bench_worker --workload NAME --replicas 2` answers to `exchanges` where buckets have 25 MiB,
# as they have with NCCL: weights and moving statistics in f32.
NETWORKS = {
    "Xception 299": ((4160, 0.332), (20858880, 0.357), (25252992, 0.490), (25824768, 0.675), (19705728, 1.0)),
    "ResNet50 224": ((4160, 0.337), (26079232, 0.375), (22063104, 0.422), (25492480, 0.512), (26003456, 0.813), (2904576, 1.0)),
}
BATCH = 128
RATES = {"Xception 299": (2500, 3500), "ResNet50 224": (3000, 6000)}  # images/s of one GPU: assumed
BATCH_NORMS = {"Xception 299": 40, "ResNet50 224": 53}
TAKEN = 16 / 132   # of an H100's multiprocessors, while an exchange of 16 channels runs: assumed
CHANNELS = 728     # of a batch norm, about
# The largest of n draws from a normal distribution is so many deviations above the mean, in the mean.
LARGEST = {8: 1.42, 1024: 3.25}
VARIATION = 0.01   # of the time of one GPU's step, from step to step: assumed


def table(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def ways(nccl):
    sizes = [4 << 10, 256 << 10, 1 << 20, 25 << 20, 256 << 20]
    best = [nccl.fastest(size)[0] for size in sizes]
    def shown(latency, bandwidth, name):
        times = (f"{latency + size / bandwidth / 1e3:,.0f}" for size in sizes)
        return [f"**{time}**" if name == fastest else time for time, fastest in zip(times, best)]
    return table(["way", "a, us", "B, GB/s", *(f"{readable(size)}, us" for size in sizes)],
                 [[name, f"{latency:,.0f}", f"{bandwidth:.0f}", *shown(latency, bandwidth, name)]
                  for name, (latency, bandwidth) in nccl.ways().items()])


def predictions():
    rows = []
    for name, exchanges in NETWORKS.items():
        for rate in RATES[name]:
            compute = BATCH / rate * 1e6
            for nccl in (Nccl(1, 8), Nccl(128, 8)):
                total = sum(nccl(size) for size, _ in exchanges)
                serial = without_overlap(compute, exchanges, nccl)
                hidden = with_overlap(compute, exchanges, nccl, TAKEN)
                late = hidden + LARGEST[nccl.ranks] * VARIATION * compute
                # Two sums forward, for mean and variance, and their gradients: the next kernel waits for each.
                synchronized = hidden + 4 * BATCH_NORMS[name] * nccl(4 * CHANNELS)
                rows.append([name, f"{rate:,}", f"{nccl.ranks:,}", f"{compute / 1e3:.1f}", f"{total / 1e3:.2f}",
                             *(f"{time / 1e3:.2f}, {compute / time:.1%}" for time in (serial, hidden, late, synchronized))])
    return table(["network", "images/s of one GPU", "GPUs", "C, ms", "exchanges, ms", "one after the other: ms, efficiency", "overlapping",
                  "overlapping, GPUs vary by 1 %", "overlapping, batch norms synchronized"], rows)


def slower_connections():
    """At which bandwidth exchanges just vanish behind the backward pass."""
    rows = []
    for name, exchanges in NETWORKS.items():
        compute = BATCH / RATES[name][0] * 1e6
        for bus in (370, 47, 12.5, 1.25):
            def all_reduce(size, bus=bus):
                return 50 + 2 * size / bus / 1e3
            rows.append([name, f"{bus:g}", *(f"{time(compute, exchanges, all_reduce) / 1e3:.1f}, "
                                             f"{compute / time(compute, exchanges, all_reduce):.0%}"
                                             for time in (without_overlap, with_overlap))])
    return table(["network", "GB/s of a GPU's connection", "one after the other: ms, efficiency", "overlapping"], rows)


# ---- What was measured here.

def measured(all_reduce, replicas):
    host = replicas["machine"]
    load = max(run["machine"]["load_before"][0] for run in (all_reduce, replicas))
    head = (f"{host['processor']} (family, model, stepping {', '.join(host['family_model_stepping'])}), {host['cores']} cores, "
            f"{replicas['threads']} threads, {replicas['date'][:10]}; {all_reduce['rounds']} rounds of exchanges and {replicas['rounds']} of "
            f"steps, load before them up to {load:.1f}. Milliseconds of a step, medians.")
    rows = []
    for workload, content in replicas["workloads"].items():
        modes, exchanges = content["modes"], content["exchanges"]
        compute = 1e3 * modes["half, twice"]["median"]
        for mode, way in (("2 replicas", "strata, in process"), ("2 processes", "strata, tcp")):
            if mode not in modes:
                continue
            exchange = Measured(all_reduce["ranks"]["2"], way)
            predicted, hidden = (time(compute, exchanges, exchange) for time in (without_overlap, with_overlap))
            step = 1e3 * modes[mode]["median"]
            rows.append([f"{workload}, batch {content['batch']}", mode, ", ".join(f"{size / 1e3:,.0f}" for size, _ in exchanges),
                         f"{modes['no strategy']['median']:.2f}", f"{modes['half']['median']:.2f}", f"{compute / 1e3:.2f}",
                         f"{(predicted - compute) / 1e3:.2f}", f"{predicted / 1e3:.2f}", f"{hidden / 1e3:.2f}", f"{step / 1e3:.2f}",
                         f"{step / predicted - 1:+.0%}"])
    return head + "\n\n" + table(["network", "two replicas as", "buckets, kB", "one device, 2 threads", "half batch, 1 thread",
                                  "C: two of these at a time", "exchanges", "predicted in turn", "overlapping, s = 0", "measured",
                                  "to in turn"], rows)


def latest(path):
    content = json.loads(pathlib.Path(path).read_text())
    return content[-1] if isinstance(content, list) else content


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all-reduce", help="file of all_reduce.py")
    parser.add_argument("--replicas", help="file of replicas.py")
    parser.add_argument("--write", help="Markdown file in which each table stands between <!-- NAME --> and <!-- /NAME -->")
    args = parser.parse_args()
    if (args.all_reduce is None) != (args.replicas is None):
        parser.error("--all-reduce and --replicas go together")
    texts = {"ways on 8 GPUs": ways(Nccl(1, 8)), "ways on 1,024 GPUs": ways(Nccl(128, 8)), "predictions": predictions(),
             "slower connections": slower_connections()}
    if args.all_reduce:
        texts["measured"] = measured(latest(args.all_reduce), latest(args.replicas))
    if args.write:
        path = pathlib.Path(args.write)
        path.write_text(written(path.read_text(), texts))
    else:
        print("\n\n".join(f"{name}:\n\n{text}" for name, text in texts.items()))


def written(document, texts):
    for name, text in texts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in document or end not in document:
            raise SystemExit(f"expected {begin} and {end} in the document")
        document = document[:document.index(begin) + len(begin)] + f"\n{text}\n" + document[document.index(end):]
    return document


if __name__ == "__main__":
    main()
