#!/usr/bin/env python3
"""What Keras 3.15 says of its applications: golden files for architectures_test.cpp and outputs_test.cpp.

    KERAS_BACKEND=tensorflow python3 golden.py architectures > architectures.inc
    KERAS_BACKEND=tensorflow python3 golden.py outputs > outputs.inc
    KERAS_BACKEND=tensorflow python3 golden.py list Xception     # what the hash in architectures.inc is of

architectures.inc: for each network its name, parameters, those that do not train, layers with the input, and a hash of all
layers, configs, connections and weights. outputs.inc: for each network its name, the size of the images, and what it
makes of two of them, with weights set by the formula in `fill`.
"""

import sys

import keras
import numpy as np

# name: arguments. The first part is what must be there, the rest covers arguments of their own.
NETWORKS = {
    "Xception": {},
    "MobileNet": {},
    "VGG16": {},
    "VGG19": {},
    "ResNet50": {},
    "ResNet101": {},
    "ResNet152": {},
    "ResNet50V2": {},
    "ResNet101V2": {},
    "ResNet152V2": {},
    "InceptionV3": {},
    "MobileNetV2": {},
    "DenseNet121": {},
    "DenseNet169": {},
    "DenseNet201": {},
    "EfficientNetB0": {},
    "EfficientNetB1": {},
    "EfficientNetB2": {},
    "EfficientNetB3": {},
    "EfficientNetB4": {},
    "EfficientNetB5": {},
    "EfficientNetB6": {},
    "EfficientNetB7": {},
}
VARIANTS = {
    "Xception_notop": {"include_top": False},
    "MobileNet_small": {"input_shape": (96, 64, 3), "alpha": 0.3, "depth_multiplier": 2, "dropout": 0.2, "classes": 7},
    "MobileNet_open": {"include_top": False, "pooling": "avg"},
    "VGG16_max": {"include_top": False, "pooling": "max"},
    "ResNet50_avg": {"include_top": False, "pooling": "avg"},
    "ResNet50V2_max": {"include_top": False, "pooling": "max", "input_shape": (40, 56, 1)},
    "InceptionV3_avg": {"include_top": False, "pooling": "avg"},
    "MobileNetV2_small": {"input_shape": (128, 128, 3), "alpha": 0.35, "classes": 7, "classifier_activation": None},
    "MobileNetV2_wide": {"include_top": False, "pooling": "max", "alpha": 1.4},
    "DenseNet121_avg": {"include_top": False, "pooling": "avg"},
    "EfficientNetB0_max": {"include_top": False, "pooling": "max"},
    "EfficientNetB0_odd": {"input_shape": (61, 45, 3), "classes": 3, "classifier_activation": "sigmoid"},
}
# Of outputs: the least size, and a factor of all kernels with which the outputs say something.
OUTPUTS = {
    "Xception": (71, 1.0),
    "MobileNet": (32, 1.8),
    "VGG16": (32, 1.4),
    "VGG19": (32, 1.4),
    "ResNet50": (32, 0.8),
    "ResNet50V2": (32, 1.0),
    "InceptionV3": (75, 1.4),
    "MobileNetV2": (32, 1.2),
    "DenseNet121": (32, 1.6),
    "EfficientNetB0": (32, 1.5),
}


# What Keras's configs hold beyond what has a meaning here: all at their defaults.
LEFT_OUT = {
    "activity_regularizer",
    "build_config",
    "input_axes",
    "mask",
    "optional",
    "output_axes",
    "quantization_config",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
    "training",
}


def make(name, arguments):
    keras.backend.clear_session()
    return getattr(keras.applications, name.split("_")[0])(weights=None, **arguments)


def canonical(value):
    """One spelling for what both sides mean: sorted keys, numbers with nine digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return "%.9g" % value
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{canonical(v)}" for k, v in sorted(value.items()) if k not in LEFT_OUT) + "}"
    raise TypeError(type(value))


def serialized(value):
    """Tensors among the arguments of calls as files hold them."""
    return keras.saving.serialize_keras_object(value)


def listing(model):
    config = serialized(model)["config"]
    for key in ("input_layers", "output_layers"):  # of a single one not a list of one
        config[key] = config[key] if isinstance(config[key][0], list) else [config[key]]
    lines = [canonical(layer) for layer in config["layers"]]
    lines += [canonical({k: v for k, v in config.items() if k != "layers"})]
    lines += [f"{w.path} {canonical(tuple(w.shape))}" for w in model.weights]
    return lines


def as_text(lines):
    """A string for C++."""
    print('R"(', flush=True)
    for line in lines:
        print(line, flush=True)
    print(')"')


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def architectures():
    for name, arguments in {**NETWORKS, **VARIANTS}.items():
        model = make(name, arguments)
        fixed = sum(int(np.prod(w.shape)) for w in model.non_trainable_weights)
        yield f"{name} {model.count_params()} {fixed} {len(model.layers)} {fnv1a(chr(10).join(listing(model))):016x}"


def uniform(count, stream):
    """`count` numbers in [-1, 1) that follow from `stream`: the finalizer of MurmurHash3 over a counter."""
    h = (np.arange(count, dtype=np.uint64) * 2654435761 + (stream + 1) * 2246822519) % 2**32
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    h ^= h >> 16
    return h.astype(np.float64) / 2**31 - 1


def fill(model, gain):
    stream = 0
    for layer in model.layers:
        values = []
        for w in layer.weights:
            u = uniform(int(np.prod(w.shape)), stream).reshape(w.shape)
            depthwise = w.name == "depthwise_kernel" or layer.__class__.__name__ == "DepthwiseConv2D"
            if "kernel" in w.name:
                fan_in = np.prod(w.shape[:2] if depthwise else w.shape[:-1])
                values.append(u * gain * np.sqrt(3 / fan_in))
            elif w.name in ("gamma", "moving_variance", "variance"):
                values.append(1 + 0.3 * u)
            elif w.name == "count":
                values.append(np.zeros(w.shape))
            else:
                values.append(0.1 * u)
            stream += 1
        layer.set_weights(values)
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights


def outputs():
    for name, (size, gain) in OUTPUTS.items():
        model = make(name, {"input_shape": (size, size, 3), "classes": 10})
        fill(model, gain)
        images = uniform(2 * size * size * 3, 1000).reshape(2, size, size, 3)
        if name.startswith("EfficientNet"):
            images = (images + 1) * 127.5
        result = model.predict(images.astype("float32"), verbose=0)
        yield " ".join([name, str(size), "%g" % gain, *("%.7f" % v for v in result.flatten())])


if __name__ == "__main__":
    if sys.argv[1:] == ["architectures"]:
        as_text(architectures())
    elif sys.argv[1:] == ["outputs"]:
        as_text(outputs())
    elif sys.argv[1:2] == ["list"] and len(sys.argv) == 3:
        print("\n".join(listing(make(sys.argv[2], {**NETWORKS, **VARIANTS}[sys.argv[2]]))))
    else:
        sys.exit(__doc__)
