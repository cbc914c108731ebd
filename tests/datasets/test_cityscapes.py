"Cityscapes, made as its official scripts make it."

import numpy as np
import pytest
from cityscapes_frames import HEIGHT, WIDTH, draw_frame
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling
from cityscapesscripts.helpers import labels as official
from PIL import Image

from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.cityscapes import INSTANCE_SIZES, LABELS, cityscapes
from linknet_fastai.errors import UserError


def test_the_labels_are_the_official_ones():
    ours = [(label.name, label.id, label.category, not label.scored, label.color) for label in LABELS]
    assert ours == [(label.name, label.id, label.category, label.ignoreInEval, label.color)
                    for label in official.labels if label.id >= 0]
    assert INSTANCE_SIZES == evalPixelLevelSemanticLabeling.args.avgClassSize


def test_the_frames(cityscapes_root):
    dataset = cityscapes(cityscapes_root)
    assert dataset.table.split.value_counts().to_dict() == {"train": 4, "val": 3, "test": 2}
    result = check(dataset)
    assert result.problems.empty and result.splits.masks.to_dict() == {"train": 4, "val": 3, "test": 0}
    assert (dataset.protocol, len(dataset.classes), dataset.defaults["size"]) == ("cityscapes19", 19, (512, 1024))


def test_nineteen_classes_are_those_of_labelTrainIds(cityscapes_root):
    dataset = cityscapes(cityscapes_root)
    assert dataset.classes == tuple(official.trainId2label[index].name for index in range(19))
    assert dataset.palette == tuple(official.trainId2label[index].color for index in range(19))
    for path in dataset.table["mask"].dropna():
        train_ids = np.asarray(Image.open(str(path).replace("labelIds", "labelTrainIds")))
        assert np.array_equal(dataset.read_mask(path), train_ids)
        assert len(np.unique(train_ids)) > 15  # void and many classes


def test_thirty_four_classes_are_the_ids(cityscapes_root):
    dataset = cityscapes(cityscapes_root, "cityscapes34")
    path = dataset.table["mask"][0]
    assert np.array_equal(dataset.read_mask(path), np.asarray(Image.open(path)))
    assert len(dataset.classes) == len(dataset.palette) == 34


def test_a_licence_plate_is_void(tmp_path):
    draw_frame(tmp_path, "train", "aachen", 0, np.random.default_rng(0))
    for protocol in ("cityscapes19", "cityscapes34"):
        dataset = cityscapes(tmp_path, protocol)
        Image.new("L", (WIDTH, HEIGHT), 255).save(dataset.table["mask"][0])
        assert (dataset.read_mask(dataset.table["mask"][0]) == 255).all()


def test_test_images_cannot_be_scored(cityscapes_root):
    with pytest.raises(UserError, match="test images of cityscapes"): cityscapes(cityscapes_root).split("test")


def test_a_frame_without_its_mask_is_named(tmp_path):
    draw_frame(tmp_path, "train", "aachen", 0, np.random.default_rng(0)).unlink()
    [problem] = check(cityscapes(tmp_path)).problems.problem
    assert "aachen_000000_000019_gtFine_labelIds.png: there is no such file" in problem


def test_without_the_data_the_message_says_where_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"www\.cityscapes-dataset\.com.*--data DIR"): open_dataset("cityscapes")
    with pytest.raises(UserError, match=f"{tmp_path}: .*leftImg8bit"): cityscapes(tmp_path)
    with pytest.raises(UserError, match="cityscapes19, cityscapes34"): cityscapes(tmp_path, "cityscapes20")
