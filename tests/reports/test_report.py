"The report as text; `test_browser.py` opens it."

import base64
import io
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from finished_run import CONFIG, HEIGHT, WIDTH, finished_run
from PIL import Image

from linknet_fastai.errors import UserError
from linknet_fastai.evaluation.result import read_result, write_result
from linknet_fastai.images.grid import WRONG
from linknet_fastai.reports.gallery import Gallery
from linknet_fastai.reports.report import NamedRun, lowest, setting_rows, write_report
from linknet_fastai.runs.run import Run


class Page(HTMLParser):
    "Every tag with its attributes, and the text."

    def __init__(self, path):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes): self.tags.append((tag, dict(attributes)))

    def handle_data(self, data): self.text += data

    def all(self, name): return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run: return finished_run(tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def page(run) -> Page:
    write_report([run], run.report)
    return Page(run.report)


def test_the_scores_stand_there_with_their_protocol(run, page):
    scores = read_result(run).scores
    for value in scores.summary().values(): assert f"{100 * value:.1f} %" in page.text
    assert "tiny3, val: 5 images at 24x32, 3 classes, void ignored, trained on train" in page.text
    for name in ("sky", "road", "car"): assert name in page.text


def test_it_is_one_file_that_asks_for_no_other(page):
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "poster"):
            if name in attributes: assert attributes[name].startswith("data:"), tag
    assert not re.findall(r"url\(|@import|https?://", page.text)


def test_every_image_has_a_text_in_its_place_and_a_size(page):
    assert len(page.all("img")) == 1 + 5 * 4  # the curves; image, truth, prediction, errors
    assert all(image["alt"] for image in page.all("img"))
    assert {(image["width"], image["height"]) for image in page.all("img")[1:]} == {(str(WIDTH), str(HEIGHT))}


def test_images_stand_worst_first(run, page):
    names = [entry.name for entry in sorted(Gallery(run.gallery).entries(), key=lambda entry: entry.miou)]
    assert names == sorted(names, key=page.text.index)


def test_errors_are_red_where_wrong_and_clear_where_right(run, page):
    entry = Gallery(run.gallery).entries()[0]
    [source] = [image["src"] for image in page.all("img") if image["alt"] == f"Errors of {entry.name}"]
    errors = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGBA"))
    truth, prediction = np.asarray(Image.open(entry.truth)), np.asarray(Image.open(entry.prediction))
    known = truth < 3
    assert (errors[known & (truth != prediction)] == (*WRONG, 255)).all()
    assert (errors[known & (truth == prediction), 3] == 0).all() and (errors[~known, 3] == 255).all()


def test_names_can_t_break_out_of_the_page(tmp_path):
    hostile = "<script>alert(1)</script>' onload='x"
    run = finished_run(tmp_path / "run", classes=(hostile, "road", "car"), names=[f"{hostile}{i}" for i in range(5)])
    write_report([run], run.report)
    page = Page(run.report)
    assert len(page.all("script")) == 1 and not any("onload" in attributes for _, attributes in page.tags)
    assert hostile in page.text


def test_a_link_out_of_the_run_stays_out_of_the_page(tmp_path):
    run = finished_run(tmp_path / "run")
    secret, image = tmp_path / "secret.txt", run.gallery / "0001.jpg"
    secret.write_text("not for the page")
    image.unlink()
    image.symlink_to(secret)
    with pytest.raises(UserError, match="0001.jpg"): write_report([run], run.report)
    assert not run.report.exists()


def test_several_runs_stand_side_by_side(tmp_path):
    one, other = finished_run(tmp_path / "one", lr=1e-3), finished_run(tmp_path / "other", wrong=0.4, lr=5e-3)
    write_report([one, other], tmp_path / "comparison.html")
    page = Page(tmp_path / "comparison.html")
    difference = read_result(other).scores.class_iou[0] - read_result(one).scores.class_iou[0]
    assert f"{100 * difference:+.1f}" in page.text and "other − one" in page.text
    alts = [image["alt"] for image in page.all("img")]
    for name in ("one", "other"): assert f"Prediction {name} of 0.png" in alts and f"Errors {name} of 0.png" in alts
    assert sum("Truth of 0.png" in alt for alt in alts) == 1
    assert [attributes for attributes in page.all("tr") if attributes.get("class") == "differs"]


def scored_otherwise(run: Run, **protocol) -> Run:
    result = read_result(run)
    write_result(run, "scores", replace(result, protocol=result.protocol | protocol))
    return run


@pytest.mark.parametrize("protocol, is_comparable", [
    ({"name": "other3", "resolution": "48x64"}, False), ({"data": "elsewhere"}, False),
    ({"predicted_at": "48x64"}, True), ({"trained_on": "3 of 4 train images"}, True)])
def test_each_run_s_protocol_stands_there_and_no_difference_between_others_images(tmp_path, protocol, is_comparable):
    "The same images predicted otherwise can be compared."
    one, other = finished_run(tmp_path / "one"), scored_otherwise(finished_run(tmp_path / "other"), **protocol)
    write_report([one, other], tmp_path / "comparison.html")
    page = Page(tmp_path / "comparison.html")
    [line] = [line for line in page.text.splitlines() if line.startswith("In %")]
    assert "one: tiny3, val" in line and f"other: {protocol.get('name', 'tiny3')}, val" in line
    for value in protocol.values(): assert value in line
    assert ("other − one" in page.text) == is_comparable
    assert len({len(re.findall("<t[hd]", row)) for row in rows_of_classes(tmp_path / "comparison.html")}) == 1


