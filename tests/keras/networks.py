"""Examples of networks: layers, graphs, masks, element types, losses and metrics."""

from models import CLASSES, L, example, keras

# ---- networks


@example("mlp", **CLASSES)
def _():
    return keras.Sequential(
        [
            L.Input((5,)),
            L.Dense(8, activation="relu"),
            L.Dense(6, activation="tanh", use_bias=False),
            L.Dense(3, activation="softmax"),
        ]
    )


@example("cnn", optimizer=lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), **CLASSES)
def _():
    return keras.Sequential(
        [
            L.Input((8, 8, 1)),
            L.Conv2D(4, 3, activation="relu", padding="same"),
            L.MaxPooling2D(),
            L.Conv2D(6, 2, strides=2, dilation_rate=1),
            L.ReLU(),
            L.AveragePooling2D(2, strides=1, padding="same"),
            L.Flatten(),
            L.Dense(3, activation="softmax"),
        ]
    )


@example("convolutions")
def _():
    return keras.Sequential(
        [
            L.Input((7, 7, 2)),
            L.ZeroPadding2D(((0, 1), (1, 0))),
            L.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
            L.SeparableConv2D(4, 2),
            L.Conv2DTranspose(3, 3, strides=2, padding="same"),
            L.UpSampling2D(2, interpolation="bilinear"),
            L.Cropping2D(1),
            L.Conv2D(4, 3, groups=1, activation="elu"),
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ]
    )


# Ranges that leave nothing to chance; RandAugment with its parts, of which it applies none. A Sequential that holds an
# Equalization of its own is more than Keras 3.15.1 can build. AutoContrast rounds among numbers up to 255, then
# stretches what is left.
@example("augmented_images", only=3, atol=2e-4)
def _():
    return keras.Sequential(
        [
            L.Input((6, 6, 3)),
            L.RandomSharpness((0.3, 0.3), value_range=(-9, 9)),
            L.RandomInvert((1, 1), value_range=(-9, 9)),
            L.AutoContrast(value_range=(-9, 9)),
            L.RandomColorJitter(value_range=(-9, 9), brightness_factor=(0.1, 0.1), contrast_factor=(-0.3, 0.3)),
            L.Solarization(value_range=(-9, 9)),
            L.RandomErasing((0, 0), fill_value=[1, 2, 3]),
            L.RandAugment(value_range=(-9, 9), num_ops=0),
            L.Flatten(),
            L.Dense(2),
        ]
    )


@example("conv1d")
def _():
    return keras.Sequential(
        [
            L.Input((12, 3)),
            L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="tanh"),
            L.MaxPooling1D(2),
            L.SeparableConv1D(4, 2),
            L.Conv1DTranspose(3, 3, strides=2),
            L.ZeroPadding1D(1),
            L.Cropping1D((1, 0)),
            L.UpSampling1D(2),
            L.AveragePooling1D(3),
            L.GlobalMaxPooling1D(),
            L.Dense(2),
        ]
    )


@example("conv3d")
def _():
    return keras.Sequential(
        [
            L.Input((5, 6, 6, 1)),
            L.Conv3D(3, 2, activation="relu"),
            L.MaxPooling3D((1, 2, 2)),
            L.Conv3DTranspose(2, 2),
            L.ZeroPadding3D(1),
            L.UpSampling3D(2),
            L.Cropping3D(2),
            L.AveragePooling3D(2, padding="same"),
            L.GlobalAveragePooling3D(),
            L.Dense(2),
        ]
    )


@example("residual", optimizer=lambda: keras.optimizers.SGD(0.05))
def _():
    x = L.Input((6, 6, 3))
    h = L.add([L.Activation("relu")(L.Conv2D(3, 3, padding="same", use_bias=False)(x)), x])
    s = L.Conv2D(5, 1, strides=2)(h)
    return keras.Model(x, L.Flatten()(L.Add()([L.MaxPooling2D(2)(L.SeparableConv2D(5, 3, padding="same")(h)), s])))


# ---- shapes of graphs


