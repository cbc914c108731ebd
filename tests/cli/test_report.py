"`linknet-fastai report`, `runs` and `show-results`: what is there already, shown."

import shutil

import pandas as pd
import pytest
from command_line import assert_refused, linknet, succeed
from PIL import Image


@pytest.mark.slow
def test_a_report_is_written_again_and_of_several(run, tmp_path):
    assert succeed("report", run).strip() == str(run / "report.html")
    copy = shutil.copytree(run, tmp_path / "second")
    assert succeed("report", run, copy, cwd=tmp_path).strip() == "comparison.html"
    assert "first, second" in (tmp_path / "comparison.html").read_text()
    assert_refused(linknet("report", tmp_path / "none"), tmp_path / "none")
    page = tmp_path / "new" / "page.html"
    assert succeed("report", run, "--out", page).strip() == str(page) and page.is_file()
    shutil.rmtree(copy / "gallery")
    succeed("report", copy)  # draws what isn't there
    assert (copy / "gallery" / "images.csv").is_file()


def test_runs_are_listed(run):
    row = succeed("runs", run.parent).splitlines()[1].split()
    miou = pd.read_csv(run / "history.csv").miou.max()
    minutes = pd.read_csv(run / "history.csv").seconds.sum() / 60
    assert row == ["first", "camvid", "camvid11", "rapid", "2/2", f"{minutes:.1f}", f"{100 * miou:.1f}"]
    assert_refused(linknet("runs", run / "figures"), run / "figures")


def test_the_worst_results_are_drawn(run):
    file = run / "figures" / "worst-val.png"
    file.unlink()
    assert succeed("show-results", run, "--errors").splitlines()[-1] == str(file)
    Image.open(file).verify()
