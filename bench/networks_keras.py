"""The workloads in Keras. Import after the backend was chosen."""

import keras

APPLICATIONS = {
    "mobilenet": "MobileNet", "mobilenet_v2": "MobileNetV2", "xception": "Xception", "vgg16": "VGG16", "vgg19": "VGG19",
    "inception_v3": "InceptionV3",
    **{f"resnet{depth}": f"ResNet{depth}" for depth in (50, 101, 152)},
    **{f"resnet{depth}_v2": f"ResNet{depth}V2" for depth in (50, 101, 152)},
    **{f"densenet{depth}": f"DenseNet{depth}" for depth in (121, 169, 201)},
    **{f"efficientnet_b{size}": f"EfficientNetB{size}" for size in range(8)}}


def build(workload, image_size):
    layers = keras.layers
    if workload == "mlp":
        return keras.Sequential([
            keras.Input((image_size, image_size, 1)), layers.Flatten(),
            layers.Dense(512, activation="relu"), layers.Dropout(0.2),
            layers.Dense(512, activation="relu"), layers.Dropout(0.2),
            layers.Dense(10, activation="softmax")])
    if workload == "cnn":
        return keras.Sequential([
            keras.Input((image_size, image_size, 1)),
            layers.Conv2D(32, 3, activation="relu"), layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2), layers.Dropout(0.25), layers.Flatten(),
            layers.Dense(128, activation="relu"), layers.Dropout(0.5),
            layers.Dense(10, activation="softmax")])
    network = getattr(keras.applications, APPLICATIONS[workload])
    return network(weights=None, input_shape=(image_size, image_size, 3))


def optimizer(is_mnist):
    if is_mnist:
        return keras.optimizers.Adam(1e-3)
    return keras.optimizers.SGD(1e-3, momentum=0.9)
