"""Event files as TensorBoard itself reads them: tensorboard_test.py PROGRAM FOLDER. Exits with 77 where it is not installed."""
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np

try:
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard import context
    from tensorboard.data import provider
    from tensorboard.util import tensor_util
except ImportError as error:
    print(f"skipped: {error} (pip install tensorboard)")
    sys.exit(77)


def load(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return events


def series(events, tag):
    return [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]


def check_scalars(folder, expected):
    """As the web pages get them: through the data provider."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 0})
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    source = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    read = source.read_scalars(context.RequestContext(), experiment_id="", plugin_name="scalars", downsample=10000)
    history, batches = expected["history"], expected["batches"]

    def check(run, tag, steps, values):
        got = read[run][tag]
        assert [d.step for d in got] == list(steps), (run, tag, got)
        assert [np.float32(d.value) for d in got] == [np.float32(v) for v in values], (run, tag, got, values)

    for name, values in history.items():
        run, tag = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
        check(run, "epoch_" + tag, range(3), values)
        if run == "validation":
            check(run, f"evaluation_{tag}_vs_iterations", (4, 8, 12), values)
    for name in batches[0]:
        check("train", "batch_" + name, range(1, 13), [b[name] for b in batches])
    check("train", "epoch_learning_rate", range(3), [1e-3] * 3)
    for tag, count in (("epoch_steps_per_second", 3), ("batch_steps_per_second", 12)):
        assert len(read["train"][tag]) == count and all(d.value > 0 for d in read["train"][tag]), tag
    known = {"evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations", "epoch_loss", "epoch_mae"}
    assert set(read["validation"]) == known, set(read["validation"])


def check_histograms(events, kernel):
    got = series(events, "conv/kernel/histogram")
    assert [step for step, _ in got] == [0, 2]
    buckets = got[-1][1]
    assert buckets.shape == (30, 3) and buckets.dtype == np.float64
    counts, edges = np.histogram(np.array(kernel, np.float64), bins=30)
    np.testing.assert_array_equal(buckets[:, 2], counts)
    np.testing.assert_allclose(buckets[:, 0], edges[:-1], rtol=1e-12)
    np.testing.assert_allclose(buckets[:, 1], edges[1:], rtol=1e-12, atol=1e-15)
    assert buckets[:, 2].sum() == len(kernel)


def check_images(events, kernel):
    import io
    from PIL import Image
    width, height, *images = series(events, "conv/kernel/image")[-1][1]
    assert (int(width), int(height), len(images)) == (3, 3, 3)
    weights = np.array(kernel).reshape(3, 3, 6)
    for i, png in enumerate(images):
        pixels = np.asarray(Image.open(io.BytesIO(png)))
        np.testing.assert_array_equal(pixels, np.floor(np.clip(weights[:, :, i], 0, 1) * 255.5).clip(0, 255))


def check_graphs(events):
    (step, text), = series(events, "keras")
    config = json.loads(text.item() if text.shape == () else text[0])
    assert step == 0 and config["class_name"] == "Functional" and config["config"]["name"] == "net"
    nodes = {n.name: n for n in events.Graph().node}
    assert set(nodes) == {"a", "conv", "flat", "shared", "shared_call_2", "shared_call_3", "sum", "tail/inner"}, set(nodes)
    assert list(nodes["tail/inner"].input) == ["sum"] and nodes["conv"].op == "Conv2D"
    shape = nodes["conv"].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [-1, 2, 2, 6], shape


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    expected = json.loads(subprocess.run([program, str(folder)], check=True, capture_output=True, text=True).stdout)
    check_scalars(folder, expected)
    events = load(folder / "train")
    check_histograms(events, expected["kernel"])
    check_images(events, expected["kernel"])
    check_graphs(events)
    print("TensorBoard reads scalars, histograms, images and graphs as they were logged")


if __name__ == "__main__":
    main()
