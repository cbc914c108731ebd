"The drawn city from above: the same for everyone, exact, at one scale whatever its size, and with rare cars."

import numpy as np
import pytest
from scipy import ndimage

from linknet_fastai.datasets.scenery.aerial import CAR, ROAD
from linknet_fastai.datasets.scenery.city import CITY_CLASSES, CITY_PALETTE, draw_city
from linknet_fastai.images.mask import VOID


@pytest.fixture(scope="module")
def cities() -> list[tuple[np.ndarray, np.ndarray]]:
    return [draw_city(seed, (1024, 1024)) for seed in range(4)]


def whole_cars(mask: np.ndarray) -> np.ndarray:
    "The areas in pixels of the patches of cars that don't touch the image's border."
    patches, _ = ndimage.label(mask == CAR)
    border = np.concatenate([patches[0], patches[-1], patches[:, 0], patches[:, -1]])
    return np.delete(np.bincount(patches.ravel()), np.unique(np.append(border, 0)))


def test_a_seed_is_a_city():
    image, mask = draw_city(3, (512, 512))
    again, mask_again = draw_city(3, (512, 512))
    other, other_mask = draw_city(4, (512, 512))
    assert np.array_equal(image, again) and np.array_equal(mask, mask_again)
    assert not np.array_equal(image, other) and not np.array_equal(mask, other_mask)


@pytest.mark.parametrize("size", [(256, 256), (257, 401), (611, 300)])
def test_image_and_mask_have_the_size_asked_for(size):
    image, mask = draw_city(0, size)
    assert (image.shape, image.dtype, mask.shape, mask.dtype) == ((*size, 3), np.uint8, size, np.uint8)


def test_each_city_has_every_class_and_nothing_else_but_void(cities):
    assert len(CITY_CLASSES) == len(CITY_PALETTE) == 6
    for _, mask in cities: assert {*range(6)} <= {*np.unique(mask)} <= {*range(6), VOID}
    assert any((mask == VOID).any() for _, mask in cities)


def test_cars_are_rare(cities):
    for _, mask in cities: assert .0005 < (mask == CAR).mean() < .01


@pytest.mark.slow
def test_a_smaller_image_shows_things_at_the_same_scale():
    small = np.concatenate([whole_cars(draw_city(seed, (512, 512))[1]) for seed in range(3)])
    large = whole_cars(draw_city(0, (2048, 2048))[1])
    assert np.median(small) == pytest.approx(220, rel=.15)  # 4.4 m by 2.0 m at 5 pixels a metre
    assert np.median(large) == pytest.approx(220, rel=.15)


def test_a_car_stands_out_from_its_road(cities):
    "Over all cars on roads: their pixels beside the road within 6 pixels around them."
    differences = []
    for image, mask in cities:
        patches, count = ndimage.label(mask == CAR)
        for number in range(1, count + 1):
            near = ndimage.binary_dilation(patches == number, iterations=6) & (mask == ROAD)
            if near.sum() < 200: continue
            differences.append(np.abs(image[patches == number] - image[near].mean(0)).mean())
    assert len(differences) > 30
    assert np.min(differences) > 8 and np.median(differences) > 25


def test_borders_of_the_mask_are_edges_of_the_image(cities):
    "Colors differ most across the mask's borders where it is, and less where it is shifted, to the pixel."
    def contrast(image: np.ndarray, mask: np.ndarray, shift: int) -> float:
        border = np.roll(mask[:, 1:] != mask[:, :-1], shift, 1)[:, 8:-8]
        return float(np.abs(np.diff(image.astype(int), axis=1)).sum(-1)[:, 8:-8][border].mean())

    for image, mask in cities:
        for picture, classes in ((image, mask), (image.swapaxes(0, 1), mask.T)):
            contrasts = {shift: contrast(picture, classes, shift) for shift in range(-3, 4)}
            assert max(contrasts, key=contrasts.get) == 0


def test_color_alone_does_not_tell_the_class(cities):
    "Each pixel of a city to the class whose mean color, over the others, is nearest."
    image, truth = cities[0]
    others = [(image.reshape(-1, 3), mask.ravel()) for image, mask in cities[1:]]
    images, masks = (np.concatenate(part) for part in zip(*others, strict=True))
    means = np.stack([images[masks == kind].mean(0) for kind in range(6)])
    nearest = ((image[:, :, None] - means) ** 2).sum(-1).argmin(-1)
    known = truth != VOID
    overlap = [((nearest == kind) & (truth == kind)).sum() / (((nearest == kind) & known) | (truth == kind)).sum()
               for kind in range(6)]
    assert np.mean(overlap) < .5
    assert overlap[CAR] < .1
