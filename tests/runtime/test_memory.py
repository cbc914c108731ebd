"Memory that is left: the control group's, where that is less than the machine's."

import pytest
import torch

from linknet_fastai.runtime.memory import _left_in_groups, is_out_of_memory


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items(): (folder / name.replace("__", ".")).write_text(content)


def test_groups_of_version_2(tmp_path):
    "Each group's own limit and those above it; files' pages that can be dropped are free."
    write(tmp_path / "a/b", memory__max="1000\n", memory__current="700\n", memory__stat="anon 1\ninactive_file 100\n")
    write(tmp_path / "a", memory__max="max\n", memory__current="900\n", memory__stat="inactive_file 0\n")
    write(tmp_path, memory__max="800\n", memory__current="900\n", memory__stat="inactive_file 0\n")
    (tmp_path / "own").write_text("0::/a/b\n")
    assert list(_left_in_groups(tmp_path, tmp_path / "own")) == [400, 0]


def test_groups_of_version_1(tmp_path):
    write(tmp_path / "memory/a", memory__limit_in_bytes="1000", memory__usage_in_bytes="600",
          memory__stat="total_inactive_file 50\n")
    (tmp_path / "own").write_text("3:cpu:/a\n2:memory:/a\n")
    assert list(_left_in_groups(tmp_path, tmp_path / "own")) == [450]


def test_where_there_are_none(tmp_path):
    assert list(_left_in_groups(tmp_path, tmp_path / "none")) == []


def test_errors_that_say_so():
    with pytest.raises(RuntimeError) as raised: torch.empty(1 << 50)
    assert is_out_of_memory(raised.value) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes don't fit"))
