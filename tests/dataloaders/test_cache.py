"Decoded images in memory or in a mapped file: the same numbers, whatever happens to the processes."

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch
from PIL import Image

from linknet_fastai.dataloaders.cache import cached
from linknet_fastai.dataloaders.decode import FORMAT, decode_samples
from linknet_fastai.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    "Nothing fits in memory; a cache of its own."
    monkeypatch.setattr("linknet_fastai.dataloaders.cache.fits", lambda size: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return platformdirs.user_cache_path("linknet-fastai") / "decoded"


def files(folder: Path) -> list[Path]: return [file for file in folder.iterdir() if file.suffix != ".lock"]


def count(content): content[:] = np.arange(len(content)) % 251


def never(*_): pytest.fail("filled again")


def test_it_is_filled_once(folder):
    first = cached("a", b"key", 1000, count)
    again = cached("a", b"key", 1000, never)
    assert np.array_equal(first, again) and first[252] == 1


def test_it_is_filled_where_no_space_can_be_reserved(folder, monkeypatch):
    "macOS has no `posix_fallocate`."
    monkeypatch.delattr(os, "posix_fallocate")
    cached("a", b"key", 1000, count)
    assert np.array_equal(cached("a", b"key", 1000, never), np.arange(1000) % 251)


def test_another_key_is_filled_again_and_takes_the_old_one_s_place(folder):
    old = cached("a", b"key", 1000, count)
    new = cached("a", b"other", 1000, lambda content: content.fill(7))
    assert (new == 7).all() and old[252] == 1  # who has the older one keeps it
    assert len(files(folder)) == 1


def test_less_of_a_name_lies_beside_what_is_there(folder):
    "A few of a dataset's images, such as `show-batch` draws, leave the others; what is more takes their place."
    cached("a", b"all", 1000, count)
    for size in (100, 200): assert len(cached("a", b"few", size, count)) == size
    assert cached("a", b"all", 1000, never)[252] == 1 and len(files(folder)) == 2
    cached("a", b"more", 2000, count)
    cached("a", b"more", 2000, never)
    assert len(files(folder)) == 2


def test_it_may_be_written_to_without_changing_the_file(folder):
    cached("a", b"key", 1000, count)[:] = 9
    assert cached("a", b"key", 1000, never)[252] == 1


def test_a_file_cut_short_is_filled_again(folder):
    cached("a", b"key", 1000, count)
    file = files(folder)[0]
    os.truncate(file, 500)
    assert cached("a", b"key", 1000, count)[252] == 1


def test_an_error_leaves_nothing(folder):
    def fails(content): raise UserError("a bad image")
    with pytest.raises(UserError, match="bad image"): cached("a", b"key", 1000, fails)
    assert not files(folder)


def test_a_full_disk_is_one_message(folder, monkeypatch):
    def full(*_): raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="No space left"): cached("a", b"key", 1000, count)
    assert not files(folder)


SLOW = """
import sys, time
from linknet_fastai.dataloaders import cache
cache.fits = lambda size: False
def fill(content):
    print("filling", flush=True)
    time.sleep(float(sys.argv[1]))
    content[:] = 5
print(int(cache.cached("a", b"key", 1000, fill).sum()))
"""


def process(seconds) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", SLOW, str(seconds)], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_kill_halfway_leaves_nothing_that_is_taken_for_whole(folder):
    killed = process(60)
    assert killed.stdout.readline() == "filling\n"
    killed.send_signal(signal.SIGKILL), killed.wait()
    assert len(files(folder)) == 1  # its unfinished file
    assert cached("a", b"key", 1000, count)[252] == 1
    assert len(files(folder)) == 1  # cleared away


@pytest.mark.slow
def test_two_processes_at_once(folder):
    both = [process(0.5), process(0.5)]
    assert [one.communicate()[0].split()[-1] for one in both] == ["5000", "5000"]
    assert len(files(folder)) == 1


@pytest.mark.parametrize("for_training", [False, True])
def test_samples_are_the_same_in_memory_and_mapped(tiny_dataset, folder, monkeypatch, for_training):
    rows = tiny_dataset.split("train")
    mapped = decode_samples(tiny_dataset, rows, (32, 48), for_training)
    monkeypatch.setattr("linknet_fastai.dataloaders.cache.fits", lambda size: True)
    held = decode_samples(tiny_dataset, rows, (32, 48), for_training)
    for one, other in zip(mapped, held):
        assert one.path == other.path and torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask)


def test_a_few_images_at_their_own_resolution_leave_all_of_them_decoded(tiny_dataset, folder, monkeypatch):
    rows = tiny_dataset.split("train")
    decode_samples(tiny_dataset, rows, None, for_training=True)
    decode_samples(tiny_dataset, rows[2:4], None, for_training=True)
    monkeypatch.setattr("linknet_fastai.dataloaders.decode._decode_by_rows", never)
    assert len(decode_samples(tiny_dataset, rows, None, for_training=True)) == len(rows)


def test_a_changed_image_is_decoded_again(tiny_dataset, folder):
    rows = tiny_dataset.split("train")
    decode_samples(tiny_dataset, rows, (64, 64))
    time.sleep(0.01)  # another time on any file system
    Image.new("RGB", (64, 64), (1, 2, 3)).save(rows.image[0])
    assert decode_samples(tiny_dataset, rows, (64, 64))[0].image[:, 0, 0].tolist() == [1, 2, 3]


def test_another_way_of_decoding_fills_it_again(folder, tiny_dataset, monkeypatch):
    rows = tiny_dataset.split("val")
    decode_samples(tiny_dataset, rows, (64, 64))
    before = files(folder)[0].stat().st_mtime_ns
    decode_samples(tiny_dataset, rows, (64, 64))
    assert files(folder)[0].stat().st_mtime_ns == before
    monkeypatch.setattr("linknet_fastai.dataloaders.decode.FORMAT", FORMAT + 1)
    decode_samples(tiny_dataset, rows, (64, 64))
    assert files(folder)[0].stat().st_mtime_ns > before
