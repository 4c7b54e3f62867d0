"""The strata command as a user runs it: strata_test.py STRATA FOLDER."""
import os
import pathlib
import shutil
import subprocess
import sys

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
        contains(script, "evaluate", "--tensorboard")
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.environ["STRATA_OFFLINE"] = "1"
    x, y = make_data()
    test_train_evaluate_predict(x, y)
    test_formats()
    test_messages()
    test_completion()


main()
