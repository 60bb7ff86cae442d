"""Makes synthetic pages of handwriting to train the detector on."""
