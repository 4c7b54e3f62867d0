"""The examples that work on images, as a user runs them, as small as they get: images_test.py EXAMPLE BIN FOLDER DATA.

BIN holds the programs, DATA a folder of images for each class."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

EXAMPLE, BIN, FOLDER, DATA = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])


def run(program, *words, status=0, **environment):
    done = subprocess.run([BIN / program, *map(str, words)], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, env={**os.environ, "STRATA_OFFLINE": "1", **environment})
    assert done.returncode == status, (f"{program} {words}: status {done.returncode}, expected {status}\n"
                                       f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def number(pattern, text):
    found = re.search(pattern + r" (\d+\.\d+)", text)
    assert found, f"expected '{pattern} NUMBER' in:\n{text[-2000:]}"
    return float(found.group(1))


def refuses(program, *words, because, status=2):
    _, errors = run(program, *words, status=status)
    assert because in errors, f"{program} {words}: expected '{because}' in:\n{errors}"


def size_of_png(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


def few_photographs(per_class, classes=10):
    """A folder with the first images of each class."""
    folder = FOLDER / f"photographs-{per_class}-{classes}"
    for source in sorted(DATA.iterdir())[:classes + 1]:
        if source.is_dir():
            (folder / source.name).mkdir(parents=True, exist_ok=True)
            for image in sorted(source.iterdir())[:per_class]:
                shutil.copy(image, folder / source.name)
    return folder


def small_network(model, *words):
    text, _ = run("cifar10", "--data", DATA, "--model", model, "--width", 4, "--epochs", 1, *words)
    return text


def cifar10():
    for model in ("resnet", "vgg"):
        text = small_network(model, "--save", f"{model}.keras", "--tensorboard", f"{model}-logs")
        assert "900 images to learn, 100 for validation" in text, text
        assert 0 <= number("validation accuracy", text) <= 1
        assert (FOLDER / f"{model}.keras").stat().st_size > 10000
        assert list((FOLDER / f"{model}-logs" / "train").glob("events*")), "no event file"
    text, _ = run("cifar10", "--data", DATA, "--width", 8, "--epochs", 8, "--batch-size", 50)
    assert number("validation accuracy", text) > 0.2, text  # a guess: 0.1
    refuses("cifar10", "--data", FOLDER / "missing", "--epochs", 1, because="missing", status=1)
    refuses("cifar10", "--model", "transformer", because="--model")


def xception():
    photographs = few_photographs(4, 2)
    text, _ = run("xception", "--data", photographs, "--epochs", 1, "--batch-size", 4, "--save", "all.weights.h5",
                  "--tensorboard", "logs")
    assert "7 images of 71 x 71" in text and "val_loss" in text, text
    text, _ = run("xception", "--data", photographs, "--epochs", 1, "--batch-size", "auto", "--weights", "all.weights.h5",
                  "--freeze-base", "--precision", "mixed_bfloat16", "--save", "all.keras")
    for part in ("weights of the whole network from all.weights.h5", "mixed_bfloat16", "batch size 7", "saved to all.keras"):
        assert part in text, f"expected '{part}' in:\n{text}"
    text, _ = run("xception", "--samples", 2, "--epochs", 1, "--batch-size", 2, "--image-size", 72)
    assert "2 images of 72 x 72" in text, text
    refuses("xception", "--samples", 2, "--weights", "all.weights.h5", because="fits neither the network", status=1)
    refuses("xception", "--image-size", 32, because="--image-size")
    refuses("xception", "--precision", "float8", because="--precision")
    refuses("xception", "--data", photographs, "--samples", 5, because="--samples")


def style_transfer():
    content, style = (sorted((DATA / name).iterdir())[0] for name in ("cat", "ship"))
    words = [content, style, "picture.png", "--size", 48]
    nowhere = {name: str(FOLDER / "nowhere") for name in ("HOME", "KERAS_HOME", "XDG_CACHE_HOME", "STRATA_WEIGHTS_DIR")}
    _, errors = run("style_transfer", *words, status=1, **nowhere)
    assert "no ImageNet weights" in errors and "cifar10 --model vgg --save" in errors, errors
    small_network("vgg", "--save", "cifar10_vgg.keras")
    text, errors = run("style_transfer", *words, "--steps", 60, "--start", "noise", **nowhere)
    assert "no ImageNet weights" in errors and "using the features of cifar10_vgg.keras instead" in errors, errors
    assert size_of_png(FOLDER / "picture.png") == (48, 48)
    for loss in ("content", "style"):
        before, after = number(f"{loss} loss:", text), number("before the first step,", text.split(f"{loss} loss:")[1])
        assert after < before / 2, text
    refuses("style_transfer", content, because="STYLE")
    refuses("style_transfer", "missing.jpg", style, "out.png", because="missing.jpg", status=1)
    run("style_transfer_short", status=2)


def transfer_learning():
    photographs = few_photographs(20, 5)
    text, _ = run("transfer_learning", "--data", photographs, "--base-epochs", 2, "--epochs", 2, "--fine-epochs", 1, "--save", "new.keras")
    for part in ("the base learns 3 classes", "the last layer learns 2 new classes", "model saved to new.keras"):
        assert part in text, f"expected '{part}' in:\n{text}"
    assert 0 <= number("validation accuracy", text.split("everything learns")[1]) <= 1
    small_network("resnet", "--save", "base.keras")
    text, _ = run("transfer_learning", "--data", photographs, "--base", "base.keras", "--epochs", 1, "--fine-epochs", 1)
    assert "the last layer learns 5 new classes" in text, text
    refuses("transfer_learning", "--data", photographs, "--new-classes", 4, because="--new-classes", status=1)
    refuses("transfer_learning", "--base", "base.keras", "--new-classes", 2, because="--new-classes")


def gan():
    text, _ = run("gan", "--steps", 3, "--batch-size", 8, "--width", 4, "--grid", 3, "--every", 2, "--out", "digits.png")
    assert "critic" in text and "generator" in text, text
    assert size_of_png(FOLDER / "digits.png") == (92, 92)
    refuses("gan", "--data", FOLDER / "missing", because="missing", status=1)
    refuses("gan", "--steps", 0, because="--steps")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    text, _ = run(EXAMPLE, "--help")
    assert "--device" in text and "--seed" in text, text
    refuses(EXAMPLE, "--threads", "many", because="--threads")
    {f.__name__: f for f in (cifar10, xception, style_transfer, transfer_learning, gan)}[EXAMPLE]()


main()
