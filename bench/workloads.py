"""The networks that are measured, by name, and the data they are measured on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    image_size: int
    channels: int
    classes: int
    batch: int  # of a training step, unless another is asked for
    infer_batch: int
    is_mnist: bool = False


def application(image_size, batch):
    return Workload(image_size, 3, 1000, batch, batch)


WORKLOADS = {
    "mlp": Workload(28, 1, 10, 128, 256, is_mnist=True),
    "cnn": Workload(28, 1, 10, 128, 256, is_mnist=True),
    "mobilenet": application(224, 16),
    "mobilenet_v2": application(224, 16),
    "xception": application(299, 4),
    "vgg16": application(224, 4),
    "vgg19": application(224, 4),
    "resnet50": application(224, 8),
    "resnet101": application(224, 8),
    "resnet152": application(224, 8),
    "resnet50_v2": application(224, 8),
    "resnet101_v2": application(224, 8),
    "resnet152_v2": application(224, 8),
    "inception_v3": application(299, 8),
    "densenet121": application(224, 8),
    "densenet169": application(224, 8),
    "densenet201": application(224, 8),
    "efficientnet_b0": application(224, 16),
    "efficientnet_b1": application(240, 8),
    "efficientnet_b2": application(260, 8),
    "efficientnet_b3": application(300, 4),
    "efficientnet_b4": application(380, 4),
    "efficientnet_b5": application(456, 2),
    "efficientnet_b6": application(528, 1),
    "efficientnet_b7": application(600, 1),
}
PRECISIONS = ("float32", "mixed_bfloat16")  # of both peers; Keras's names


def load(arguments):
    """x [n, height, width, channels] in float32 and y [n] in int32: MNIST, or a batch of random numbers."""
    if not arguments.random_data:
        import mnist_data
        return mnist_data.load()
    import numpy as np
    workload, size = WORKLOADS[arguments.workload], arguments.image_size
    random = np.random.default_rng(1)
    count = max(arguments.batch, arguments.infer_batch)
    x = random.standard_normal((count, size, size, workload.channels), np.float32)
    return x, random.integers(0, workload.classes, count).astype(np.int32)