@example(
    "two_inputs",
    loss={"value": "mean_squared_error", "policy": "categorical_crossentropy"},
    loss_weights={"value": 0.5, "policy": 1.5},
    metrics={"value": ["mean_absolute_error"], "policy": ["accuracy"]},
    targets=("values", "one_hot"),
)
def _():
    a, b = L.Input((4,), name="features"), L.Input((6, 2), name="series")
    h = L.Concatenate()([L.Dense(5, activation="relu")(a), L.Flatten()(L.Conv1D(2, 3)(b))])
    return keras.Model([a, b], [L.Dense(1, name="value")(h), L.Dense(4, activation="softmax", name="policy")(h)])


@example("shared", loss="binary_crossentropy", metrics=["accuracy"], targets=("binary",))
def _():
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    tower = L.Dense(4, activation="relu", name="tower")
    return keras.Model([a, b], L.Dense(1, activation="sigmoid")(L.Maximum()([tower(a), tower(b)])))


@example("nested")
def _():
    i = L.Input((4,))
    frozen = keras.Model(i, L.Dense(3)(L.Dense(4, activation="tanh")(i)), name="backbone")
    frozen.trainable = False
    head = keras.Sequential([L.Input((3,)), L.Dense(5, activation="relu"), L.Dense(2)], name="head")
    x = L.Input((4,))
    return keras.Model(x, L.add([head(frozen(x)), head(L.Dense(3)(x))]))


@example("merging")
def _():
    a, b = L.Input((2, 3)), L.Input((2, 3))
    p, q = L.Dense(3)(a), L.Dense(3)(b)
    merged = [
        L.Add()([p, q]),
        L.Subtract()([p, q]),
        L.Multiply()([p, q]),
        L.Average()([p, q]),
        L.Maximum()([p, q]),
        L.Minimum()([p, q]),
        L.Dot(axes=2)([p, q]),
    ]
    return keras.Model([a, b], L.Dense(2)(L.Flatten()(L.Concatenate(axis=2)(merged))))


@example("reshaping")
def _():
    x = L.Input((6,))
    h = L.Permute((2, 1))(L.Reshape((3, 2))(L.Dense(6)(x)))
    return keras.Model(x, L.Dense(2)(L.Flatten()(L.Concatenate()([h, L.RepeatVector(2)(x)]))))


@example("operations", only=3)
def _():
    x = L.Input((4,))
    h = L.Dense(4)(x)
    return keras.Model(x, L.Dense(2)(keras.ops.tanh(h * 2.0) - x / 3.0))


# ---- masks


@example("masking")
def _():
    return keras.Sequential(
        [L.Input((5, 3)), L.Masking(0.0), L.Dense(4, activation="tanh"), L.GlobalAveragePooling1D(), L.Dense(2)]
    )


@example("embedding", optimizer=lambda: keras.optimizers.SGD(0.1), **CLASSES)
def _():
    return keras.Sequential(
        [
            L.Input((6,), dtype="int32"),
            L.Embedding(5, 4, mask_zero=True),
            L.Dense(4),
            L.GlobalAveragePooling1D(),
            L.Dense(3, activation="softmax"),
        ]
    )


@example("masked_graph", optimizer=lambda: keras.optimizers.SGD(0.1))
def _():
    ids, x = L.Input((6,), dtype="int32"), L.Input((6, 4))
    h = L.Concatenate()([L.Embedding(5, 4, mask_zero=True)(ids), L.Masking()(x)])
    return keras.Model([ids, x], L.Dense(2)(L.GlobalAveragePooling1D()(h)))


# ---- normalization, preprocessing, activations


@example("normalizations")
def _():
    x = L.Input((4, 6))
    h = L.LayerNormalization(epsilon=1e-4)(L.Dense(6)(x))
    h = L.UnitNormalization()(L.GroupNormalization(3)(h))
    return keras.Model(x, L.Dense(2)(L.Flatten()(L.BatchNormalization(momentum=0.7, scale=False)(h))))


@example("batch_normalization", optimizer=lambda: keras.optimizers.SGD(0.05), **CLASSES)
def _():
    return keras.Sequential(
        [
            L.Input((5, 5, 2)),
            L.Conv2D(4, 3, use_bias=False),
            L.BatchNormalization(momentum=0.8),
            L.ReLU(),
            L.Flatten(),
            L.Dense(3, activation="softmax"),
        ]
    )


