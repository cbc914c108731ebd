"Masks as polygons, and back."

import numpy as np
import pytest
from outlined import draw, is_within_a_pixel, masks

from linknet_fastai.deploy.annotations import simplify
from linknet_fastai.deploy.annotations.outlines import shoelace
from linknet_fastai.deploy.annotations.polygons import regions, regions_in_parts

MASKS = masks()
WAYS = {
    "outer, larger first": lambda mask: [(region.index, region.polygons[:1]) for region in regions(mask)],
    "with holes": lambda mask: [(region.index, region.polygons) for region in reversed(regions(mask))],
    "in parts": lambda mask: [(region.index, [part]) for region in regions_in_parts(mask) for part in region.polygons]}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
class TestRoundTrip:
    def test_unsimplified_polygons_give_the_mask(self, mask, way, monkeypatch):
        monkeypatch.setattr(simplify, "TOLERANCE", 0)
        np.testing.assert_array_equal(draw(way(mask), mask.shape), mask)

    def test_polygons_give_the_mask_but_for_a_pixel_at_borders(self, mask, way):
        assert is_within_a_pixel(mask, draw(way(mask), mask.shape))


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_areas_and_boxes_are_those_of_the_pixels(mask):
    for found in (regions(mask), regions_in_parts(mask)):
        for index in np.unique(mask):
            assert sum(region.area for region in found if region.index == index) == (mask == index).sum()
        assert all(region.box[2] * region.box[3] >= region.area > 0 for region in found)


def test_a_region_is_its_outline_clockwise_and_its_holes_counterclockwise():
    outer, *inner = regions(MASKS["hole"])[1].polygons
    assert outer.tolist() == [[4, 4], [20, 4], [20, 16], [4, 16]]
    assert shoelace(outer) == 12 * 16 and sorted(map(shoelace, inner)) == [-4 * 6, -2 * 2]


def test_parts_have_no_holes_and_do_not_overlap():
    mask = MASKS["blocks"]
    count = np.zeros(mask.shape, dtype=int)
    for region in regions_in_parts(mask):
        for part in region.polygons:
            assert shoelace(part) > 0
            count += draw([(1, [part])], mask.shape, 0)
    assert (count == 1).all()


def test_regions_that_touch_at_a_corner_are_two():
    assert [region.area for region in regions(MASKS["touching"]) if region.index == 1] == [16, 16]


def test_islands_of_a_pixel_are_kept():
    drawn = draw(WAYS["outer, larger first"](MASKS["island"]), (20, 24))
    np.testing.assert_array_equal(drawn, MASKS["island"])


def test_slopes_have_few_corners():
    "A triangle whose long side is a stair of 40 steps."
    mask = np.tri(40, dtype=np.uint8)
    assert max(len(region.polygons[0]) for region in regions(mask)) < 8


def test_neighbours_share_their_border():
    drawn = draw(WAYS["in parts"](MASKS["round"]), MASKS["round"].shape, 254)
    assert (drawn != 254).all()


def test_thousands_of_holes_in_a_row_are_one_region_s():
    mask = np.zeros((3, 5001), dtype=np.uint8)
    mask[1, 1::2] = 1
    mask[1, -1] = 0
    assert len(regions(mask)[0].polygons) == 1 + 2500
    assert regions_in_parts(mask)[0].area == mask.size - 2500
