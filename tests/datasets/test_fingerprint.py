"What a run's samples were: by the bytes of their files, and by their places."

from dataclasses import replace
from hashlib import blake2b

import pandas as pd

from linknet_fastai.datasets.fingerprint import describe_changes, fingerprint, holds_samples


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


def test_changes_are_counted_after_the_first_three():
    before = pd.DataFrame({"image": list("abcde"), "split": "train", "image_hash": "1", "mask_hash": "1"})
    now = before.assign(mask_hash=["2", "2", "2", "2", "1"], split=["train"] * 4 + ["val"])
    assert describe_changes(before, before) == ""
    assert describe_changes(before, now) == ("a: its mask is another, b: its mask is another, c: its mask is another "
                                             "and 2 more")
