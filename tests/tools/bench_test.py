"""`strata bench` on tiny images: bench_test.py STRATA FOLDER SCRIPTS, the last being bench/ of the repository."""
import json
import pathlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree

STRATA, FOLDER, SCRIPTS = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True

import run as driver  # noqa: E402
import workloads  # noqa: E402

# In the place of a Python with a framework: has every module, and answers as bench/README.md says.
FAKE_PYTHON = f"""#!{sys.executable}
import sys
if sys.argv[1] == "-c":
    sys.exit(0)
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
assert words["--workload"] == "mlp" and words["--batch"] == "2" and words["--precision"] == "float32", sys.argv
assert words["--image-size"] == "32" and words["--threads"] == "1" and sys.argv[-1] == "--random-data", sys.argv
if words["--mode"] == "xla":
    sys.exit("first line\\nXLA is not for today")
print("ready 1.5 fake 1.0 of today", flush=True)
for line in sys.stdin:
    verb, count, *size = line.split()
    if words["--mode"] == "eager-nchw" and count != "1":
        print("error no more than one", flush=True)
    elif verb == "step":
        print("step 2000.0 0.5", flush=True)
    else:
        assert verb == "infer" and size == ["2"], line
        print("infer 1.0", flush=True)
"""


def bench(*words, status=0):
    """Runs `strata bench keras` in the folder; its output and error text."""
    command = [STRATA, "bench", "keras", *words]
    run = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == status, f"{' '.join(words)}: status {run.returncode}, expected {status}\n{run.stdout}"
    return run.stdout


def contains(text, *parts):
    for part in parts:
        assert part in text, f"expected {part!r} in:\n{text}"


def test_rows():
    text = bench("mnist_mlp", "mobilenet", "--image-size", "32", "--batch-size", "2,3", "--steps", "3", "--warmup", "1", "--device", "cpu:1",
                 "--threads", "1", "--json", "rows.json", "--svg", "rows.svg")
    contains(text, "1 threads", "cpu:1 reaches ", "GFLOP/s in a large product of float32", "images/s", "written to rows.json")
    rows = json.loads((FOLDER / "rows.json").read_text())
    assert rows["threads"] == 1 and len(rows["peaks"]) == 1 and rows["rounds"] == 0, rows
    names = [(r["network"], r["mode"], r["batch_size"]) for r in rows["rows"]]
    assert names == [(network, mode, size) for network in ("mnist_mlp", "mobilenet") for mode in ("training", "inference")
                     for size in (2, 3)], names
    assert sum(line.startswith(("mnist_mlp ", "mobilenet ")) for line in text.splitlines()) == 8, text
    for row in rows["rows"]:
        seconds = row["seconds"]
        assert len(seconds["all"]) == 3 and 0 < seconds["p10"] <= seconds["median"] <= seconds["p90"], row
        assert abs(row["images_per_second"] * seconds["median"] / row["batch_size"] - 1) < 1e-9, row
        assert abs(row["flops_per_second"] * seconds["median"] / row["flops"] - 1) < 1e-9, row
        assert row["share_of_peak"] == row["flops_per_second"] / rows["peaks"][0]["flops_per_second"], row
        assert row["plan_bytes"] > 0 and row["resident_bytes"] > row["variable_bytes"] > 0, row
        assert row["seconds_first_batch"] > 0 and row["seconds_to_make_model"] > 0 and row["device"] == "cpu:1", row
    # Forward, and for training the gradients of the kernels and of what is before all but the first layer.
    forward = 2 * (32 * 32 * 512 + 512 * 512 + 512 * 10)
    training, inference = rows["rows"][0], rows["rows"][2]
    assert inference["flops"] == 2 * forward, inference
    assert training["flops"] == 2 * (3 * forward - 2 * 32 * 32 * 512), training
    weights = 4 * (32 * 32 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10)
    assert 3 * weights < training["variable_bytes"] < 3 * weights + 1000, training  # and what Adam remembers
    assert weights <= inference["variable_bytes"] < weights + 1000, inference
    assert xml.etree.ElementTree.parse(FOLDER / "rows.svg").getroot().tag.endswith("svg")
    contains((FOLDER / "rows.svg").read_text(), "mobilenet training, 3 x float32, cpu:1", "% of peak")


def test_precisions_and_examples():
    bench("mobilenet", "--image-size", "32", "--batch-size", "2", "--inference", "-n", "7", "--device", "cpu", "--precision",
          "float32,mixed_bfloat16", "--json", "halves.json")
    result = json.loads((FOLDER / "halves.json").read_text())
    plain, half = result["rows"]
    assert [p["dtype"] for p in result["peaks"]] == ["float32", "bfloat16"], result["peaks"]
    assert len(plain["seconds"]["all"]) == len(half["seconds"]["all"]) == 4, result
    assert half["plan_bytes"] != plain["plan_bytes"] and half["flops"] == plain["flops"], result


