"The drawn street scenes, but few of them, also in processes that import nothing of a test's file."

from linknet_fastai.datasets.streets import IMAGES, streets

FEW = {"train": 3, "val": 2, "test": 1}
FEW_ON_GPU = {"train": 13, "val": 5, "test": 2}


def make_few(root, barrier):
    "Draw them to `root` once all who wait at the barrier are there."
    IMAGES.update(FEW)
    barrier.wait()
    streets(root)
