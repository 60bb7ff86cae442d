"""Trains networks: recipes, the training loop, checkpoints, calibration, synthetic pages.

What imports TensorFlow is imported from its module, such as `digits.training.trainer.fit`: the
recipes are needed before, for the flags of train.py.
"""

from digits.training.recipes import RECIPES, Execution, Recipe, choose_recipe

__all__ = ["RECIPES", "Execution", "Recipe", "choose_recipe"]
