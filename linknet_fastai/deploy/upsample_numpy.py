"Logits to another size, bilinear as torch's `interpolate` has it, without torch."

import numpy as np

STRIP = 1 << 22  # logits that are upsampled at once


def argmax_upsampled(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The class of each pixel, uint8 of `size` (height, width), by logits `[num_classes,h,w]`.

    As `upsample.argmax_upsampled` does it with torch: strip by strip, so that a large image takes no more memory.
    """
    classes = np.empty(size, np.uint8)
    rows, columns = (_places(source, target) for source, target in zip(logits.shape[1:], size))
    height = max(1, STRIP // (len(logits) * size[1]))
    for top in range(0, size[0], height):
        part = tuple(each[top:top + height] for each in rows)
        classes[top:top + height] = _interpolated(_interpolated(logits, 1, part), 2, columns).argmax(0)
    return classes


def resized(values: np.ndarray, axes: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    "Values with these two axes of `size`."
    for axis, target in zip(axes, size):
        source = values.shape[axis]
        if source != target: values = _interpolated(values, axis, _places(source, target))
    return values


def _places(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    "Which of `source` rows each of `target` begins at, and the fraction of the next."
    place = ((np.arange(target, dtype=np.float32) + 0.5) * (source / target) - 0.5).clip(0, source - 1)
    low = place.astype(np.int64)
    return low, (place - low).astype(np.float32)


def _interpolated(values: np.ndarray, axis: int, places: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, fraction = places
    above = values.take(np.minimum(low + 1, values.shape[axis] - 1), axis)
    values = values.take(low, axis)
    return values + np.expand_dims(fraction, tuple(range(1, values.ndim - axis))) * (above - values)
