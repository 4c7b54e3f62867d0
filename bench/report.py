"""Medians, ratios and the two files of a benchmark run."""

import json
import os
import platform
import statistics

UNITS = {"step": "ms", "infer": "images/s", "infer-1": "images/s", "fit": "s", "memory": "MB", "start": "s"}
TITLES = {"step": "training step, batch {batch} (ms)", "infer": "inference, batch {infer_batch} (images/s)",
          "infer-1": "inference, batch 1 (images/s)", "fit": "fit epoch, 60,000 images (s)", "memory": "peak memory less inputs (MB)",
          "start": "start to first step (s)"}
HIGHER_IS_BETTER = ("infer", "infer-1")


def machine():
    """Processor (model and the flags that decide the kernels), cores, kernel, load before the run."""
    fields = {}
    with open("/proc/cpuinfo") as file:
        for line in file:
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    flags = sorted(flag for flag in fields.get("flags", "").split()
                   if flag.startswith(("avx", "amx")) or flag == "fma")
    return {"processor": fields.get("model name", "unknown"),
            "family_model_stepping": [fields.get(key, "") for key in ("cpu family", "model", "stepping")],
            "flags": flags, "amx": any(flag.startswith("amx") for flag in flags), "avx512": "avx512f" in flags,
            "cores": os.cpu_count(), "kernel": platform.release(), "load_before": list(os.getloadavg())}


def quantile(values, fraction):
    """Linear interpolation between order statistics."""
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values):
    return {"median": statistics.median(values), "p10": quantile(values, 0.1), "p90": quantile(values, 0.9)}


def summarize(values):
    """row -> {unit, modes: {mode: median, p10, p90, rounds}, ratios: {peer: peer/ours, round by round}}.

    A ratio above 1 always means that ours is better: images/s are inverted.
    """
    rows = {}
    for row, modes in values.items():
        modes = {name: rounds for name, rounds in modes.items() if rounds}
        if not modes:
            continue
        rows[row] = {"unit": UNITS[row],
                     "modes": {name: {**spread(rounds), "rounds": rounds} for name, rounds in modes.items()}}
        ours = modes.get("strata")
        if ours:
            rows[row]["ratios"] = {name: spread(ratios(row, rounds, ours))
                                   for name, rounds in modes.items() if name != "strata"}
    return rows


def ratios(row, peer, ours):
    pairs = zip(ours, peer) if row in HIGHER_IS_BETTER else zip(peer, ours)
    return [a / b for a, b in pairs]


def best_peer(row, content):
    peers = {name: mode["median"] for name, mode in content["modes"].items() if not name.startswith("strata")}
    if not peers:
        return None
    return (max if row in HIGHER_IS_BETTER else min)(peers, key=peers.get)


def format_number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def markdown(result):
    host = result["machine"]
    lines = [f"# Benchmark of {result['date'][:10]}", "",
             f"Processor: {host['processor']} (family, model, stepping {', '.join(host['family_model_stepping'])}); "
             f"AVX-512 {'yes' if host['avx512'] else 'no'}, AMX {'yes' if host['amx'] else 'no'}; "
             f"{host['cores']} cores, {result['threads']} threads, {result['rounds']} alternating rounds; "
             f"load before the run {host['load_before'][0]:.2f}.", "",
             "Each value is a median with its 10-90 % range. The ratio is peer / ours, round by round "
             "(ours / peer for images/s), so that above 1 Strata is better. The best peer is in bold.", ""]
    for workload, content in result["workloads"].items():
        lines += [f"## {workload}", "", "| row | mode | median | 10-90 % | ratio | 10-90 % |", "|---|---|---|---|---|---|"]
        for row, row_content in content["rows"].items():
            lines += table_rows(TITLES[row].format(**content), row, row_content)
        lines += [""] + [f"- {name} failed: {error}" for name, error in content["errors"].items()]
        lines += [f"- {name}: {version}" for name, version in content["versions"].items()] + [""]
    return "\n".join(lines)


def table_rows(title, row, content):
    best = best_peer(row, content)
    for name, mode in content["modes"].items():
        ratio = content.get("ratios", {}).get(name)
        shown = f"**{name}**" if name == best else name
        compared = (f"{ratio['median']:.2f} | {ratio['p10']:.2f}-{ratio['p90']:.2f}" if ratio else " | ")
        yield (f"| {title} | {shown} | {format_number(mode['median'])} | "
               f"{format_number(mode['p10'])}-{format_number(mode['p90'])} | {compared} |")


def append(result, path, text_of=markdown):
    """Adds the run to a JSON list of runs, and writes the Markdown of all beside it; returns that of this run."""
    runs = json.loads(path.read_text()) if path.exists() else []
    runs.append(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(runs, indent=1) + "\n")
    path.with_suffix(".md").write_text("\n".join(text_of(run) for run in runs))
    return text_of(result)


def write(result, folder, text_of=markdown, what=""):
    """Writes <date><what>.json and .md; returns the Markdown text."""
    folder.mkdir(parents=True, exist_ok=True)
    name = result["date"][:19].replace(":", "").replace("T", "-") + what
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = text_of(result)
    (folder / f"{name}.md").write_text(text)
    return text
