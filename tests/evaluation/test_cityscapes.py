"The benchmark's four scores, against its official scripts on the same predictions."

import numpy as np
import pytest
import torch
from cityscapes_frames import draw_frame
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image

from linknet_fastai.dataloaders.decode import Sample
from linknet_fastai.datasets.cityscapes import cityscapes
from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.cityscapes import InstanceIoU, cityscapes_scores
from linknet_fastai.evaluation.confusion import confusion_matrices
from linknet_fastai.images.mask import VOID

NAMES = {"class_iou": "averageScoreClasses", "class_iiou": "averageScoreInstClasses",
         "category_iou": "averageScoreCategories", "category_iiou": "averageScoreInstCategories"}


def predictions(dataset, rng) -> list[np.ndarray]:
    "The truth, moved by a few pixels, with noise."
    def prediction(path) -> np.ndarray:
        mask = np.roll(dataset.read_mask(path), 2, axis=1)
        wrong = (rng.random(mask.shape) < 0.2) | (mask == VOID)
        return np.where(wrong, rng.integers(0, len(dataset.classes), mask.shape), mask).astype(np.uint8)
    return [prediction(path) for path in dataset.split("val")["mask"]]


def our_scores(dataset, predicted) -> dict:
    rows = dataset.split("val")
    instances = InstanceIoU(dataset, [Sample(None, None, None, path) for path in rows["instances"]])
    confusion = 0
    for path, classes in zip(rows["mask"], predicted):
        classes, mask = torch.tensor(classes), torch.tensor(dataset.read_mask(path))
        confusion = confusion + confusion_matrices(classes[None], mask[None], len(dataset.classes))[0]
        instances.observe(classes, mask)
    return cityscapes_scores(confusion.numpy(), instances, dataset)


def official_scores(dataset, predicted, folder, monkeypatch) -> dict:
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)  # gone from NumPy, still in the scripts
    ids = np.array(dataset.cityscapes.ids, dtype=np.uint8)
    files = []
    for number, classes in enumerate(predicted):
        files.append(str(folder / f"{number}.png"))
        Image.fromarray(ids[classes]).save(files[-1])
    monkeypatch.setattr(official.args, "quiet", True)
    monkeypatch.setattr(official.args, "JSONOutput", False)
    return official.evaluateImgLists(files, [str(path) for path in dataset.split("val")["mask"]], official.args)


@pytest.mark.parametrize("protocol", ["cityscapes19", "cityscapes34"])
def test_the_four_scores_are_the_official_ones(cityscapes_root, protocol, tmp_path, monkeypatch):
    dataset = cityscapes(cityscapes_root, protocol)
    predicted = predictions(dataset, np.random.default_rng(1))
    ours, theirs = our_scores(dataset, predicted), official_scores(dataset, predicted, tmp_path, monkeypatch)
    for name, their_name in NAMES.items():
        assert ours[name] == pytest.approx(theirs[their_name], abs=5e-5)
        assert 0.1 < ours[name] < 0.95
    parts = ("classes", "classScores", "classInstScores"), ("categories", "categoryScores", "categoryInstScores")
    for part, iou, iiou in parts:
        for name, row in ours[part].items():
            assert row["iou"] == pytest.approx(theirs[iou][name], abs=5e-5, nan_ok=True)
            assert row["iiou"] == pytest.approx(theirs[iiou][name], abs=5e-5, nan_ok=True)


def test_a_small_instance_counts_as_much_as_a_large_one(tmp_path):
    "Two cars, of 100 and 4 pixels; the small one is missed. Weighted, half of the cars is found."
    path = draw_frame(tmp_path, "val", "munster", 0, np.random.default_rng(0))
    ids, instances = np.full((64, 128), 7, dtype=np.uint8), np.full((64, 128), 7, dtype=np.uint16)
    ids[:10, :10] = ids[20:22, :2] = 26
    instances[:10, :10], instances[20:22, :2] = 26000 + 1, 26000 + 2
    Image.fromarray(ids).save(path)
    Image.fromarray(instances).save(str(path).replace("labelIds", "instanceIds"))
    dataset = cityscapes(tmp_path)
    predicted = dataset.read_mask(path)
    predicted[20:22, :2] = 0
    scores = our_scores(dataset, [predicted])
    assert scores["classes"]["car"] == pytest.approx({"iou": 100 / 104, "iiou": 0.5})
    assert scores["class_iiou"] == scores["category_iiou"] == pytest.approx(0.5)


def test_without_instances_their_scores_are_undefined(tmp_path):
    path = draw_frame(tmp_path, "val", "munster", 0, np.random.default_rng(0))
    path.with_name(path.name.replace("labelIds", "instanceIds")).unlink()
    dataset = cityscapes(tmp_path)
    scores = our_scores(dataset, predictions(dataset, np.random.default_rng(1)))
    assert np.isnan(scores["class_iiou"]) and np.isnan(scores["category_iiou"]) and scores["class_iou"] > 0


@pytest.mark.parametrize("pixels, words", [
    (np.zeros((64, 128, 3), np.uint8) + np.uint8([1, 2, 3]), "RGB"), (np.full((64, 128), 1 << 30, np.int32), "65535"),
    (np.full((32, 64), 7, np.uint16), "32x64")])
def test_a_file_that_holds_no_instances_is_named(tmp_path, pixels, words):
    path = draw_frame(tmp_path, "val", "munster", 0, np.random.default_rng(0))
    file = path.with_name(path.name.replace("labelIds", "instanceIds"))
    Image.fromarray(pixels).save(file, "TIFF")  # PNG has no such numbers
    dataset = cityscapes(tmp_path)
    with pytest.raises(UserError, match=f"{file.name}.*{words}"):
        our_scores(dataset, predictions(dataset, np.random.default_rng(1)))
