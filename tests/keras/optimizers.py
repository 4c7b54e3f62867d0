"""Every optimizer, and what goes with any of them, on one small network."""

from models import L, example, keras


def small_net():
    return keras.Sequential([L.Input((4,)), L.Dense(6, activation="tanh"), L.Dense(2)])


def optimizer(name, make, **settings):
    example("optimizer_" + name, optimizer=make, **settings)(small_net)


O, S = keras.optimizers, keras.optimizers.schedules
optimizer("sgd", lambda: O.SGD(0.05))
optimizer("sgd_momentum", lambda: O.SGD(0.05, momentum=0.8))
optimizer("rmsprop", lambda: O.RMSprop(0.01, rho=0.8, momentum=0.3, centered=True))
optimizer("adam_amsgrad", lambda: O.Adam(0.01, amsgrad=True))
optimizer("adamw", lambda: O.AdamW(0.01, weight_decay=0.02))
optimizer("adamax", lambda: O.Adamax(0.01))
optimizer("nadam", lambda: O.Nadam(0.01))
optimizer("adagrad", lambda: O.Adagrad(0.05))
optimizer("adadelta", lambda: O.Adadelta(0.5))
optimizer("adafactor", lambda: O.Adafactor(0.01))
optimizer("ftrl", lambda: O.Ftrl(0.05, l1_regularization_strength=0.001))
optimizer("lion", lambda: O.Lion(0.005))
optimizer("lamb", lambda: O.Lamb(0.01), only=3)
optimizer("muon", lambda: O.Muon(0.01), only=3)
optimizer("schedule_free_adamw", lambda: O.ScheduleFreeAdamW(0.01), only=3)
optimizer("loss_scale", lambda: O.LossScaleOptimizer(O.Adam(0.01), initial_scale=128.0), only=3)
optimizer("accumulation", lambda: O.Adam(0.01, gradient_accumulation_steps=2), only=3)
optimizer("ema", lambda: O.Adam(0.01, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=2))
optimizer("clipping", lambda: O.Adam(0.01, global_clipnorm=0.3, weight_decay=0.01))
optimizer("exponential_decay", lambda: O.Adam(S.ExponentialDecay(0.02, 3, 0.7)))
optimizer("cosine_decay", lambda: O.SGD(S.CosineDecay(0.1, 12, alpha=0.1), momentum=0.5))
optimizer("piecewise", lambda: O.Adagrad(S.PiecewiseConstantDecay([3, 6], [0.1, 0.05, 0.02])))
