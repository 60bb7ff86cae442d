"""What an image of a digit is, and which networks there are: the one table of their names."""

IMAGE_SHAPE = (28, 28)  # rows and columns of pixels
NUM_CLASSES = 10
# Name of each classifier and what it is made of, from the simplest to the most accurate.
NETWORKS = {
    "dense": "every unit sees every pixel: 784-128-64-10",
    "lenet": "two convolutions with pooling, then two dense layers",
    "tiny": "few convolutions, which look at patches of the image",
    "cnn": "many convolutions",
}
RELEASED = ("dense", "tiny", "cnn")  # those that come with the project, trained
