"""The strata command as a user runs it: strata_test.py STRATA FOLDER."""
import csv
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree
import zipfile
import zlib

import h5py
import numpy as np

STRATA, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])


def strata(*words, status=0):
    """Runs the command in the folder; its output and error text."""
    run = subprocess.run([STRATA, *words], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == status, f"strata {' '.join(words)}: status {run.returncode}, expected {status}\n{run.stdout}"
    return run.stdout


def contains(text, *parts):
    for part in parts:
        assert part in text, f"expected {part!r} in:\n{text}"


def make_data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 4)).astype("float32")
    y = x[:, :3].argmax(axis=1)
    np.savez(FOLDER / "data.npz", x=x, y=y)
    np.savez(FOLDER / "named.npz", pictures=x, answers=y)
    np.save(FOLDER / "x.npy", x)
    np.save(FOLDER / "y.npy", y)
    return x, y


def accuracy(text):
    return float([line.split()[1] for line in text.splitlines() if line.startswith("accuracy ")][0])


def test_train_evaluate_predict(x, y):
    strata("new", "linear", "model.keras", "--input-shape", "4", "--classes", "3", "--learning-rate", "0.05", "--seed", "1")
    before = accuracy(strata("evaluate", "model.keras", "data.npz", "--verbose", "0"))
    strata("fit", "model.keras", "data.npz", "--epochs", "8", "--validation-split", "0.2", "--output", "trained.keras", "--seed", "1",
           "--verbose", "2", "--csv", "log.csv", "--tensorboard", "logs", "--checkpoint", "run")
    after = accuracy(strata("evaluate", "trained.keras", "named.npz", "--x", "pictures", "--y", "answers", "--verbose", "0"))
    assert after > 0.9 > before, (before, after)
    assert accuracy(strata("evaluate", "trained.keras", "x.npy", "--targets", "y.npy", "--verbose", "0")) == after
    strata("predict", "trained.keras", "x.npy", "out.npy")
    assert abs((np.load(FOLDER / "out.npy").argmax(axis=1) == y).mean() - after) < 1e-6
    strata("predict", "trained.keras", "x.npy", "out.npz")
    assert [a.shape for a in np.load(FOLDER / "out.npz").values()] == [(len(x), 3)]
    assert len((FOLDER / "log.csv").read_text().splitlines()) == 9
    assert sorted(p.name for p in (FOLDER / "logs").iterdir()) == ["train", "validation"]
    assert (FOLDER / "run" / "epoch-008.keras").exists() and not (FOLDER / "run" / "backup").exists()
    contains(strata("fit", "model.keras", "data.npz", "--batch-size", "auto", "--output", "auto.keras", "--verbose", "2"),
             "batch size 300: all samples fit")
    contains(strata("fit", "model.keras", "data.npz", "--batch-size", "some", status=2), "--batch-size")


def test_formats():
    contains(strata("summary", "trained.keras"), "Total params", "flatten (Flatten)")
    contains(strata("summary", "trained.keras", "--json"), '"class_name": "Sequential"')
    for name in ("copy.h5", "copy.weights.h5", "copy.json", "copy.keras"):
        strata("convert", "trained.keras", name)
    for name in ("copy.h5", "copy.keras"):
        contains(strata("diff", "trained.keras", name), "no differences")
    contains(strata("diff", "model.keras", "trained.keras", status=1), "differs by up to", "differences")
    strata("convert", "model.keras", "weighted.keras", "--weights", "copy.weights.h5")
    contains(strata("diff", "trained.keras", "weighted.keras"), "no differences")
    contains(strata("convert", "model.keras", "copy.json", "--weights", "copy.weights.h5", status=2), "--weights")
    for name, start in (("m.svg", b"<?xml"), ("m.png", b"\x89PNG"), ("m.dot", b"digraph")):
        strata("plot", "trained.keras", name)
        assert (FOLDER / name).read_bytes().startswith(start), name