def test_no_difference_between_scores_of_other_files_under_equal_protocols(tmp_path):
    "As of two folds of one dataset."
    runs = [finished_run(tmp_path / name) for name in ("one", "other")]
    def is_compared(*hashes):
        for run, mask in zip(runs, hashes):
            run.write_csv("samples.csv", pd.DataFrame({"image": ["0.png"], "split": ["val"], "image_hash": ["a"],
                                                       "mask_hash": [mask]}))
        write_report(runs, tmp_path / "comparison.html")
        return "other − one" in Page(tmp_path / "comparison.html").text
    assert is_compared("b", "b") and not is_compared("b", "c")


def rows_of_classes(page) -> list[str]:
    "The header and the rows of the table of classes."
    table = page.read_text().split('id="classes"')[1].split("</table>")[0]
    return table.split("<tr>")[1:]


def test_settings_are_words(tmp_path):
    run = finished_run(tmp_path / "run")
    run.rewrite_config(recipe={"flip": True, "scale": [0.75, 1.6], "class_weights": {"road": 2.0, "car": 5.0}})
    settings = NamedRun("run", run).settings
    assert (settings["flip"], settings["scale"]) == ("yes", "0.75 1.6")
    assert settings["class_weights"] == "road=2.0, car=5.0"


def test_settings_that_differ_in_a_letter_s_case_differ(tmp_path):
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other")
    for run, name in ((one, "Resnet.safetensors"), (other, "resnet.safetensors")):
        run.rewrite_config(recipe=run.config.recipe | {"weights": name})
    write_report([one, other], tmp_path / "comparison.html")
    assert re.search('<tr class="differs"><th scope="row">weights<', (tmp_path / "comparison.html").read_text())


def test_a_setting_that_only_one_run_knows_is_shown(tmp_path):
    "Runs of earlier versions had fewer."
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other")
    other.rewrite_config(recipe=other.config.recipe | {"a.b": 7})
    for runs in ([one, other], [other, one]):
        write_report(runs, tmp_path / "comparison.html")
        assert "a.b" in Page(tmp_path / "comparison.html").text
    assert setting_rows([{"a": "1"}, {"b": "2"}]) == [("a", ["1", "–"]), ("b", ["–", "2"])]


def test_the_lowest_iou_is_one_that_there_is():
    "An image counts as wrong for a class that one run alone sees in it, whatever the order of the runs."
    assert lowest([np.nan, 0.0]) == lowest([0.0, np.nan]) == 0.0 and lowest([np.nan]) is None


def test_only_images_that_all_runs_have_are_compared(tmp_path):
    "The third has a car in the truth of one run only."
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", images=3)
    write_report([one, other], tmp_path / "comparison.html")
    assert "2 of the 5 images" in Page(tmp_path / "comparison.html").text


def test_runs_without_a_common_image_are_compared_all_the_same(tmp_path):
    names = [f"other{i}.png" for i in range(5)]
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", names=names)
    write_report([one, other], tmp_path / "comparison.html")
    page = Page(tmp_path / "comparison.html")
    assert "0 of the 5 images" in page.text and len(page.all("img")) == 1  # the curves


def test_images_of_one_name_that_are_others_are_not_compared(tmp_path):
    "Every film has a `0.png`: here each is another image but for that in the middle."
    names = [f"{4 - number}.png" for number in range(5)]
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", names=names)
    write_report([one, other], tmp_path / "comparison.html")
    page = Page(tmp_path / "comparison.html")
    assert "1 of the 5 images" in page.text
    shown = {image["alt"] for image in page.all("img")}
    assert "Prediction other of 2.png" in shown and not any("0.png" in alt for alt in shown)


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    runs = [finished_run(tmp_path / folder / "camvid-1") for folder in ("a", "b")]
    write_report(runs, tmp_path / "comparison.html")
    for run in runs: assert str(run.path) in Page(tmp_path / "comparison.html").text


def test_runs_of_different_classes_are_refused(tmp_path):
    one, other = finished_run(tmp_path / "one"), finished_run(tmp_path / "other", classes=("sky", "road", "tram"))
    with pytest.raises(UserError, match="other.*one"): write_report([one, other], tmp_path / "comparison.html")
    assert not (tmp_path / "comparison.html").exists()


def test_a_run_without_scores_is_refused(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(UserError, match=str(run.path)): write_report([run], run.report)


@pytest.mark.parametrize("name", ["0001.jpg", "0001-truth.png", "0001-prediction.png"])
def test_a_pipe_in_place_of_an_image_is_named(tmp_path, name):
    run = finished_run(tmp_path / "run")
    file = run.gallery / name
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match=f"{name}: is no regular file"): write_report([run], run.report)


@pytest.mark.parametrize("name", ["0001-truth.png", "0001-prediction.png"])
def test_a_damaged_image_is_named(tmp_path, name):
    run = finished_run(tmp_path / "run")
    (run.gallery / name).write_bytes(b"nothing")
    with pytest.raises(UserError, match=f"{name}: can't be read as an image"): write_report([run], run.report)