@example("rms_normalization", only=3)
def _():
    return keras.Sequential([L.Input((6,)), L.Dense(6), L.RMSNormalization(), L.Dense(2)])


@example("preprocessing")
def _():
    return keras.Sequential(
        [
            L.Input((5,)),
            L.Rescaling(0.5, offset=-1.0),
            L.Normalization(mean=0.1, variance=2.0),
            L.Dense(4, activation="relu"),
            L.Dense(1),
        ]
    )


@example("rescaling_by_channel", only=3)
def _():
    return keras.Sequential([L.Input((4, 3)), L.Rescaling([0.5, 1.0, 2.0], offset=[0.1, 0.0, -0.1]), L.Flatten(), L.Dense(2)])


@example("activation_layers")
def _():
    return keras.Sequential(
        [
            L.Input((5, 4)),
            L.Dense(4),
            L.PReLU(shared_axes=[1]),
            L.Dense(4),
            L.ELU(0.7),
            L.Dense(4),
            L.LeakyReLU(),
            L.Dense(4),
            L.Softmax(axis=-1),
            L.ReLU(6.0),
            L.Activation("softplus"),
            L.Flatten(),
            L.Dense(2, activation="selu"),
        ]
    )


@example("einsum_dense")
def _():
    return keras.Sequential(
        [
            L.Input((4, 6)),
            L.EinsumDense("abc,cd->abd", output_shape=(4, 5), bias_axes="d", activation="gelu"),
            L.Flatten(),
            L.Dense(2),
        ]
    )


# ---- weights with rules, element types, losses and metrics


@example("regularized")
def _():
    R, C = keras.regularizers, keras.constraints
    return keras.Sequential(
        [
            L.Input((4,)),
            L.Dense(
                6,
                activation="tanh",
                kernel_regularizer=R.L2(0.02),
                bias_regularizer=R.L1(0.01),
                activity_regularizer=R.L1L2(0.01, 0.02),
            ),
            L.ActivityRegularization(l2=0.01),
            L.Dense(4, kernel_constraint=C.MaxNorm(0.8), bias_constraint=C.NonNeg()),
            L.Dense(2, kernel_constraint=C.MinMaxNorm(0.3, 0.9, rate=0.7), kernel_initializer=keras.initializers.HeNormal()),
        ]
    )


@example("float64")
def _():
    return keras.Sequential(
        [L.Input((4,), dtype="float64"), L.Dense(5, activation="tanh", dtype="float64"), L.Dense(2, dtype="float64")]
    )


@example("mixed_bfloat16", rtol=3e-2, atol=3e-2, optimizer=lambda: keras.optimizers.SGD(0.05))
def _():
    return keras.Sequential([L.Input((4,)), L.Dense(5, activation="tanh", dtype="mixed_bfloat16"), L.Dense(2, dtype="float32")])


# The model's own policy makes compile wrap the optimizer in a LossScaleOptimizer.
@example("mixed_float16", rtol=1e-2, atol=1e-2, only=3, optimizer=lambda: keras.optimizers.Adam(0.01))
def _():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    model = keras.Sequential([L.Input((4,)), L.Dense(5, activation="tanh"), L.BatchNormalization(), L.Dense(2)])
    keras.config.set_dtype_policy(previous)
    return model


@example(
    "losses",
    loss=[keras.losses.Huber(), keras.losses.BinaryCrossentropy(label_smoothing=0.1), keras.losses.LogCosh()],
    targets=("values", "binary", "values"),
    metrics=lambda: [
        [keras.metrics.RootMeanSquaredError(name="rmse")],
        [keras.metrics.AUC(num_thresholds=20, name="auc"), keras.metrics.Precision(0.4, name="precision")],
        [],
    ],
)
def _():
    x = L.Input((5,))
    h = L.Dense(6, activation="relu")(x)
    return keras.Model(x, [L.Dense(2, name="p")(h), L.Dense(1, activation="sigmoid", name="q")(h), L.Dense(2, name="r")(h)])


@example(
    "logits",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    targets=("classes",),
    metrics=lambda: [keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top_2")],
)
def _():
    return keras.Sequential([L.Input((4,)), L.Dense(6, activation="relu"), L.Dense(4)])