def test_inspect():
    contains(strata("inspect", "trained.keras"), "a whole model (.keras)", "Keras 3.", "Sequential 'linear'", "(None, 4) float32",
             "2: Dense, Flatten", "loss sparse_categorical_crossentropy; metrics accuracy",
             "Adam, learning rate 0.05", "after 64 steps; state of 6 arrays, 32 numbers", "2 arrays, 15 numbers, 60 B",
             "layers/\n", "dense/vars/\n", "float32   (4, 3)   48 B", "int64     ()       8 B", "flatten/vars/   empty")
    facts = json.loads(strata("inspect", "copy.h5", "--json"))
    assert facts["kind"] == "a whole model (legacy .h5)" and facts["backend"] == "tensorflow", facts
    assert facts["model"]["layers"] == {"Dense": 1, "Flatten": 1} and facts["optimizer"]["steps"] == 64, facts
    assert facts["unknown_classes"] == [] and facts["problems"] == [], facts
    kernel = [o for o in facts["objects"] if o.get("shape") == [4, 3]]
    assert [o["path"].split("/")[0] for o in kernel] == ["model_weights", "optimizer_weights", "optimizer_weights"], kernel
    contains(strata("inspect", "copy.weights.h5"), "weights (.weights.h5)", "adam, after 64 steps; state of")
    contains(strata("inspect", "missing.h5", status=1), "missing.h5")
    contains(strata("inspect", "x.npy", status=1), ".keras", ".weights.h5")


