"What a run's samples were, file by file, so that a training goes on with the same."

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from ..files import digest
from .dataset import SegmentationDataset
from .folder import image_name
from .names import composed, spellings

NAMED = 3  # differences in a message
DRAWN = "drawn:"  # before the name of an image that lies in no folder of the user's
PARTS = {"image_hash": "the image", "mask_hash": "its mask"}


def fingerprint(dataset: SegmentationDataset) -> pd.DataFrame:
    """A row a training or validation sample: `image`, its path below the folder, `split`, `image_hash`, `mask_hash`.

    The hashes are `digest`'s.
    """
    table = dataset.table[dataset.table.split.isin(["train", "val"])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images, masks = (list(pool.map(digest, table[part])) for part in ("image", "mask"))
    return pd.DataFrame({"image": [_name(dataset, path) for path in table.image], "split": table.split.to_numpy(),
                         "image_hash": images, "mask_hash": masks})


def _name(dataset: SegmentationDataset, image: Path) -> str:
    name = image_name(dataset.root, dataset.mask_root, image)
    is_there = dataset.root is None or image.is_relative_to(dataset.root)
    return name if is_there else f"{DRAWN}{name}"


def holds_samples(root: Path, samples: pd.DataFrame) -> bool:
    "Whether all images of a fingerprint lie in the folder `root`, in their places, and are not only drawn ones."
    names = [name for name in samples["image"] if not name.startswith(DRAWN)]
    return bool(names) and all(_is_file(root, name) and ".." not in Path(name).parts and not os.path.isabs(name)
                               for name in names)


def _is_file(root: Path, name: str) -> bool: return any(os.path.isfile(root / each) for each in spellings(name))


def respelled(samples: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    "A fingerprint whose images are called as in `names`, where a file system spells their accents in another way."
    here = set(names)
    in_one_form = {composed(name): name for name in here}
    return samples.assign(image=[name if name in here else in_one_form.get(composed(name), name)
                                 for name in samples["image"]])


def trained_on(samples: pd.DataFrame, dataset: SegmentationDataset, images: Iterable[Path]) -> list[Path]:
    "Those of the `images` that a fingerprint has as training images, by their names and bytes."
    named = {_name(dataset, image): image for image in images}
    known = respelled(samples[samples.split == "train"], named)
    known = known[known["image"].isin(named)]
    return [named[name] for name, image_hash in zip(known["image"], known.image_hash)
            if digest(named[name]) == image_hash]


def describe_changes(before: pd.DataFrame, now: pd.DataFrame) -> str:
    "In what two fingerprints differ, with the first images by name; empty where they are the same."
    changes = list(_changes(respelled(before, now["image"]).set_index("image"), now.set_index("image")))
    more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
    return ", ".join(changes[:NAMED]) + more


def _changes(before: pd.DataFrame, now: pd.DataFrame) -> Iterator[str]:
    for name, row in before.iterrows():
        if name not in now.index:
            yield f"{name} is gone"
            continue
        other = now.loc[name]
        if row.split != other.split: yield f"{name} was in {row.split} and is in {other.split}"
        yield from (f"{name}: {what} is another" for part, what in PARTS.items() if row[part] != other[part])
    yield from (f"{name} is new" for name in now.index if name not in before.index)
