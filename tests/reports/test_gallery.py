"The gallery of a run: images, truth and prediction as files."

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID
from linknet_fastai.reports.gallery import SHOWN, WIDEST, Gallery

PALETTE = ((70, 130, 180), (128, 64, 128))


def test_images_and_masks_come_back(tmp_path):
    gallery = Gallery(tmp_path / "gallery")
    gallery.write_table(pd.DataFrame({"image": ["a/NA.png"], "mIoU": [0.5], "IoU IoU": [0.5], "IoU NA": [np.nan]}))
    truth, prediction = np.array([[0, 1], [VOID, 1]], dtype=np.uint8), np.zeros((2, 2), dtype=np.uint8)
    gallery.write(0, np.full((2, 2, 3), 99, dtype=np.uint8), truth, prediction, PALETTE)
    [entry] = gallery.entries()
    assert (entry.name, entry.miou, list(entry.ious)) == ("a/NA.png", 0.5, ["IoU", "NA"])
    assert entry.ious["IoU"] == 0.5 and np.isnan(entry.ious["NA"])
    for path, mask in ((entry.truth, truth), (entry.prediction, prediction)):
        assert (np.asarray(Image.open(path)) == mask).all()
    assert np.asarray(Image.open(entry.truth).convert("RGB"))[0].tolist() == [list(PALETTE[0]), list(PALETTE[1])]
    assert abs(np.asarray(Image.open(entry.image)).astype(int) - 99).max() <= 2


def test_wide_images_are_made_smaller_and_masks_stay_classes(tmp_path):
    gallery = Gallery(tmp_path)
    gallery.write_table(pd.DataFrame({"image": ["a"], "mIoU": [0.5]}))
    mask = np.repeat(np.uint8([[0, 1]]), 1000, axis=1).repeat(1000, axis=0)  # 1000x2000
    gallery.write(0, np.zeros((100, 200, 3), dtype=np.uint8), mask, mask, PALETTE)
    [entry] = gallery.entries()
    assert {Image.open(path).size for path in (entry.image, entry.truth, entry.prediction)} == {(WIDEST, WIDEST // 2)}
    assert set(np.unique(Image.open(entry.truth))) == {0, 1}


def test_the_table_has_all_images_and_the_gallery_the_worst(tmp_path):
    gallery = Gallery(tmp_path)
    names = [str(i) for i in range(SHOWN + 5)]
    gallery.write_table(pd.DataFrame({"image": names, "mIoU": np.linspace(0, 1, SHOWN + 5)}))
    assert [entry.name for entry in gallery.entries()] == names[:SHOWN]
    assert len(pd.read_csv(tmp_path / "images.csv")) == SHOWN + 5


def test_a_missing_gallery_is_named(tmp_path):
    with pytest.raises(UserError, match="images.csv"): Gallery(tmp_path).entries()
