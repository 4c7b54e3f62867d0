"""The example that compares devices, as a user runs it: compare_test.py PROGRAM FOLDER."""
import csv
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

PROGRAM, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])


def run_program(*words, **environment):
    return subprocess.run([PROGRAM, *words], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, **environment})


def compare(*words, status=0):
    run = run_program(*words)
    assert run.returncode == status, f"compare {' '.join(words)}: status {run.returncode}, expected {status}\n{run.stdout}{run.stderr}"
    return run.stdout, run.stderr


def check_table(text):
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["cpu:0", "cpu:1"], text
    for part in ("batches of 16, 10 steps on each device", "images/s", "speed-up", "memory", "7 epochs"):
        assert part in text, f"expected {part!r} in:\n{text}"


def check_csv(path):
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [row["device"] for row in rows] == ["cpu:0", "cpu:1"], rows
    for row in rows:
        median = float(row["median_seconds"])
        assert 0 < float(row["low_seconds"]) <= median <= float(row["high_seconds"]), row
        assert abs(float(row["samples_per_second"]) * median / 16 - 1) < 1e-6, row
        assert int(row["plan_bytes"]) > 0 and int(row["variable_bytes"]) > 0, row
        assert float(row["hours"]) > 0, row
    first, second = rows
    assert float(first["speed_up"]) == 1 and float(second["speed_up"]) > 0, rows
    assert first["loss"] == second["loss"] and float(first["loss"]) > 0, rows  # one processor, two names
    assert float(second["output_difference"]) == 0 and float(second["gradient_difference"]) == 0, rows


def check_chart(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag
    width, height = float(root.get("width")), float(root.get("height"))
    texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("cpu:0") == texts.count("cpu:1") == 4 and "images per second" in texts, texts
    for e in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y = float(e.get("x", 0)), float(e.get("y", 0))
        assert 0 <= x <= x + float(e.get("width")) <= width and 0 <= y <= y + float(e.get("height")) <= height, e.attrib


def check_gpu():
    """The processor beside a GPU, where the build has one that is real or emulated."""
    run = run_program("--case", "mlp", "--device", "cpu:0,gpu:0", "--batch-size", "16", "--steps", "10", "--csv", "gpu.csv",
                      STRATA_EMULATED_GPU="1")
    if run.returncode == 2:
        print("no GPU:", run.stderr)
        return
    assert run.returncode == 0, run.stdout + run.stderr
    _, row = csv.DictReader((FOLDER / "gpu.csv").open(encoding="utf-8"))
    assert row["device"] == "gpu:0" and float(row["output_difference"]) < 1e-4 and float(row["gradient_difference"]) < 1e-3, row


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for case in ("mlp", "cnn", "resnet"):
        text, _ = compare("--case", case, "--device", "cpu:0,cpu:1", "--batch-size", "16", "--steps", "10", "--epochs", "7",
                          "--csv", f"{case}.csv", "--svg", f"{case}.svg")
        check_table(text)
        check_csv(FOLDER / f"{case}.csv")
        check_chart(FOLDER / f"{case}.svg")
    for devices in ("gpu:7", "cpu:0,gpu:7"):
        text, errors = compare("--case", "mlp", "--device", devices, "--csv", "never.csv", status=2)
        assert text == "" and f"--device {devices}: " in errors and "'gpu:7'" in errors, text + errors
        assert not (FOLDER / "never.csv").exists()
    check_gpu()
    _, errors = compare("--steps", "3", status=2)
    assert "--steps" in errors, errors


main()
