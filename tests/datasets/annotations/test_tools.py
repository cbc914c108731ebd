"What annotation tools themselves wrote gives the masks that were put into them."

from pathlib import Path

import numpy as np
import pytest

from linknet_fastai.datasets import open_dataset

from .make_exports import EXPORTS, NAMES, true_masks


def as_named(dataset, mask: np.ndarray) -> np.ndarray:
    "Indices of NAMES, whatever the dataset's order; 255 stays."
    order = np.array([*map(NAMES.index, dataset.classes), *[255] * (256 - len(dataset.classes))], dtype=np.uint8)
    return order[mask]


def far_from_border(got: np.ndarray, want: np.ndarray) -> int:
    "How many pixels have a class that none of the 3x3 around them has."
    padded = np.pad(want, 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return int((~(around == got[..., None, None]).any((-1, -2))).sum())


def exports() -> list[str]: return sorted(path.name for path in EXPORTS.iterdir())


def test_all_tools_are_there():
    assert exports() == ["coco", "datumaro_coco", "datumaro_cvat", "datumaro_voc", "label_studio", "labelme"]


@pytest.mark.parametrize("name", exports())
def test_masks_come_back(name):
    dataset = open_dataset("folder", EXPORTS / name)
    assert set(dataset.classes) == set(NAMES) and dataset.classes[0] == "background"
    assert len(dataset.table) == 2
    for row in dataset.table.itertuples():
        want, got = true_masks()[Path(row.image).stem], as_named(dataset, dataset.read_mask(row.mask))
        if name == "datumaro_cvat" and Path(row.image).stem == "first":  # slanted and round polygons
            assert far_from_border(got, want) == 0 and (got != want).mean() < 0.02
        else: np.testing.assert_array_equal(got, want)


def test_what_was_recognised_is_said():
    assert {name: open_dataset("folder", EXPORTS / name).note.split(" (")[0] for name in exports()} == {
        "coco": "found COCO JSON", "datumaro_coco": "found COCO JSON", "datumaro_cvat": "found CVAT XML",
        "datumaro_voc": "found CVAT segmentation masks", "label_studio": "found Label Studio JSON",
        "labelme": "found LabelMe JSON"}
