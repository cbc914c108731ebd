"A run's labels on other data: read as they were in training, or refused; and one geometry for all."

from pathlib import Path

import numpy as np
import pytest
import torch
from folders import PALETTE, noise, save_colors, save_palette, stripes, write_folder
from PIL import Image
from short_training import undrawn

from linknet_fastai import FitOptions, Machine, Predictor, Recipe, UserError, evaluate, fit, folder
from linknet_fastai.errors import Note
from linknet_fastai.evaluation.result import read_result
from linknet_fastai.runs.run import Run

CPU = Machine(torch.device("cpu"), "fp32")
RECIPE = Recipe(encoder="test_resnet", weights="none", epochs=2, size=(64, 64), batch_size=2, lr=1e-2)
CLASSES = "ground 0 0 0\nred 200 0 0\ngreen 0 180 0\n"


def files_below(root: Path) -> set[Path]: return set(root.rglob("*"))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    root = tmp_path_factory.mktemp("trained")
    write_folder(root / "data", stripes((0, 1, 2), 6), CLASSES, save=save_colors(PALETTE))
    with undrawn(): return fit(folder(root / "data"), RECIPE, CPU, FitOptions(out=root / "run"))


def test_the_drawn_split_is_the_run_s(run):
    assert (run.path / "splits.csv").is_file() and not (Path(run.config.data) / "splits.csv").exists()
    assert evaluate(run.path, machine=CPU).protocol["images"] == 1
    noise(Path(run.config.data) / "images" / "later.png")
    Image.open(Path(run.config.data) / "masks" / "00.png").save(Path(run.config.data) / "masks" / "later.png")
    with pytest.warns(Note, match=r"1 image, such as .*later\.png, in no split of the run"):
        assert evaluate(run.path, machine=CPU).protocol["images"] == 1


def test_a_flat_test_folder_that_lacks_a_class_is_scored_whole(run, tmp_path):
    "Its masks hold two of the three classes, and no split; nothing is written into it."
    root = write_folder(tmp_path, stripes((0, 2), 5), save=save_colors(PALETTE))
    before = files_below(root)
    result = evaluate(run.path, "all", CPU, root)
    assert result.protocol["images"] == 5 and result.protocol["split"] == "all"
    assert result.scores.confusion.sum(1)[1] == 0 and result.scores.confusion.sum() == 5 * 32 * 48
    assert files_below(root) == before


def test_the_classes_are_the_run_s_whatever_is_counted(run, tmp_path):
    "Green is the run's third class, and would be the second of these masks."
    root = write_folder(tmp_path, stripes((0, 2), 5), save=save_colors(PALETTE))
    expected = np.bincount(np.concatenate([mask.ravel() for mask in stripes((0, 2), 5)]), minlength=3)
    assert evaluate(run.path, "all", CPU, root).scores.confusion.sum(1).tolist() == expected.tolist()


def test_palette_masks_of_the_run_s_colors_are_read_too(run, tmp_path):
    root = write_folder(tmp_path, stripes((0, 1, 2), 5), save=save_palette(PALETTE))
    assert evaluate(run.path, "all", CPU, root).scores.confusion.sum() == 5 * 32 * 48


def test_another_dataset_s_colors_are_refused_by_file(run, tmp_path):
    root = write_folder(tmp_path, stripes((0, 1, 2), 5), save=save_colors(((0, 0, 0), (0, 0, 200), (0, 180, 0))))
    with pytest.raises(UserError, match=r"masks/00.png.*\(0, 0, 200\)"): evaluate(run.path, "all", CPU, root)


def test_other_names_in_classes_txt_are_refused(run, tmp_path):
    swapped = "ground 0 0 0\nred 0 180 0\ngreen 200 0 0\n"
    root = write_folder(tmp_path, stripes((0, 1, 2), 5), swapped, save=save_colors(PALETTE))
    with pytest.raises(UserError, match="classes.txt"): evaluate(run.path, "all", CPU, root)


# Geometry

SHAPES = ((60, 90), (90, 60), (48, 128), (200, 100))


def mixed(root: Path, train: int, val: int) -> Path:
    "Images of four shapes, with a rectangle of class 1."
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for number in range(count):
            height, width = SHAPES[number % len(SHAPES)]
            mask = np.zeros((height, width), np.uint8)
            mask[height // 4:height // 2, width // 3:2 * width // 3] = 1
            image = mask[..., None] * 120 + rng.integers(0, 60, (height, width, 3))
            for part, pixels in (("images", image), ("masks", mask)):
                (root / split / part).mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(root / split / part / f"{number}.png")
    return root


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (64, 128)])
def test_the_score_is_that_of_the_masks_that_predict_gives_pixel_by_pixel(tmp_path, size):
    dataset = folder(mixed(tmp_path / "data", 8, 6))
    run = fit(dataset, Recipe(**vars(RECIPE) | {"size": size}), CPU, FitOptions(out=tmp_path / "run"))
    predictor, confusion = Predictor(run.path, CPU), np.zeros((2, 2), np.int64)
    for row in dataset.split("val").itertuples():
        truth, mask = dataset.read_mask(row.mask), predictor(row.image)
        assert mask.shape == truth.shape
        np.add.at(confusion, (truth, mask), 1)
    assert (read_result(run).scores.confusion == confusion).all()
    assert (evaluate(run.path, machine=CPU).scores.confusion == confusion).all()


def test_training_images_keep_their_shape_on_one_canvas(tmp_path):
    "A square stays a square: as many pixels wide as high, in every shape of image."
    from linknet_fastai import SegmentationDataLoaders
    root = mixed(tmp_path, 4, 4)
    for number, (height, width) in enumerate(SHAPES):
        mask = np.zeros((height, width), np.uint8)
        mask[10:40, 10:40] = 1
        Image.fromarray(mask).save(root / "train/masks" / f"{number}.png")
    dls = SegmentationDataLoaders.from_dataset(folder(root), RECIPE, "cpu")
    assert len({sample.image.shape for sample in dls.train.items}) == 1
    for sample, (height, width) in zip(dls.train.items, SHAPES):
        rows, columns = np.nonzero(sample.mask.numpy() == 1)
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
        assert (sample.mask != 255).sum() == pytest.approx(64 * 64, rel=0.02)
        assert np.ptp(rows) + 1 == pytest.approx(30 * (64 * 64 / (height * width)) ** 0.5, abs=1)


def test_images_of_one_shape_are_trained_as_before(tmp_path):
    from linknet_fastai import SegmentationDataLoaders
    dataset = folder(write_folder(tmp_path, stripes((0, 1), 5, 64, 96), "ground\nwall\n"))
    dls = SegmentationDataLoaders.from_dataset(dataset, Recipe(**vars(RECIPE) | {"size": (64, 96)}), "cpu")
    for sample in dls.train.items:
        assert (sample.image.permute(1, 2, 0).numpy() == np.asarray(Image.open(sample.path))).all()
