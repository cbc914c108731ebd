"Files are there whole or not at all, and readable by whom the user's umask lets read."

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from linknet_fastai.errors import UserError
from linknet_fastai.files import atomic_write, remove_leftovers, writable_folder
from linknet_fastai.runs.tensors import write_tensors


def test_atomic_write_puts_the_file_in_place_at_the_end(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old" and (temporary.parent, temporary.suffix) == (path.parent, ".txt")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), UserError("no.")],
                         ids=lambda error: type(error).__name__)
def test_atomic_write_keeps_the_old_file_when_the_body_raises(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)) as raised, atomic_write(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert raised.value is error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_atomic_write_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_atomic_write_names_the_file_that_can_t_be_written(tmp_path):
    path = tmp_path / "none" / "file.txt"
    with pytest.raises(UserError, match=f"{path}: .*No such file"), atomic_write(path) as temporary:
        temporary.write_text("new")


def test_atomic_write_does_not_replace_a_folder(tmp_path):
    (tmp_path / "folder" / "kept").mkdir(parents=True)
    with pytest.raises(UserError, match="folder"), atomic_write(tmp_path / "folder") as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "kept"]


def test_a_writable_folder_is_made_with_its_parents(tmp_path):
    path = tmp_path / "a" / "b"
    assert writable_folder(path) == path and path.is_dir() and list(path.iterdir()) == []
    assert writable_folder(path) == path


def test_a_folder_that_can_t_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match=f"{path}: .*--out"): writable_folder(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=str(tmp_path)): writable_folder(tmp_path)


# permissions

@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request) -> int:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int: return path.stat().st_mode & 0o777


def test_files_have_the_permissions_of_the_umask(tmp_path, umask):
    with atomic_write(tmp_path / "file.txt") as temporary: temporary.write_text("new")
    assert mode(tmp_path / "file.txt") == 0o666 & ~umask


def test_tensors_have_the_permissions_of_the_umask(tmp_path, umask):
    "safetensors by itself writes for the owner alone."
    write_tensors(tmp_path / "file.safetensors", {"a": torch.zeros(2)}, {})
    assert mode(tmp_path / "file.safetensors") == 0o666 & ~umask


def test_a_writer_that_replaces_the_temporary_file_changes_no_permissions(tmp_path, umask):
    with atomic_write(tmp_path / "file.txt") as temporary:
        other = tmp_path / "other"
        other.write_text("new")
        other.chmod(0o600)
        other.replace(temporary)
    assert mode(tmp_path / "file.txt") == 0o666 & ~umask


# what killed processes left

def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path):
    dead = int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                              capture_output=True, text=True, check=True).stdout)
    for pid in (dead, os.getpid()): (tmp_path / f".file.bin.{pid}.part.bin").write_text("half")
    (tmp_path / f".other.bin.{dead}.part.bin").write_text("half")
    remove_leftovers(tmp_path / "file.bin")
    assert {path.name for path in tmp_path.iterdir()} == {
        f".file.bin.{os.getpid()}.part.bin", f".other.bin.{dead}.part.bin"}
