"""How each network is trained best: found on validation images (benchmarks/README.md)."""

RECIPES = {
    "dense": {"epochs": 150, "batch_size": 512, "learning_rate": 4e-3, "warp_strength": 1.0},
    "cnn": {"epochs": 30, "batch_size": 256, "learning_rate": 3e-3, "warp_strength": 1.5},
    "tiny": {"epochs": 40, "batch_size": 256, "learning_rate": 8e-3, "warp_strength": 0.7},
}
# What changes where the images are not warped: the networks learn them by heart sooner. Those of
# cnn and tiny are guesses, not searched for.
UNWARPED = {
    "dense": {"epochs": 6, "learning_rate": 1.2e-2, "warp_strength": 0.0},
    "cnn": {"epochs": 10, "warp_strength": 0.0},
    "tiny": {"epochs": 10, "warp_strength": 0.0},
}
# What changes under a teacher, whose answers leave more to learn from each image.
TAUGHT = {
    "dense": {"epochs": 300, "batch_size": 256, "learning_rate": 4e-3, "warp_strength": 1.0},
    "cnn": {},
    "tiny": {},
}
# "small" networks train with a whole epoch in one call and one thread an operation: see loop.py.
SIZE = {"dense": "small", "cnn": "large", "tiny": "large"}
# Of the images of a batch, with --augment spoil: a small network has only so much to spend on them.
SHARE_SPOILED = {"dense": 0.25, "cnn": 0.5, "tiny": 0.25}
WEIGHT_DECAY = {"dense": None, "cnn": 0.05, "tiny": None}
TEMPERATURE = 2.0
SHARE_OF_LABELS = 0.3
ARGUMENTS = ("epochs", "batch_size", "learning_rate", "warp_strength", "share_spoiled")


def choose(model, augment, teacher):
    """Choose the recipe of a training.

    Args:
        model: name of the network.
        augment: "spoil", "warp" or "none".
        teacher: whether there is one; anything that is true or not.

    Returns:
        dict of the `ARGUMENTS`.
    """
    recipe = RECIPES[model] | (TAUGHT[model] if teacher else {})
    recipe["share_spoiled"] = SHARE_SPOILED[model] if augment == "spoil" else 0.0
    return recipe | (UNWARPED[model] if augment == "none" else {})


def compile_model(network, num_steps, learning_rate, teacher=None):
    """Compile a network for `loop.fit`, with Adam on a schedule and, if given, a teacher.

    The learning rate rises a third of the way, then falls to zero. Under a teacher the loss is
    a mix of that on the labels and of the divergence from the teacher's softened answers
    (G. Hinton et al., "Distilling the knowledge in a neural network", 2015).

    Args:
        network: a `keras.Model` of `model.BUILDERS`.
        num_steps: steps of the whole training.
        learning_rate: peak of the schedule.
        teacher: a trained `keras.Model` that gives logits, or None.

    Returns:
        A compiled `keras.Model` that gives logits and trains the weights of `network`.
    """
    from digits.keras_quietly import keras
    from digits.networks.heads import logits_model

    warmup_steps = num_steps // 3
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=num_steps - warmup_steps,
    )
    # A shorter memory of squared gradients than Adam's own .999 suits so few steps.
    optimizer = keras.optimizers.Adam(
        schedule, beta_2=0.99, weight_decay=WEIGHT_DECAY[network.name]
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    trained = logits_model(network)
    if teacher is not None:
        # Keras 3.15 forgets the softmax where the loss is given by its name, the default.
        divergence = keras.losses.KLDivergence()
        trained = keras.distillation.Distiller(
            teacher=teacher,
            student=trained,
            distillation_losses=keras.distillation.LogitsDistillation(TEMPERATURE, divergence),
            student_loss_weight=SHARE_OF_LABELS,
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(optimizer=optimizer, loss=loss)
    return trained
