"""Trains the detector as train_detector.py does, on few pages, so that it can be killed often."""

import train_detector
from digits import cli

if __name__ == "__main__":
    train_detector.STEPS_PER_EPOCH = 8
    train_detector.VALIDATION_STEPS = 1
    train_detector.MEASURED_PAGES = 4
    cli.run(train_detector.main)
