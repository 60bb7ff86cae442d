"""Pure functions from images to images."""
