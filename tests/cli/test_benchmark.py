"`linknet-fastai benchmark` and `table1`."

import re

import pytest
from command_line import assert_refused, linknet, succeed


def test_benchmark_measures_a_run_s_model(run):
    printed = succeed("benchmark", run)
    assert "test_resnet" in printed and "11 classes" in printed and "at 64x96 in batches of 4" in printed


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_table1_is_printed_and_kept(folder, tmp_path):
    words = ("table1", "--data", folder, "--epochs", 1, "--size", "64x96", "--weights", "none", "--only", "enet",
             "--only", "rapid", "--out", tmp_path / "table")
    printed = succeed(*words)
    assert "enet-0: 0 % of the table is done" in printed and "min left" in printed
    assert re.search(r"enet +rapid *\n mIoU +\d+\.\d +\d+\.\d *\n", printed) and "…" not in printed  # nothing is cut
    assert "is done" not in succeed(*words)  # nothing is trained twice


def test_a_row_that_there_isn_t_is_named_with_the_nearest(folder, tmp_path):
    words = ("table1", "--data", folder, "--only", "papers", "--out", tmp_path / "table")
    assert_refused(linknet(*words), "'papers'", "did you mean paper?")
    assert not (tmp_path / "table").exists()
