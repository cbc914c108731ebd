"What a run's samples were: by the bytes of their files, and by their places."

import shutil
import unicodedata
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pandas as pd

from linknet_fastai.datasets.dataset import SegmentationDataset
from linknet_fastai.datasets.fingerprint import describe_changes, fingerprint, holds_samples, trained_on


def test_a_sample_is_its_files_bytes_and_its_place(tiny_dataset):
    table = fingerprint(tiny_dataset)
    assert list(table["image"]) == [path.name for path in tiny_dataset.table.image]
    assert list(table.split) == list(tiny_dataset.table.split)
    for part in ("image", "mask"):
        expected = [blake2b(path.read_bytes(), digest_size=16).hexdigest() for path in tiny_dataset.table[part]]
        assert list(table[f"{part}_hash"]) == expected
    assert holds_samples(tiny_dataset.root, table) and not holds_samples(tiny_dataset.root.parent, table)


def test_images_that_an_annotation_file_held_lie_in_no_folder_of_the_user_s(tiny_dataset, tmp_path):
    drawn = tmp_path / "cache"
    (drawn / "images").mkdir(parents=True)
    moved = [path.rename(drawn / "images" / path.name) for path in tiny_dataset.table.image]
    other_root = tmp_path / "mine"
    other_root.mkdir()
    dataset = replace(tiny_dataset, root=other_root, mask_root=drawn, table=tiny_dataset.table.assign(image=moved))
    table = fingerprint(dataset)
    assert set(table["image"]) == {f"drawn:{path.name}" for path in moved}
    assert not holds_samples(other_root, table)


def test_a_file_system_may_spell_accents_in_another_way(tiny_dataset, tmp_path):
    "A copy whose names are taken apart holds the same samples, of which the same were trained on."
    before, after = (accented(tiny_dataset, tmp_path / form, form) for form in ("NFC", "NFD"))
    table = fingerprint(before)
    assert set(table["image"]).isdisjoint(fingerprint(after)["image"])
    assert holds_samples(after.root, table) and describe_changes(table, fingerprint(after)) == ""
    assert trained_on(table, after, after.table.image) == list(after.split("train").image)
    image = after.table.image[1]
    image.write_bytes(b"another")
    assert describe_changes(table, fingerprint(after)) == f"{image.name}: the image is another"
    assert image not in trained_on(table, after, after.table.image)


def accented(dataset: SegmentationDataset, root: Path, form: str) -> SegmentationDataset:
    "A copy whose images are called with an accent, in that form."
    root.mkdir()
    images = [shutil.copy(path, root / unicodedata.normalize(form, f"é{path.name}")) for path in dataset.table.image]
    return replace(dataset, root=root, table=dataset.table.assign(image=images))


def test_two_names_that_look_alike_are_two_samples():
    "Where a file system tells them apart."
    names = [unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD")]
    before = pd.DataFrame({"image": names, "split": "train", "image_hash": ["1", "2"], "mask_hash": "1"})
    assert describe_changes(before, before[::-1]) == ""
    assert describe_changes(before, before.assign(image_hash=["1", "3"])) == f"{names[1]}: the image is another"


def test_changes_are_counted_after_the_first_three():
    before = pd.DataFrame({"image": list("abcde"), "split": "train", "image_hash": "1", "mask_hash": "1"})
    now = before.assign(mask_hash=["2", "2", "2", "2", "1"], split=["train"] * 4 + ["val"])
    assert describe_changes(before, before) == ""
    assert describe_changes(before, now) == ("a: its mask is another, b: its mask is another, c: its mask is another "
                                             "and 2 more")
