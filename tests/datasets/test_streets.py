"The drawn street scenes: the same for everyone, sound, not to be had by color alone, and safe to make at any time."

import multiprocessing

import numpy as np
import pytest
from few_streets import FEW, make_few
from PIL import Image

from linknet_fastai.datasets import open_dataset
from linknet_fastai.datasets.camvid import CLASSES, PALETTE
from linknet_fastai.datasets.scenery.scene import draw_street
from linknet_fastai.datasets.streets import COUNTS, IMAGES, VERSION, streets
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, np.ndarray]:
    "40 images `[40,H,W,3]` and their masks `[40,H,W]`."
    images, masks = zip(*(draw_street(seed) for seed in range(40)))
    return np.stack(images), np.stack(masks)


@pytest.fixture
def few(monkeypatch):
    for split, count in FEW.items(): monkeypatch.setitem(IMAGES, split, count)


def modified(root) -> dict:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def assert_complete(root):
    assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == [VERSION]
    for split, count in FEW.items():
        for part in ("images", "masks"): assert len(list((root / VERSION / split / part).glob("*.png"))) == count


def test_a_seed_is_a_scene():
    image, mask = draw_street(3)
    again, mask_again = draw_street(3)
    other, other_mask = draw_street(4)
    assert np.array_equal(image, again) and np.array_equal(mask, mask_again)
    assert not np.array_equal(image, other) and not np.array_equal(mask, other_mask)


@pytest.mark.parametrize("size", [(128, 160), (97, 131)])
def test_image_and_mask_have_the_size_asked_for(size):
    image, mask = draw_street(0, size)
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((*size, 3), np.uint8, size, np.uint8)


def test_masks_hold_classes_and_void(scenes):
    _, masks = scenes
    assert set(np.unique(masks)) == {*range(len(CLASSES)), VOID}


def test_every_class_is_frequent_enough_to_learn(scenes):
    _, masks = scenes
    for index, name in enumerate(CLASSES):
        assert (masks == index).mean() > .008, name
        assert ((masks == index).sum((1, 2)) > 20).mean() > .8, name
    assert .005 < (masks == VOID).mean() < .04


def test_color_alone_does_not_tell_the_class(scenes):
    "Each pixel to the class whose mean color, over the first 20 scenes, is nearest."
    (images, held_out), (masks, truth) = (np.split(part, 2) for part in scenes)
    means = np.stack([images[masks == index].mean(0) for index in range(len(CLASSES))])
    nearest = ((held_out[..., None, :] - means) ** 2).sum(-1).argmin(-1)
    known = truth != VOID
    overlap = [((nearest == index) & (truth == index)).sum() / (((nearest == index) & known) | (truth == index)).sum()
               for index in range(len(CLASSES))]
    assert np.mean(overlap) < .3


def test_the_dataset(tmp_path, few):
    dataset = streets(tmp_path)
    assert dataset.table.split.value_counts().to_dict() == FEW
    assert (dataset.name, dataset.protocol, dataset.root) == ("streets", "streets11", tmp_path)
    assert (dataset.classes, dataset.palette) == (CLASSES, PALETTE)
    assert len({path.read_bytes() for path in dataset.table.image}) == sum(FEW.values())  # no scene is in two splits
    for seed, row in enumerate(dataset.table.itertuples()):
        image, mask = draw_street(seed)
        assert np.array_equal(Image.open(row.image), image)
        assert np.array_equal(dataset.read_mask(row.mask, mask.shape), mask)


def test_two_hundred_scenes_train():
    assert IMAGES == {"train": 200, "val": 50, "test": 50}


def test_masks_show_camvid_s_colors(tmp_path, few):
    colors = np.asarray(Image.open(streets(tmp_path).table["mask"][0]).convert("RGB"))
    assert {tuple(color) for color in colors.reshape(-1, 3).tolist()} <= {*PALETTE, (0, 0, 0)}


def test_the_second_call_draws_nothing(tmp_path, few):
    streets(tmp_path)
    before = modified(tmp_path)
    streets(tmp_path)
    assert modified(tmp_path) == before


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_folder_that_lacks_some_is_named(tmp_path, few, part):
    "A cleaner of temporary files may have been there."
    streets(tmp_path)
    (tmp_path / VERSION / "train" / part / "001.png").unlink()
    with pytest.raises(UserError, match=f"{tmp_path / VERSION}: lacks 1 .*001.png.*train/{part}.*remove"):
        streets(tmp_path)


def test_it_has_what_was_drawn(tmp_path, monkeypatch):
    "Also where others are drawn now; without a note of it, those that are drawn now."
    with monkeypatch.context() as patch:
        for split, count in FEW.items(): patch.setitem(IMAGES, split, count)
        streets(tmp_path)
    assert streets(tmp_path).table.split.value_counts().to_dict() == FEW
    (tmp_path / VERSION / COUNTS).unlink()
    with pytest.raises(UserError, match="lacks 588 .*003.png of train/images"): streets(tmp_path)


def test_how_far_the_drawing_is_is_shown(tmp_path, few):
    shown = []

    def progress(items, total):
        for number, item in enumerate(items, 1):
            shown.append((number, total))
            yield item

    open_dataset("streets", tmp_path, progress=progress)
    open_dataset("streets", tmp_path, progress=progress)  # is drawn already
    assert shown == [(number, 6) for number in range(1, 7)]


def test_what_a_killed_process_left_does_no_harm(tmp_path, few):
    left = tmp_path / f".{VERSION}-killed" / VERSION / "train" / "images"
    left.mkdir(parents=True)
    (left / "000.png").write_bytes(b"half a P")
    streets(tmp_path)
    assert_complete(tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_failure_leaves_nothing_behind(tmp_path, few, monkeypatch):
    def full_disk(*_, **__): raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(UserError, match="no space left"): streets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=make_few, args=(tmp_path, barrier)) for _ in range(2)]
    for process in processes: process.start()
    for process in processes: process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert_complete(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # nothing temporary is left


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    root = tmp_path / "file"
    root.write_text("")
    with pytest.raises(UserError, match=f"{root}.*--data DIR"): streets(root)