def test_peers():
    fake = FOLDER / "python"
    fake.write_text(FAKE_PYTHON)
    fake.chmod(0o755)
    text = bench("mnist_mlp", "--image-size", "32", "--batch-size", "2", "--steps", "6", "--threads", "1", "--device", "cpu", "--compare",
                 "--rounds", "3", "--python", f"{sys.executable.replace('python', 'no-python')},{fake}", status=2)
    contains(text, "cannot be started")
    text = bench("mnist_mlp", "--image-size", "32", "--batch-size", "2", "--steps", "6", "--threads", "1", "--device", "cpu", "--compare",
                 "--rounds", "3", "--python", str(fake), "--peers", "keras,eager", "--json", "peers.json", "--svg", "peers.svg")
    contains(text, "keras xla ", "failed: it has ended: XLA is not for today", "torch eager-nchw", "failed: no more than one", "times ours (")
    assert "compiled" not in text, text
    result = json.loads((FOLDER / "peers.json").read_text())
    for row in result["rows"]:
        assert len(row["seconds"]["all"]) == 6, row
        graph, xla, nchw, last = row["peers"]
        assert [p["peer"] for p in row["peers"]] == ["keras graph", "keras xla", "torch eager-nchw", "torch eager-channels_last"], row
        assert graph["version"] == "fake 1.0 of today" and graph["seconds"]["all"] == [2.0] * 3, graph
        assert len(last["ratio"]["all"]) == 3 and last["ratio"]["p10"] > 1, last
        assert xla["error"] == "it has ended: XLA is not for today" and nchw["error"] == "no more than one", row
    contains((FOLDER / "peers.svg").read_text(), "torch eager-channels_last")
    fake.write_text(f"#!{sys.executable}\nraise SystemExit(3)\n")
    text = bench("mnist_mlp", "--image-size", "32", "--batch-size", "2", "--steps", "2", "--inference", "--device", "cpu", "--compare",
                 "--python", str(fake))
    contains(text, f"keras: not in {fake}", "pip install keras tensorflow", "torch: not in", "mnist_mlp ")


def test_what_cannot_be():
    contains(bench("resnet51", status=2), "'resnet51'", "all, mnist_mlp", "resnet50")
    contains(bench("mobilenet", "--batch-size", "4,none", status=2), "--batch-size 4,none")
    contains(bench("mobilenet", "--precision", "float7", status=2), "--precision float7", "float7")
    contains(bench("mobilenet", "--device", "gpu:99", status=2), "--device gpu:99")
    contains(bench("mobilenet", "--python", "python3", status=2), "--compare")
    contains(bench("mobilenet", "--steps", "3", "-n", "4", status=2), "--steps")
    text = bench("xception", "mnist_mlp", "--image-size", "32", "--inference", "--batch-size", "1", "--steps", "1", "--device", "cpu",
                 "--json", "some.json", status=1)
    contains(text, "failed: [", "at least 71x71", "1 of 2 rows failed")
    failed, measured = json.loads((FOLDER / "some.json").read_text())["rows"]
    assert "71x71" in failed["error"] and measured["flops"] > 0, (failed, measured)


def test_workloads_are_those_of_the_peers():
    run = subprocess.run([STRATA, "bench", "--help"], stdout=subprocess.PIPE, text=True, check=True)
    names = " ".join(run.stdout.split()).partition("Networks: ")[2].partition(". ")[0].split(", ")
    known = [name.removeprefix("mnist_") for name in names]
    assert sorted(known) == sorted(workloads.WORKLOADS), (known, list(workloads.WORKLOADS))


def test_the_driver_of_workers():
    """bench/run.py with three workers that answer as they should, or not."""
    peers = FOLDER / "peers"
    for framework in ("keras", "torch"):
        (peers / framework / "bin").mkdir(parents=True)
        python = peers / framework / "bin" / "python"
        python.write_text(FAKE_PYTHON.replace('"--batch"] == "2"', '"--batch"] == "3"').replace('"32"', '"64"')
                          .replace('== "mlp"', '== "mobilenet"').replace('"float32"', '"mixed_bfloat16"')
                          .replace('and sys.argv[-1] == "--random-data"', "").replace('size == ["2"]', 'size in (["3"], ["1"])')
                          .replace('count != "1"', 'verb == "infer"'))
        python.chmod(0o755)
    ours = FOLDER / "ours"
    ours.write_text(f"#!{sys.executable}\nimport sys\nprint('ready 0.5 strata', flush=True)\n"
                    "for line in sys.stdin:\n    verb = line.split()[0]\n    if verb == 'quit':\n        break\n"
                    "    print({'step': 'step 1000.0 0.5', 'infer': 'infer 4.0', 'memory': 'memory 10'}[verb], flush=True)\n")
    ours.chmod(0o755)
    sys.argv = ["run.py", "--ours", str(ours), "--peers", str(peers), "--workloads", "mobilenet", "--batch", "3", "--image-size", "64", "--precision",
                "mixed_bfloat16", "--rows", "step", "infer", "infer-1", "--rounds", "2", "--threads", "1", "--append", str(FOLDER / "runs.json")]
    for _ in range(2):
        driver.main()
    first, second = json.loads((FOLDER / "runs.json").read_text())
    assert first["machine"]["processor"] == second["machine"]["processor"] != "", first
    (name, case), = second["workloads"].items()
    assert name == "mobilenet, 64 x 64, batch 3, mixed_bfloat16", name
    assert case["rows"]["step"]["ratios"]["torch eager-nchw"]["median"] == 2, case["rows"]["step"]
    assert case["rows"]["infer-1"]["ratios"]["keras graph"]["median"] == 4, case["rows"]["infer-1"]
    assert "torch eager-nchw" not in case["rows"]["infer"]["modes"], case["rows"]["infer"]
    assert "XLA is not for today" in case["errors"]["keras xla"] and "no more than one" in case["errors"]["torch eager-nchw"], case["errors"]
    contains((FOLDER / "runs.md").read_text(), "## mobilenet, 64 x 64, batch 3, mixed_bfloat16", "inference, batch 3 (images/s)", "4.00-4.00")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    test_rows()
    test_precisions_and_examples()
    test_peers()
    test_what_cannot_be()
    test_workloads_are_those_of_the_peers()
    test_the_driver_of_workers()


main()
