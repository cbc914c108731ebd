"Crops of large images: where they lie, what they show, and that nothing else is read."

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from large_images import CLASSES, RED, SIZES, write_large_images
from PIL import Image

from linknet_fastai.dataloaders import rare_pixels
from linknet_fastai.dataloaders.augment import random_affine
from linknet_fastai.dataloaders.crop_dl import CropDL
from linknet_fastai.dataloaders.crops import Crops, window_size
from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.dataloaders.decode import decode_samples
from linknet_fastai.dataloaders.rare_pixels import RarePixels
from linknet_fastai.dataloaders.tiles import tile_samples
from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID
from linknet_fastai.images.tiling import Tiling
from linknet_fastai.recipes import Recipe
from linknet_fastai.training.sharding import TrainingShard

AS_IS = Recipe(crop=(64, 96), flip=False, scale=(1.0, 1.0), rotation=0.0, shear=0.0, jitter=0.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return folder(write_large_images(tmp_path_factory.mktemp("large")))


@pytest.fixture(scope="module")
def samples(dataset):
    return decode_samples(dataset, dataset.split("train"), None, for_training=True)


def test_samples_are_at_their_own_resolution_in_a_mapped_file(samples, monkeypatch):
    assert [tuple(sample.mask.shape) for sample in samples] == list(SIZES["train"])
    assert all((sample.image[0] == RED * sample.mask).all() for sample in samples)
    address = samples[0].image.data_ptr()
    ranges = [line.split(maxsplit=5) for line in open("/proc/self/maps")] if torch.os.path.exists("/proc") else []
    mapped = [line[5].strip() for line in ranges if len(line) > 5
              and int(line[0].split("-")[0], 16) <= address < int(line[0].split("-")[1], 16)]
    assert not ranges or mapped[0].endswith(".bin")


def test_a_pass_has_about_the_area_of_the_images(samples):
    "150x230 are 2x2 crops of 64x96, 64x100 is one, 200x140 are 3x1."
    assert len(Crops(samples, AS_IS, 3)) == 4 + 1 + 3


@pytest.mark.parametrize("crop", [(64, 96), (95, 127)], ids=["whole strides", "rounded down to them"])
def test_all_of_an_image_is_seen_again_and_again(samples, crop):
    crops, seen = Crops(samples[:1], replace(AS_IS, crop=crop), 3), np.zeros(SIZES["train"][0], int)
    rng, passes = random.Random(0), 100
    for center in (center for _ in range(passes) for center in crops.draw(rng)):
        name = crops.sample_at(center).path.name
        rows, columns = (slice(*map(int, part.split(":"))) for part in name[name.index("[") + 1:-1].split(","))
        seen[rows, columns] += 1
    assert seen.sum() == passes * len(crops) * 64 * 96
    assert seen.min() > passes * 0.1 and np.median(seen) > passes * 0.6  # corners are in few crops


def test_centers_follow_from_the_random_state_and_differ_from_pass_to_pass(samples):
    crops = Crops(samples, replace(AS_IS, rare_crops=0.5), 3)
    first, rng = crops.draw(random.Random(3)), random.Random(3)
    assert crops.draw(rng) == first and crops.draw(rng) != first


@pytest.mark.parametrize("number, pixel", [(0, (75, 115)), (0, (0, 0)), (0, (149, 229)), (1, (10, 50)), (2, (199, 3))])
def test_a_crop_lies_around_its_center_within_the_image(samples, number, pixel):
    crops, size = Crops(samples, AS_IS, 3), SIZES["train"][number]
    center = sum(height * width for height, width in SIZES["train"][:number]) + pixel[0] * size[1] + pixel[1]
    sample = crops.sample_at(center)
    assert sample.mask.shape == (64, 96) and (sample.image[0] == RED * sample.mask).all()
    top, left = (min(max(place + 0.5 - crop / 2, 0), length - crop)
                 for place, crop, length in zip(pixel, (64, 96), size))
    top, left = round(top), round(left)
    assert torch.equal(sample.image, samples[number].image[:, top:top + 64, left:left + 96])
    assert sample.path.name == f"{samples[number].path.name}[{top}:{top + 64},{left}:{left + 96}]"


def test_what_lies_beyond_an_image_is_mirrored_and_void(samples):
    crops = Crops(samples[1:2], replace(AS_IS, crop=(96, 96)), 3)  # of 64x100
    sample = crops.sample_at(32 * 100 + 50)
    inside, image = sample.mask[16:80], samples[1].image[:, :, 2:98]
    assert (sample.mask[:16] == VOID).all() and (sample.mask[80:] == VOID).all() and (inside != VOID).all()
    assert torch.equal(sample.image[:, 16:80], image)
    assert torch.equal(sample.image[:, :16], image[:, :16].flip(1))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_read_around_a_crop_is_all_that_it_can_show(seed):
    "The corners of a warped output lie in the window; that of the strongest warp is near its edge."
    recipe = Recipe(crop=(64, 160), scale=(0.5, 2.0), rotation=20.0, shear=0.3)
    torch.manual_seed(seed)
    warp = random_affine(2000, recipe, window_size(recipe), recipe.crop)
    warp[..., 2] = 0
    corners = torch.tensor([[x, y, 1.0] for x in (-1, 1) for y in (-1, 1)])
    reach = (warp @ corners.T).abs().amax(dim=(0, 2))
    assert (reach <= 1).all() and (reach > 0.7).all()


@pytest.mark.parametrize(("crop", "is_told"), [((250, 260), True), ((250, 200), False), ((200, 260), False)])
def test_crops_beyond_all_images_are_told(samples, recwarn, crop, is_told):
    "Of 150x230, 64x100 and 200x140; 250x260 are 224x256 in whole strides, 200x260 are 192x256."
    Crops(samples, replace(AS_IS, crop=crop), 3)
    assert [("224x256" in note and "150x230" in note and "--crop" in note)
            for note in map(str, (each.message for each in recwarn))] == [True] * is_told


def test_without_warping_no_more_is_read_than_a_crop():
    assert window_size(AS_IS) == (64, 96)


@pytest.mark.parametrize("block", [1, 1000, 1 << 20])
def test_rare_pixels_are_of_each_class_as_often(samples, block, monkeypatch):
    monkeypatch.setattr(rare_pixels, "BLOCK", block)
    rare, numbers = RarePixels(samples, 3), np.random.default_rng(0)
    drawn = [rare.draw(numbers) for _ in range(3000)]
    found = np.array([samples[number].mask.flatten()[pixel].item() for number, pixel in drawn])
    assert np.bincount(found) == pytest.approx(1000, rel=0.1)
    doors = {(number, pixel) for (number, pixel), one in zip(drawn, found) if one == 2}
    assert doors == {(number, pixel) for number, sample in enumerate(samples)
                     for pixel in np.flatnonzero(sample.mask.numpy() == 2)}


def test_that_part_of_the_crops_is_centered_on_them(samples):
    crops = Crops(samples, replace(AS_IS, rare_crops=1.0), 3)
    rng = random.Random(0)
    centers = [center for _ in range(100) for center in crops.draw(rng)]
    masks = np.concatenate([sample.mask.flatten() for sample in samples])
    assert np.bincount(masks[centers]) == pytest.approx(len(centers) / 3, rel=0.25)


def test_tiles_have_each_pixel_once(dataset):
    samples = decode_samples(dataset, dataset.split("val"), None)
    tiles = tile_samples(samples, Tiling((64, 96)))
    for sample in samples:
        own = [tile for tile in tiles if tile.sample is sample]
        counted = np.zeros(tuple(sample.mask.shape), int)
        for tile in own:
            rows, columns = slice(*tile.rows), slice(*tile.columns)
            assert torch.equal(tile.image, sample.image[:, rows, columns])
            known = tile.mask != VOID
            assert torch.equal(tile.mask[known], sample.mask[rows, columns][known])
            counted[rows, columns] += known.numpy()
        assert (counted == 1).all()
    assert {tile.sizes[0] for tile in tiles if tile.sample is samples[0]} == {(64, 96)}


def test_batches_are_crops_and_validation_is_tiles(dataset):
    dls = SegmentationDataLoaders.from_dataset(dataset, replace(AS_IS, batch_size=3), "cpu")
    images, masks = dls.one_batch()
    assert images.shape == (3, 3, 64, 96) and masks.shape == (3, 64, 96) and len(dls.train) == 8 // 3
    assert isinstance(dls.train, CropDL) and not isinstance(dls.valid, CropDL)
    red = dls.decode((images, masks))[0][:, 0].float()
    assert (red[masks < 3] - RED * masks[masks < 3].float()).abs().max() < 2
    assert sum((masks < 3).sum() for _, masks in dls.valid) == sum(height * width for height, width in SIZES["val"])
    assert [tuple(sample.mask.shape) for sample in dls.scored.items] == list(SIZES["val"])
    assert dls.scored.tiling.size == (512, 512) and dls.valid.tiling is None


def test_warped_crops_keep_image_and_mask_together(dataset):
    recipe = Recipe(crop=(64, 64), jitter=0.0, batch_size=8)
    dls = SegmentationDataLoaders.from_dataset(dataset, recipe, "cpu")
    images, masks = dls.one_batch()
    red = dls.decode((images, masks))[0][:, 0].float()
    highest, lowest = (sign * F.max_pool2d(sign * masks.float(), 5, 1, 2) for sign in (1, -1))
    chosen = (highest == lowest) & (masks < 3)  # not near borders, where images are blended
    agrees = (red - RED * masks)[chosen].abs() < 3
    assert chosen.sum() > 5000 and agrees.float().mean() > 0.998  # a sliver of a pixel may be in the image alone


def test_a_pass_goes_on_with_the_crops_that_are_left(dataset):
    dls = SegmentationDataLoaders.from_dataset(dataset, replace(AS_IS, batch_size=2), "cpu")
    train = dls.train
    state = train.rng.getstate()
    whole = [masks for _, masks in train]
    train.rng.setstate(state)
    train.begin_at(4, lambda: None)
    rest = [masks for _, masks in train]
    assert len(rest) == len(whole) - 2
    assert all(torch.equal(one, other) for one, other in zip(rest, whole[2:]))


def test_several_processes_share_a_pass(dataset):
    train = SegmentationDataLoaders.from_dataset(dataset, replace(AS_IS, batch_size=4), "cpu").train
    shards = [TrainingShard(train.new(bs=2), rank, 2) for rank in (0, 1)]
    centers = train.get_idxs()
    parts = [shard.rank_indices(centers) for shard in shards]
    assert sorted(parts[0] + parts[1]) == sorted(centers) and [len(shard) for shard in shards] == [2, 2]


def test_training_images_in_order_are_whole(dataset):
    ordered = SegmentationDataLoaders.from_dataset(dataset, AS_IS, "cpu").train.in_order()
    assert sum((masks < 3).sum() for _, masks in ordered) == sum(height * width for height, width in SIZES["train"])


def test_class_frequencies_are_of_whole_masks(dataset, samples):
    dls = SegmentationDataLoaders.from_dataset(dataset, AS_IS, "cpu")
    counts = np.bincount(np.concatenate([sample.mask.flatten() for sample in samples]), minlength=len(CLASSES))
    assert dls.class_frequencies == pytest.approx(counts / counts.sum())


@pytest.mark.parametrize("settings, named", [(dict(crop=(64, 64), size=(64, 64)), "--crop"),
                                             (dict(rare_crops=0.5), "--crop"), (dict(crop=(32, 64)), "32"),
                                             (dict(crop=(64, 64), rare_crops=1.5), "1.5")])
def test_settings_that_don_t_go_together_are_named(settings, named):
    with pytest.raises(UserError, match=named): Recipe(**settings)


def test_images_that_are_read_by_rows_are_decoded_alike(dataset, monkeypatch):
    rows = dataset.split("train").copy()
    for number, image in enumerate(rows["image"]):
        Image.open(dataset.inside(image)).save(dataset.root / f"{number}.tif")
    rows["image"] = [dataset.root / f"{number}.tif" for number in range(len(rows))]
    expected = [sample.image.clone() for sample in decode_samples(dataset, dataset.split("train"), None)]
    monkeypatch.setattr("linknet_fastai.images.format.is_large_tiff", lambda path: True)
    found = [sample.image for sample in decode_samples(dataset, rows, None)]
    assert all(map(torch.equal, found, expected))


def test_a_mask_that_is_too_large_to_be_read_at_once_is_named(dataset, monkeypatch):
    path = dataset.root / "mask.tif"
    Image.fromarray(np.zeros((100, 100), np.uint8)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"mask\.tif.*mask"): dataset.read_mask(path, size=(100, 100))