def change_config(source, target, change):
    """A copy of a .keras file whose config.json `change` has been at."""
    with zipfile.ZipFile(FOLDER / source) as old, zipfile.ZipFile(FOLDER / target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            new.writestr(name, content)


def test_inspect_of_what_cannot_be_loaded():
    def make_foreign(config):
        dense = config["config"]["layers"][-1]
        dense.update(module="my.layers", class_name="Maxout", registered_name="mine>Maxout")
        dense["config"]["kernel_initializer"] = {"module": "my.layers", "class_name": "Dots", "config": {}, "registered_name": "mine>Dots"}
        config["config"]["name"] = "odd\u001b[31m"
        config["compile_config"]["loss"] = {"module": "builtins", "class_name": "function", "config": "my_loss", "registered_name": "mine>my_loss"}
        config["compile_config"]["metrics"] = ["accuracy", {"module": "keras.metrics", "class_name": "Secret", "config": {}, "registered_name": None}]
    change_config("trained.keras", "foreign.keras", make_foreign)
    contains(strata("summary", "foreign.keras", status=1), "Maxout")
    text = strata("inspect", "foreign.keras")
    contains(text, "Maxout (mine>Maxout, my.layers)", "Dots (mine>Dots, my.layers)", "my_loss (mine>my_loss)", "Secret (keras.metrics)",
             "dense/vars/", "odd?[31m")
    assert "\x1b" not in text
    whole = (FOLDER / "copy.h5").read_bytes()
    with h5py.File(FOLDER / "links.weights.h5", "w") as file:
        file["layers/a/vars/0"] = np.zeros((2, 3), "int8")
        file["layers/a/vars/10"] = np.zeros(2, ">f8")
        file["layers/a/vars/2"] = ["text"]
        file["layers/again"] = file["layers"]  # a circle
        file["outside"] = h5py.SoftLink("/layers")
    text = " ".join(strata("inspect", "links.weights.h5", status=1).split())
    contains(text, "0 int8 (2, 3) 6 B", "2 text (1,)", "10 float64 (2,) 16 B", "is a soft link, which is refused", "groups deep")
    assert text.index(" 2 text") < text.index(" 10 float64"), text
    (FOLDER / "cut.h5").write_bytes(whole[:len(whole) // 2])
    contains(strata("inspect", "cut.h5", status=1), "cut.h5")
    archive = bytearray((FOLDER / "trained.keras").read_bytes())
    at = archive.index(b"\x89HDF")
    archive[at:at + 4] = b"gone"
    (FOLDER / "half.keras").write_bytes(archive)
    contains(strata("inspect", "half.keras", status=1), "Sequential 'linear'", "is damaged")


def png(pixels):
    """A PNG file of an array [height, width, channels] of bytes."""
    height, width, channels = pixels.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_folder_of_images():
    """Three classes that are told by their brightest channel; the images are larger than the model's input."""
    rng = np.random.default_rng(2)
    for number, name in enumerate(["blue", "green", "red"]):
        (FOLDER / "images" / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(0, 120, (8, 8, 3), "uint8")
            pixels[..., 2 - number] += 100
            (FOLDER / "images" / name / f"{i:02}.png").write_bytes(png(pixels))
    strata("new", "linear", "colors.keras", "--input-shape", "4,4,3", "--classes", "3", "--learning-rate", "0.02", "--seed", "1")
    text = strata("fit", "colors.keras", "images", "--scaled", "--epochs", "6", "--batch-size", "10", "--validation-split", "0.25", "--seed", "4",
                  "--verbose", "2")
    contains(text, "Found 120 files belonging to 3 classes.", "Using 90 files for training.", "Using 30 files for validation.", "val_accuracy")
    assert accuracy(strata("evaluate", "colors.keras", "images", "--scaled", "--verbose", "0")) > 0.95
    contains(strata("fit", "colors.keras", "images", "--batch-size", "auto", status=2), "--batch-size auto is for data in one file")
    contains(strata("predict", "colors.keras", "images/red", "red.npy", "--scaled"), "Found 40 files.")
    red = np.load(FOLDER / "red.npy")
    assert red.shape == (40, 3) and (red.argmax(axis=1) == 2).mean() > 0.9, red
    # One-hot labels, for a loss that wants them, give what integers give.
    change_config("colors.keras", "one_hot.keras", lambda config: config["compile_config"].update(loss="categorical_crossentropy"))
    numbers, one_hot = [strata("evaluate", name, "images", "--scaled", "--verbose", "0").splitlines()[-2:] for name in ("colors.keras", "one_hot.keras")]
    assert [abs(float(a.split()[1]) - float(b.split()[1])) < 1e-4 for a, b in zip(numbers, one_hot)] == [True, True], (numbers, one_hot)
    (FOLDER / "images" / "yellow").mkdir()
    contains(strata("evaluate", "colors.keras", "images", status=1), "expected 3 folders", "received 4")
    (FOLDER / "images" / "yellow").rmdir()
    (FOLDER / "images" / "red" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    contains(strata("evaluate", "colors.keras", "images", status=1), "red/bad.jpg")
    contains(strata("evaluate", "trained.keras", "images", status=1), "(None, height, width, channels)")
    contains(strata("evaluate", "colors.keras", "images", "--image-size", "5,5", status=2), "--image-size")


def test_devices():
    """Which device a run uses, and why; how devices compare; where a step's time goes."""
    text = strata("fit", "model.keras", "data.npz", "--output", "other.keras", "--verbose", "2")
    assert text.startswith("device ") and text.splitlines()[0].endswith("; default)"), text
    if "no GPU" in strata("devices"):
        assert text.startswith("device cpu:0 (no GPU: "), text
        contains(strata("fit", "model.keras", "data.npz", "--device", "gpu", status=2), "--device gpu: ", "GPU")
    contains(strata("fit", "model.keras", "data.npz", "--output", "other.keras", "--verbose", "2", "--device", "cpu:1", "--show-memory"),
             "device cpu:1 (--device cpu:1)\n", " - memory: ", " KiB")
    os.environ["STRATA_DEVICE"] = "gpu:7"
    contains(strata("fit", "model.keras", "data.npz", status=2), "STRATA_DEVICE: ", "'gpu:7'")
    os.environ["STRATA_DEVICE"] = "cpu:2"
    contains(strata("profile", "model.keras", "data.npz"), "device cpu:2 (STRATA_DEVICE=cpu:2)")
    del os.environ["STRATA_DEVICE"]
    contains(strata("fit", "model.keras", "data.npz", "--device", "tpu", status=2), "'tpu'")

    saved = (FOLDER / "trained.keras").read_bytes()
    text = strata("compare", "trained.keras", "--device", "cpu:0,cpu:1", "--batch-size", "8", "--steps", "10", "--epochs", "2",
                  "--samples", "1000", "--csv", "compared.csv", "--svg", "compared.svg")
    contains(text, "trained.keras: batches of 8, 10 steps on each device", "cpu:0 ", "cpu:1 ", "2 epochs")
    with open(FOLDER / "compared.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["device"], row["output_difference"]) for row in rows] == [("cpu:0", "0"), ("cpu:1", "0")], rows
    assert xml.etree.ElementTree.parse(FOLDER / "compared.svg").getroot().tag.endswith("svg")
    contains(strata("compare", "trained.keras", "data.npz", "--batch-size", "8", "--steps", "10"), "cpu:0 ", "samples/s")
    change_config("trained.keras", "uncompiled.keras", lambda config: config.pop("compile_config"))
    contains(strata("compare", "uncompiled.keras", "--steps", "10"), "holds no training settings: compared with SGD")
    contains(strata("compare", "trained.keras", "--device", "cpu:0,gpu:7", status=2), "--device cpu:0,gpu:7: ", "'gpu:7'")
    assert (FOLDER / "trained.keras").read_bytes() == saved

    text = strata("profile", "trained.keras", "data.npz", "--device", "cpu", "--batch-size", "16", "--steps", "4",
                  "--trace", "step.json", "--json", "profile.json")
    contains(text, "a step on 16 samples on cpu:0: ", "GFLOP/s in a large product of float32", "reorders into layouts of oneDNN",
             "dense", "(gradient)", "GB/s", "roofline", "written to step.json", "written to profile.json")
    assert max(len(line) for line in text.splitlines()) <= 120, text
    profile = json.loads((FOLDER / "profile.json").read_text())
    assert profile["reorders"]["count"] == 0 and len(profile["seconds"]) == 4, profile
    assert any(kernel["flops"] > 0 and kernel["share_of_roofline"] > 0 for kernel in profile["kernels"]), profile
    events = json.loads((FOLDER / "step.json").read_text())["traceEvents"]
    assert len([e for e in events if e.get("cat") == "step"]) == 4, events
    text = strata("profile", "trained.keras", "data.npz", "--inference", "--steps", "2", "--kernels")
    assert "(gradient)" not in text and "   0 " in text, text


def test_messages():
    contains(strata("--help"), "Examples:", "fit", "Exit status")
    contains(strata("fit", "--help"), "Examples:", "--resume", "FILE.npz")
    contains(strata("--version"), "strata ")
    contains(strata("frobnicate", status=2), "frobnicate")
    contains(strata("summary", status=2), "FILE")
    contains(strata("summary", "missing.keras", status=1), "missing.keras")
    contains(strata("plot", "trained.keras", "m.gif", status=2), ".svg, .png or .dot")
    contains(strata("fit", "trained.keras", "nowhere", status=2), "mnist, fashion_mnist")
    contains(strata("evaluate", "trained.keras", "named.npz", status=1), "pictures, answers", "--x")
    contains(strata("fit", "trained.keras", "data.npz", "--resume", status=2), "--checkpoint")
    (FOLDER / "broken.keras").write_bytes((FOLDER / "trained.keras").read_bytes()[:700])
    contains(strata("summary", "broken.keras", status=1), "broken.keras")


def test_completion():
    for shell in ("bash", "zsh"):
        script = strata("completion", shell)
        contains(script, "evaluate", "inspect", "--tensorboard", "--image-size")
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_devices_and_doctor():
    listed = strata("devices", "--processes")
    contains(listed, "cpu:0 ", "GiB free", "load ")
    gpu = "\ngpu:0 " in listed
    assert gpu != ("no GPU: " in listed), listed
    work = strata("doctor", "--device", "cpu:0")
    contains(work, "Work on cpu:0", "convolution, gradient of the kernel", "recorded step, replayed", "the same bits")
    assert work.count("  passed ") == 9 and "failed" not in work and "not reached" not in work, work
    everything = strata("doctor", status=0 if gpu else 1)
    contains(everything, "What a GPU needs", "Work on cpu:0", "Work on gpu:0" if gpu else "Work on a GPU\n  not reached  all of it")
    if not gpu:
        contains(everything, "to do: ", "strata: something failed or was not reached")
    contains(strata("doctor", "--device", "tpu", status=1), "[device] expected a name such as 'gpu:0' or 'cpu:0'")


def test_watching_devices():
    with subprocess.Popen([STRATA, "devices", "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        seen = 0
        while seen < 2:  # once, and again a second later
            seen += watch.stdout.readline().startswith("cpu:0 ")
        watch.send_signal(signal.SIGINT)
        rest, errors = watch.communicate()
    assert watch.returncode == 0 and errors == "", (watch.returncode, errors)
    assert rest == "" or rest.endswith("\n"), rest


def test_launch():
    def launch(n, script, *options, status=0):
        return strata("launch", "-n", str(n), *options, "sh", "-c", script, status=status)

    lines = launch(3, 'echo "$STRATA_RANK of $STRATA_WORLD_SIZE, $STRATA_LOCAL_RANK here"; echo word >&2; printf rest; cat').splitlines()
    assert sorted(lines) == sorted(f"[{r}] {what}" for r in range(3) for what in (f"{r} of 3, {r} here", "word", "rest")), lines
    contains(launch(2, "echo $STRATA_RANK/$STRATA_WORLD_SIZE/$STRATA_LOCAL_RANK at $STRATA_ADDRESS", "--first-rank", "2",
                    "--world-size", "8", "--address", "far:7"), "[2] 2/8/0 at far:7", "[3] 3/8/1 at far:7")
    assert strata("launch", "-n", "1", "echo", "--help", "-n", "2") == "[0] --help -n 2\n"
    begin = time.monotonic()
    # What fails ends the others, even those that do not listen, and what they have started.
    failed = launch(3, 'trap "" TERM; [ $STRATA_RANK != 1 ] || exit 7; sleep 60', "--grace", "0.2", status=7)
    contains(failed, "strata launch: rank 1 (process ", ") ended with status 7", "was ended by signal 9 (Killed)")
    contains(launch(2, '[ $STRATA_RANK = 1 ] || kill -SEGV $$; sleep 60', "--grace", "0.2", status=128 + signal.SIGSEGV),
             "was ended by signal 11 (Segmentation fault)")
    contains(strata("launch", "-n", "2", "no-such-program", status=127), "no-such-program cannot be started: No such file")
    assert time.monotonic() - begin < 30
    with subprocess.Popen([STRATA, "launch", "-n", "2", "sh", "-c", "echo ready; sleep 60"], stdout=subprocess.PIPE, text=True) as run:
        run.stdout.readline()
        run.stdout.readline()
        run.terminate()
        assert run.wait(30) == 128 + signal.SIGTERM
    contains(strata("launch", "-n", "2", status=2), "expected a program; received none")
    contains(launch(2, "true", "--first-rank", "3", "--world-size", "4", status=2), "ranks 3 to 4 are beyond a world of 4")
    contains(launch(2, "true", "--world-size", "4", status=2), "expected --address")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.environ["STRATA_OFFLINE"] = "1"
    x, y = make_data()
    test_train_evaluate_predict(x, y)
    test_formats()
    test_inspect()
    test_inspect_of_what_cannot_be_loaded()
    test_folder_of_images()
    test_devices()
    test_messages()
    test_devices_and_doctor()
    test_watching_devices()
    test_launch()
    test_completion()


main()
