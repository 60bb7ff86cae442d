import dataclasses

import pytest

import model as models
from digits.keras_quietly import keras
from digits.mnist import NETWORKS
from digits.networks import detector_model
from digits.training import RECIPES, choose_recipe
from digits.training.recipes import FORMS, build_optimizer


def test_every_network_has_a_recipe():
    assert RECIPES.keys() == NETWORKS.keys() == models.BUILDERS.keys()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("distilled", [False, True])
def test_augmentation_is_as_strong_as_asked(name, distilled):
    degrade, warp, none = (
        choose_recipe(name, kind, distilled) for kind in ("degrade", "warp", "none")
    )
    assert degrade.warp_strength == warp.warp_strength > none.warp_strength == 0
    assert degrade.degraded_share > 0 == warp.degraded_share == none.degraded_share
    assert none.epochs < warp.epochs == degrade.epochs


@pytest.mark.parametrize("name", RECIPES)
def test_forms_are_degraded_images_and_more(name):
    degrade, forms = (choose_recipe(name, kind, False) for kind in ("degrade", "forms"))
    assert forms == dataclasses.replace(degrade, **FORMS) != degrade
    assert degrade.degraded_rotation is None
    assert degrade.outlined_share == degrade.lined_share == 0


def test_only_the_recipe_of_the_dense_network_changes_with_a_teacher():
    for name in RECIPES:
        alone = choose_recipe(name, "degrade", distilled=False)
        distilled = choose_recipe(name, "degrade", distilled=True)
        assert (alone == distilled) == (name != "dense")
        assert alone == RECIPES[name]


@pytest.mark.parametrize(("num_images", "steps"), [(10, 1), (512, 1), (1023, 1), (55_000, 107)])
def test_an_epoch_leaves_out_an_incomplete_batch(num_images, steps):
    assert RECIPES["dense"].steps_per_epoch(num_images) == steps


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPES["dense"].epochs = 1


def test_the_learning_rate_rises_to_its_peak_and_falls_to_0():
    optimizer = build_optimizer(0.01, 100, 25, None, betas=(0.7, 0.9))
    assert (optimizer.beta_1, optimizer.beta_2) == (0.7, 0.9)
    rate = optimizer._learning_rate
    rates = [float(rate(step)) for step in (0, 25, 62.5, 100)]
    assert rates == pytest.approx([0, 0.01, 0.005, 0], abs=1e-8)


@pytest.mark.parametrize("build", [models.build_cnn, detector_model.build_detector])
def test_weight_decay_leaves_out_biases_and_normalizations(build):
    """Without gradients, a step changes only the weights that decay."""
    network = build()
    optimizer = build_optimizer(0.1, 10, 5, weight_decay=0.5)
    optimizer.build(network.trainable_variables)
    for variable in network.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    zeros = [keras.ops.zeros_like(variable) for variable in network.trainable_variables]
    for _ in range(2):  # at the first, the learning rate is 0
        optimizer.apply(zeros, network.trainable_variables)
    decayed = {
        variable.name
        for variable in network.trainable_variables
        if (keras.ops.convert_to_numpy(variable) < 1).all()
    }
    assert decayed == {"kernel"}
    kept = {variable.name for variable in network.trainable_variables} - decayed
    assert kept == {"bias", "beta", "gamma"}
