"""Trains networks: recipes, the loop, checkpoints, synthetic pages."""
