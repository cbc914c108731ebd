"Where an image's pixels go is read off ramps: an image whose red is the column and whose green is the row."

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from fastai.torch_core import TensorImage, TensorMask
from torch import Tensor

from linknet_fastai.dataloaders.augment import Augment, random_affine, sample_images, sample_masks, whole_strides
from linknet_fastai.images.mask import VOID
from linknet_fastai.recipes import RECIPES, Recipe

NEUTRAL = Recipe(flip=False, scale=(1, 1), rotation=0, shear=0, jitter=0)
WILD = Recipe(flip=True, scale=(0.5, 2), rotation=40, shear=0.4, jitter=0)


def augmented(recipe: Recipe, images: Tensor, masks: Tensor, size: tuple[int, int],
              seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return Augment(recipe, size)((TensorImage(images), TensorMask(masks)), split_idx=0)


def ramps(batch: int, height: int, width: int) -> Tensor:
    "Images `[B,3,H,W]`: red is column/W, green row/H."
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns / width, rows / height, torch.zeros(height, width)]).repeat(batch, 1, 1, 1)


def rows_and_columns(images: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    "Where each pixel of an augmented ramp came from, in pixels."
    return images[:, 1] * height, images[:, 0] * width


def noise(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return (torch.rand(batch, 3, height, width, generator=generator),
            torch.randint(0, 11, (batch, height, width), generator=generator))


def centre_of(weights: Tensor) -> tuple[float, float]:
    "(x, y) of the centre of mass, from the image's centre."
    height, width = weights.shape
    x, y = torch.arange(width) - (width - 1) / 2, torch.arange(height) - (height - 1) / 2
    return float((weights.sum(0) * x).sum() / weights.sum()), float((weights.sum(1) * y).sum() / weights.sum())


def in_pixels(warp: Tensor, height: int, width: int) -> Tensor:
    "`affine_grid`'s matrices, whose axes run from -1 to 1, with axes in pixels, `[n,2,2]`."
    aspect = width / height
    return warp[:, :, :2] * torch.tensor([[1, aspect], [1 / aspect, 1]])


def test_nothing_changes_where_nothing_is_asked_for():
    images, masks = noise(4, 24, 40)
    masks[:, 5:9, 7:20] = VOID
    new_images, new_masks = augmented(NEUTRAL, images, masks, (24, 40))
    assert torch.equal(new_masks.as_subclass(Tensor), masks)
    torch.testing.assert_close(new_images.as_subclass(Tensor), images, rtol=0, atol=1e-5)
    assert torch.equal((new_images * 255).round().as_subclass(Tensor), (images * 255).round())


def test_validation_batches_are_left_alone():
    images, masks = noise(2, 24, 40)
    new_images, new_masks = Augment(WILD, (16, 16))((images, masks), split_idx=1)
    assert torch.equal(new_images, images) and torch.equal(new_masks, masks)


def test_gives_fastai_s_types():
    images, masks = augmented(WILD, *noise(2, 24, 40), (16, 32))
    assert isinstance(images, TensorImage) and isinstance(masks, TensorMask)


@pytest.mark.parametrize("seed", range(3))
def test_image_and_mask_move_together(seed):
    "Masks of column and row indices say for each pixel where the nearest neighbour was; ramps where the bilinear one."
    height, width, size = 40, 56, (32, 48)
    images = ramps(8, height, width)
    views, _ = augmented(WILD, images, torch.zeros(8, height, width, dtype=torch.uint8), size, seed)
    rows, columns = rows_and_columns(views, height, width)
    by_column = torch.arange(width, dtype=torch.uint8).expand(8, height, width)
    by_row = torch.arange(height, dtype=torch.uint8)[:, None].expand(8, height, width)
    for mask, source in ((by_column, columns), (by_row, rows)):
        found = augmented(WILD, images, mask, size, seed)[1].as_subclass(Tensor)
        inside = found != VOID
        assert 0.2 < inside.float().mean() < 1  # something is seen, and something is not
        assert (found.float() - source)[inside].abs().max() <= 0.5 + 1e-3


def test_flip_mirrors_image_and_mask_of_about_half_the_images():
    images, masks = noise(32, 8, 12)
    views = augmented(replace(NEUTRAL, flip=True), images, masks, (8, 12))
    new_images, new_masks = (t.as_subclass(Tensor) for t in views)
    mirrored = [not torch.equal(new, old) for new, old in zip(new_masks, masks)]
    assert 8 <= sum(mirrored) <= 24
    for i, flipped in enumerate(mirrored):
        assert torch.equal(new_masks[i], masks[i].flip(-1) if flipped else masks[i])
        torch.testing.assert_close(new_images[i], images[i].flip(-1) if flipped else images[i], rtol=0, atol=1e-5)


def test_a_quarter_turn_is_exact():
    "The output's (x, y) is taken from the input's (-y, x): a turn by 90 degrees against the clock as rows run down."
    images, masks = noise(2, 16, 16)
    grid = F.affine_grid(torch.tensor([[0., -1, 0], [1, 0, 0]]).repeat(2, 1, 1), [2, 1, 16, 16], align_corners=False)
    assert torch.equal(sample_masks(masks, grid), masks.rot90(1, (1, 2)))
    torch.testing.assert_close(sample_images(images, grid), images.rot90(1, (2, 3)), rtol=0, atol=1e-5)


def test_rotation_turns_a_known_pixel_about_the_centre():
    height, width, recipe = 48, 64, replace(NEUTRAL, rotation=30)
    images, masks = torch.zeros(8, 3, height, width), torch.zeros(8, height, width, dtype=torch.uint8)
    images[:, :, 10:15, 42:47], masks[:, 10:15, 42:47] = 1, 1
    x, y = 44 - 31.5, 12 - 23.5  # that block's centre, from the image's
    torch.manual_seed(4)
    matrices = in_pixels(random_affine(8, recipe, (height, width), (height, width)), height, width)
    images, masks = augmented(recipe, images, masks, (height, width), seed=4)
    angles = [math.atan2(matrix[1, 0], matrix[0, 0]) for matrix in matrices]
    assert math.radians(15) < max(map(abs, angles)) <= math.radians(30) and min(angles) < 0 < max(angles)
    for image, mask, matrix, angle in zip(images, masks, matrices, angles):
        cos, sin = math.cos(angle), math.sin(angle)
        torch.testing.assert_close(matrix, torch.tensor([[cos, -sin], [sin, cos]]))  # turned, not stretched
        expected = (cos * x + sin * y, -sin * x + cos * y)  # the matrix leads back: its inverse leads here
        assert centre_of(image[0]) == pytest.approx(expected, abs=0.1)
        assert centre_of((mask == 1).float()) == pytest.approx(expected, abs=0.5)


def test_shear_moves_a_row_by_a_part_of_its_height():
    height, width, recipe = 48, 64, replace(NEUTRAL, shear=0.3)
    views, _ = augmented(recipe, ramps(8, height, width), torch.zeros(8, height, width), (height, width))
    rows, columns = rows_and_columns(views, height, width)
    torch.testing.assert_close(rows[0], torch.arange(height)[:, None].expand(height, width).float(), rtol=0, atol=1e-3)
    steps = (columns[:, 30, 32] - columns[:, 20, 32]) / 10  # in columns a row
    assert steps.min() < -0.1 and steps.max() > 0.1 and steps.abs().max() <= 0.3
    torch.testing.assert_close(columns[:, 24, 32] - columns[:, 23, 32], steps, rtol=0, atol=1e-3)


def test_zoom_lies_between_its_bounds_and_halves_as_often_as_it_doubles():
    torch.manual_seed(0)
    warp = random_affine(2000, replace(NEUTRAL, scale=(0.5, 2)), (40, 40), (40, 40))
    zoom = 1 / warp[:, 0, 0]
    torch.testing.assert_close(warp[:, 0, 0], warp[:, 1, 1])
    assert 0.5 <= zoom.min() < 0.52 and 1.9 < zoom.max() <= 2
    assert 0.45 < (zoom > 1).float().mean() < 0.55


def test_zoomed_in_a_pixel_is_twice_as_large_and_no_void_is_seen():
    images, masks = augmented(replace(NEUTRAL, scale=(2, 2)), ramps(4, 32, 48), torch.zeros(4, 32, 48), (32, 48))
    rows, columns = rows_and_columns(images, 32, 48)
    assert (columns[:, :, 30] - columns[:, :, 10]).flatten().tolist() == pytest.approx([10.0] * 4 * 32, abs=1e-3)
    assert (rows[:, 25] - rows[:, 5]).flatten().tolist() == pytest.approx([10.0] * 4 * 48, abs=1e-3)
    assert not masks.any()


def test_what_comes_from_outside_is_void_and_in_the_image_mirrored():
    "Zoomed out by two, the whole image covers a quarter of the output."
    height, width = 32, 48
    images, masks = torch.full((8, 3, height, width), 0.5), torch.ones(8, height, width, dtype=torch.uint8)
    images, masks = augmented(replace(NEUTRAL, scale=(0.5, 0.5)), images, masks, (height, width))
    assert set(masks.unique().tolist()) == {1, VOID}
    for mask in masks == 1:
        assert sorted(set(mask.sum(1).tolist())) == [0, 24] and sorted(set(mask.sum(0).tolist())) == [0, 16]
    torch.testing.assert_close(images.as_subclass(Tensor), torch.full_like(images, 0.5).as_subclass(Tensor))


def test_masks_hold_the_values_they_held_and_void():
    "Classes aren't blended: between 2 and 7 there is no 4."
    images, masks = noise(8, 40, 56)
    masks = torch.where(masks > 5, 7, 2).to(torch.uint8)
    for seed in range(4):
        values = set(augmented(WILD, images, masks, (32, 64), seed)[1].unique().tolist())
        assert values == {2, 7, VOID}


def test_void_stays_void():
    images, masks = noise(2, 24, 24)
    assert (augmented(WILD, images, torch.full_like(masks, VOID), (24, 24))[1] == VOID).all()


def test_a_smaller_output_is_a_random_crop():
    height, width, size = 40, 64, (32, 32)
    masks = torch.arange(width).expand(8, height, width)
    images, masks = augmented(NEUTRAL, ramps(8, height, width), masks, size)
    rows, columns = rows_and_columns(images, height, width)
    expected = torch.arange(32.0)
    for row, column, mask in zip(rows, columns, masks.as_subclass(Tensor)):
        torch.testing.assert_close(column - column[0, 0], expected.expand(32, 32), rtol=0, atol=1e-3)
        torch.testing.assert_close(row - row[0, 0], expected[:, None].expand(32, 32), rtol=0, atol=1e-3)
        assert (mask - column).abs().max() <= 0.5 + 1e-3
    assert 0 <= columns.min() and columns.max() <= width - 1 and rows.max() <= height - 1
    assert columns[:, 0, 0].max() - columns[:, 0, 0].min() > 10 and rows[:, 0, 0].max() - rows[:, 0, 0].min() > 2


@pytest.mark.parametrize("size", [(32, 32), (33, 61), (40, 64)])
@pytest.mark.parametrize("recipe", [RECIPES["paper"], replace(RECIPES["segnet"], flip=True)], ids=["paper", "mirrored"])
def test_images_as_they_are_stay_sharp(recipe, size):
    "Each output is, byte by byte, a crop of its input, or of its mirror image; the mask's, too."
    images, masks = noise(16, 40, 64)
    images = (images * 255).round()
    views, view_masks = augmented(recipe, images / 255, masks, size)
    views, view_masks = (views * 255).round().as_subclass(Tensor), view_masks.as_subclass(Tensor)
    for image, mask, view, view_mask in zip(images, masks, views, view_masks):
        crops = [(image[:, rows, columns].flip(dims), mask[rows, columns].flip(dims))
                 for rows in spans(40, size[0]) for columns in spans(64, size[1])
                 for dims in ([(), (-1,)] if recipe.flip else [()])]
        assert any(torch.equal(view, crop) and torch.equal(view_mask, crop_mask) for crop, crop_mask in crops)


def spans(length: int, part: int) -> list[slice]: return [slice(i, i + part) for i in range(length - part + 1)]


def test_each_crop_is_as_likely():
    "A row of 6 pixels has 4 crops of 3."
    masks = torch.arange(6).expand(4000, 32, 6)
    first = augmented(NEUTRAL, torch.zeros(4000, 1, 32, 6), masks, (32, 3))[1][:, 0, 0].as_subclass(Tensor)
    assert (first.bincount(minlength=4) / 4000).tolist() == pytest.approx([0.25] * 4, abs=0.03)


def test_training_crops_are_whole_strides():
    assert whole_strides((360, 480)) == (352, 480)
    assert whole_strides((64, 64)) == (64, 64)


def test_the_same_seed_gives_the_same_batch_and_another_another():
    recipe, (images, masks) = replace(WILD, jitter=0.3), noise(4, 24, 40)
    first, again, other = (augmented(recipe, images, masks, (24, 32), seed) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0]) and not torch.equal(first[1], other[1])


def test_each_image_of_a_batch_gets_its_own_view():
    image, mask = noise(1, 24, 40)
    images, _ = augmented(WILD, image.repeat(4, 1, 1, 1), mask.repeat(4, 1, 1), (24, 40))
    assert all(not torch.equal(images[i], images[j]) for i in range(4) for j in range(i))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_masks_keep_their_dtype(dtype):
    images, masks = noise(4, 24, 40)
    found = augmented(WILD, images, masks.to(dtype), (24, 32))[1]
    assert found.dtype == dtype
    assert found.tolist() == augmented(WILD, images, masks, (24, 32))[1].tolist()
    assert VOID in found


def test_jitter_changes_brightness_and_contrast_by_no_more_than_asked():
    "Halves of 0.4 and 0.6: their mean gives the brightness, their difference the contrast."
    images = torch.full((64, 3, 8, 8), 0.4)
    images[..., 4:] = 0.6
    masks = torch.arange(64).view(1, 8, 8).repeat(64, 1, 1)
    changed, same = augmented(replace(NEUTRAL, jitter=0.2), images, masks, (8, 8))
    dark, light = changed[:, 0, 0, 0], changed[:, 0, 0, -1]
    brightness, contrast = (light + dark) / 1.0 - 1, (light - dark) / 0.2 - 1
    for change in (brightness, contrast):
        assert change.abs().max() <= 0.2 + 1e-4 and change.min() < -0.1 and change.max() > 0.1
    assert torch.corrcoef(torch.stack([brightness, contrast]))[0, 1].abs() < 0.4
    assert torch.equal(same.as_subclass(Tensor), masks)


def test_jitter_stays_between_black_and_white():
    images, masks = noise(8, 8, 8)
    changed = augmented(replace(NEUTRAL, jitter=0.9), images, masks, (8, 8))[0]
    assert changed.min() == 0 and changed.max() == 1
