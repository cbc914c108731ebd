"Files are there whole or not at all, and readable by whom the user's umask lets read."

import contextlib
import errno
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from linknet_fastai.errors import Note, UserError
from linknet_fastai.files import (
    NotWritten,
    atomic_folder,
    atomic_write,
    remove_leftovers,
    writable_folder,
    write_csv,
    write_text,
)
from linknet_fastai.locks import AlreadyLocked, locked
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


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "below" / "folder"
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as fresh:
        fresh.mkdir()
        raise KeyboardInterrupt
    assert list(folder.parent.iterdir()) == []
    with atomic_folder(folder) as fresh:
        fresh.mkdir()
        (fresh / "file").write_text("whole")
        assert not folder.exists()
    assert list(folder.parent.iterdir()) == [folder] and (folder / "file").read_text() == "whole"


@pytest.mark.parametrize("first_wins", [True, False])
def test_of_two_folders_the_first_stays(tmp_path, first_wins):
    "Whoever comes second is told, unless either will do."
    folder = tmp_path / "folder"
    with contextlib.nullcontext() if first_wins else pytest.raises(OSError, match="not empty"):
        with atomic_folder(folder, first_wins) as fresh:
            for path in (folder, fresh):
                path.mkdir()
                (path / "file").write_text(path.parent.name)
    assert list(tmp_path.iterdir()) == [folder] and (folder / "file").read_text() == tmp_path.name


def test_names_of_any_bytes_are_written(tmp_path):
    name = os.fsdecode(b"stra\xdfe.png")
    write_csv(tmp_path / "table.csv", pd.DataFrame({"image": [name]}))
    write_text(tmp_path / "text.json", json.dumps(name, ensure_ascii=False))
    assert (tmp_path / "table.csv").read_bytes() == b"image\nstra\xdfe.png\n"
    assert json.loads((tmp_path / "text.json").read_text()) == name


def test_a_folder_of_the_cache_that_can_t_be_made_has_its_own_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match="set XDG_CACHE_HOME"):
        writable_folder(tmp_path / "file" / "folder", "set XDG_CACHE_HOME to a folder that can be")


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

def test_leftovers_are_removed_whatever_they_are_called(tmp_path):
    "By who holds the lock: no name says whether its writer lives, in whatever container."
    for name in (".file.bin.00ff.part.bin", ".file.bin.123.part.bin", ".file.bin.x.y.part.bin"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".file.bin.folder.part.bin").mkdir()
    (tmp_path / ".other.bin.00ff.part.bin").write_text("half")
    remove_leftovers(tmp_path / "file.bin")
    assert {path.name for path in tmp_path.iterdir()} == {".file.bin.folder.part.bin", ".other.bin.00ff.part.bin"}


# what isn't written over

@pytest.fixture
def precious(tmp_path) -> Path:
    path = tmp_path / "precious"
    path.write_text("mine")
    return path


def test_a_link_is_not_written_through(tmp_path, precious):
    (tmp_path / "report.html").symlink_to(precious)
    with pytest.raises(UserError, match="report.html: .*link"), atomic_write(tmp_path / "report.html"): pass
    assert precious.read_text() == "mine" and (tmp_path / "report.html").is_symlink()


def test_temporary_names_can_t_be_foreseen(tmp_path):
    names = set()
    for _ in range(2):
        with atomic_write(tmp_path / "file.txt") as temporary: names.add(temporary.name)
    assert len(names) == 2 and not any(str(os.getpid()) in name.split(".") for name in names)


def test_a_temporary_name_that_is_taken_is_not_followed(tmp_path, precious, monkeypatch):
    monkeypatch.setattr("secrets.token_hex", lambda count: "known")
    (tmp_path / ".file.txt.known.part.txt").symlink_to(precious)
    with pytest.raises(UserError, match="File exists"), atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("new")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_kept(tmp_path, make):
    make(tmp_path / "there")
    kind = (tmp_path / "there").stat().st_mode
    with pytest.raises(UserError, match="no regular file"), atomic_write(tmp_path / "there") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "there").stat().st_mode == kind and len(list(tmp_path.iterdir())) == 1


def test_a_device_is_kept():
    with pytest.raises(UserError, match="/dev/null.*device"), atomic_write(Path("/dev/null")): pass


def test_the_longest_names_can_be_written(tmp_path):
    path = tmp_path / f"{'ö' * 125}.html"  # 255 bytes
    with atomic_write(path) as temporary: temporary.write_text("new")
    assert path.read_text() == "new"


# file systems that can't do all

def failing(number: int):
    def fail(*words): raise OSError(number, os.strerror(number))
    return fail


def test_where_a_folder_can_t_be_synchronised_that_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    with pytest.warns(Note, match=str(tmp_path)) as notes:
        for name in "ab":
            with atomic_write(tmp_path / name) as temporary: temporary.write_text("new")
    assert len(notes) == 1 and (tmp_path / "b").read_text() == "new"


def test_without_locks_the_work_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("fcntl.flock", failing(errno.ENOLCK))
    with pytest.warns(Note, match=str(tmp_path)), locked(tmp_path / ".lock") as is_held: assert not is_held


def test_a_lock_is_held_by_one(tmp_path):
    with locked(tmp_path / ".lock") as is_held:
        assert is_held
        with pytest.raises(AlreadyLocked), locked(tmp_path / ".lock"): pass
    with locked(tmp_path / ".lock") as is_held: assert is_held


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")],
                         ids=["pipe", "folder", "link"])
def test_a_lock_that_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / ".lock")
    with pytest.raises(UserError, match=str(tmp_path / ".lock")), locked(tmp_path / ".lock"): pass
