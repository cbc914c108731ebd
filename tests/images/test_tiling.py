"Tiles cover an image without seams, whatever its size."

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from linknet_fastai.errors import UserError
from linknet_fastai.images import tiling
from linknet_fastai.images.tiling import TileOptions, Tiling, blend, blended_classes, spans, weights

lengths, tiles, overlaps = st.integers(1, 3000), st.integers(64, 700), st.floats(0, 0.75)


@settings(max_examples=200, deadline=None)
@given(lengths, tiles, overlaps)
def test_spans_cover_a_length_at_whole_strides(length, tile, overlap):
    found = spans(length, tile, overlap)
    assert found[0][0] == 0 and found[-1][1] == length
    assert all(start % 32 == 0 and stop - start <= tile for start, stop in found)
    assert all(stop - start == min(tile, length) for start, stop in found[:-1])
    for (start, stop), (following, _) in zip(found, found[1:]):
        assert start < following <= stop and stop - following >= int(tile * overlap) - 31 * (overlap > 0)


@settings(max_examples=200, deadline=None)
@given(lengths, tiles, overlaps)
def test_weights_are_1_in_sum_everywhere(length, tile, overlap):
    total = np.zeros(length)
    found = spans(length, tile, overlap)
    for (start, stop), weight in zip(found, weights(found, int(tile * overlap))): total[start:stop] += weight
    assert np.abs(total - 1).max() < 1e-5


def test_weights_by_hand():
    "Tiles of 64 that share 32: the outermost 8 places are left to the other tile, the 16 between are a ramp."
    first, second = weights([(0, 64), (32, 96)], 32)
    assert (first[:40] == 1).all() and (first[56:] == 0).all() and (second[:8] == 0).all() and (second[24:] == 1).all()
    place = np.array([0.5, 8.5, 15.5]) / 16
    assert second[[8, 16, 23]] == pytest.approx(3 * place**2 - 2 * place**3)


def numpy_model(model: nn.Module):
    "As `blend` takes one."
    @torch.inference_mode()
    def logits_of(pixels): return model(torch.tensor(pixels).permute(0, 3, 1, 2).float()).numpy()
    return logits_of


def whole(pixels, tiling, model, num_classes, batch_size=1) -> np.ndarray:
    found = np.full((num_classes, *pixels.shape[:2]), np.nan, np.float32)
    for rows, columns, logits in blend(pixels, tiling, model, num_classes, batch_size):
        assert np.isnan(found[:, rows, columns]).all()  # each pixel once
        found[:, rows, columns] = logits
    return found


@pytest.mark.parametrize("size", [(300, 500), (64, 64), (20, 333), (130, 97)])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_shift_invariant_model_gives_the_same_as_of_the_whole_image(size, batch_size):
    "Three convolutions see 3 pixels far: at a tile's edge they see its padding, which the weights leave out."
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
                          nn.Conv2d(8, 5, 3, padding=1))
    logits_of = numpy_model(model)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = logits_of(pixels[None])[0]
    found = whole(pixels, Tiling((96, 128)), logits_of, 5, batch_size)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_model_of_stride_32_sees_the_same_grid_in_every_tile():
    "Each pixel's logits are of the upper left corner of its 32x32 cell: they differ wherever a tile begins elsewhere."
    def logits_of(pixels):
        corners = pixels[:, ::32, ::32, :2].repeat(32, 1).repeat(32, 2)[:, :pixels.shape[1], :pixels.shape[2]]
        return np.moveaxis(corners, -1, 1).astype(np.float32)
    pixels = np.random.default_rng(0).integers(0, 256, (411, 307, 3), dtype=np.uint8)
    assert np.allclose(whole(pixels, Tiling((128, 96)), logits_of, 2), logits_of(pixels[None])[0], atol=1e-3)


@pytest.mark.parametrize("band", [1, 20_000, 50_000, 1 << 27])
def test_blocks_of_columns_change_nothing(band, monkeypatch):
    "Many classes on a wide image: a band of all its columns would take too much memory."
    torch.manual_seed(0)
    logits_of = numpy_model(nn.Conv2d(3, 7, 1))
    pixels = np.random.default_rng(0).integers(0, 256, (200, 900, 3), dtype=np.uint8)
    expected = whole(pixels, Tiling((64, 64)), logits_of, 7)
    monkeypatch.setattr(tiling, "BAND", band)
    parts = [columns for _, columns, _ in blend(pixels, Tiling((64, 64)), logits_of, 7)]
    assert len(set(map(str, parts))) > 1 or band > 1 << 20
    assert np.allclose(whole(pixels, Tiling((64, 64)), logits_of, 7), expected, atol=1e-3)


def test_rows_are_taken_from_the_top_to_the_bottom_and_not_all_at_once():
    class Rows:
        shape, taken = (1000, 100, 3), []

        def __getitem__(self, rows):
            self.taken.append(rows)
            return np.zeros((rows.stop - rows.start, 100, 3), np.uint8)
    rows = Rows()
    blended_classes(rows, Tiling((128, 128)), lambda pixels: np.zeros((len(pixels), 2, *pixels.shape[1:3])), 2)
    assert [each.start for each in rows.taken] == sorted(each.start for each in rows.taken)
    assert max(each.stop - each.start for each in rows.taken) == 128


def test_classes_are_the_likeliest():
    pixels = np.random.default_rng(0).integers(0, 256, (150, 170, 3), dtype=np.uint8)
    def logits_of(tiles): return np.moveaxis(tiles, -1, 1).astype(np.float32)
    assert (blended_classes(pixels, Tiling((64, 64)), logits_of, 3) == pixels.argmax(-1)).mean() > 0.999  # but for ties


@pytest.mark.parametrize("words, named", [(((32, 512),), "32x512"),
                                          (((512, 512), 0.9), "0.9"), (((512, 512), -0.1), "-0.1")])
def test_tiles_that_can_t_be_are_named(words, named):
    with pytest.raises(UserError, match=named): Tiling(*words)


def test_a_model_suggests_its_tiles():
    assert TileOptions().tiling(None) is None
    assert TileOptions().tiling((256, 640)) == Tiling((512, 640))
    assert TileOptions((96, 64)).tiling(None) == Tiling((96, 64))
    assert TileOptions(overlap=0.5).tiling((600, 600)) == Tiling((600, 600), 0.5)
    with pytest.raises(UserError, match="--tile"): TileOptions(overlap=0.5).tiling(None)
