"The command line as a user drives it."

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linknet_fastai.datasets.cityscapes import LABELS

CAMVID = Path(__file__).parents[2] / "shared" / "camvid"
WEIGHTS = CAMVID.parent / "weights" / "resnet18-imagenet.safetensors"


@contextmanager
def chdir(folder: Path):  # contextlib's is younger than Python 3.10
    before = Path.cwd()
    os.chdir(folder)
    try: yield
    finally: os.chdir(before)


@dataclass(frozen=True)
class Result:
    returncode: int
    stdout: str
    stderr: str


def linknet(*words, cwd=None) -> Result:
    "`linknet-fastai WORDS` in this process: torch is imported once, not for every test."
    from linknet_fastai.cli.app import main
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (patch.object(sys, "argv", ["linknet-fastai", *map(str, words)]), redirect_stdout(out), redirect_stderr(err),
          chdir(cwd or Path.cwd())):
        try: main()
        except SystemExit as end: code = end.code or 0
    return Result(code, out.getvalue(), err.getvalue())


def linknet_process(*words, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "linknet_fastai", *words], capture_output=True, text=True, **options)


def assert_refused(result, *parts):
    "One message that names every part, exit code 2, no traceback."
    assert result.returncode == 2, result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    for part in parts: assert str(part) in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    "A small CamVid: 10 training and 4 validation images of 64x96, left half Sky, right half Road, a void column."
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    mask = np.where(np.arange(96)[None] < 48, 0, 3).repeat(64, 0).astype(np.uint8)
    mask[:, 47] = 11
    for split, count in {"train": 10, "val": 4}.items():
        lines = []
        for kind in (split, f"{split}annot"): (root / kind).mkdir()
        for i in range(count):
            noise = rng.integers(0, 60, (64, 96, 3))
            image = np.where(mask[..., None] == 0, 180, 20) + noise
            Image.fromarray(image.astype(np.uint8)).save(root / split / f"{i}.png")
            Image.fromarray(mask).save(root / f"{split}annot" / f"{i}.png")
            lines.append(f"/SegNet/CamVid/{split}/{i}.png /SegNet/CamVid/{split}annot/{i}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def broken(folder, tmp_path) -> Path:
    "A copy of the small CamVid, to break."
    return Path(shutil.copytree(folder, tmp_path / "camvid"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory) -> Path:
    "A run of one short training on the small CamVid."
    out = tmp_path_factory.mktemp("runs") / "first"
    result = linknet("fit", "camvid", "--data", folder, "--weights", "none", "--epochs", 2, "--batch-size", 4, "--out", out)
    assert result.returncode == 0, result.stderr
    return out


def quick(folder, out, *more):
    return linknet("fit", "camvid", "--data", folder, "--weights", "none", "--epochs", 1, "--batch-size", 4, "--out", out, *more)


def test_help_answers_at_once():
    linknet_process("--help")  # the first call compiles the modules
    started = time.perf_counter()
    result = linknet_process("--help")
    seconds = time.perf_counter() - started
    assert result.returncode == 0
    for command in ("fit", "lr-find", "show-batch", "show-results", "evaluate", "predict", "datasets", "benchmark", "report", "runs", "table1"):
        assert command in result.stdout
    assert seconds < 2  # 0.1 s alone on two cores; importing torch would take 2 s and more


@pytest.mark.parametrize("command", ["fit", "lr-find", "show-batch"])
def test_every_setting_of_a_recipe_is_a_flag(command):
    from linknet_fastai.recipes import Recipe
    text = " ".join(linknet(command, "--help").stdout.split())
    for field in fields(Recipe):
        flag = "recipe" if field.name == "name" else field.name.replace("_", "-")
        assert f"--{flag} " in text
        if field.name != "name": assert field.metadata["help"] in text
    assert f"[rapid: {Recipe.epochs}]" in text and f"[rapid: {Recipe.lr}]" in text


def test_fit_leaves_a_run_that_stands_alone(run):
    config = json.loads((run / "config.json").read_text())
    assert config["protocol"] == "camvid11"
    assert config["images"] == {"train": 10, "val": 4}
    assert config["recipe"]["size"] == [64, 96] and config["recipe"]["epochs"] == 2
    history = pd.read_csv(run / "history.csv")
    assert list(history.epoch) == [1, 2]
    scores = json.loads((run / "scores.json").read_text())
    assert scores["protocol"] == {"name": "camvid11", "classes": 11, "split": "val", "images": 4, "resolution": "64x96",
                                  "void": "ignored", "trained_on": "train"}
    assert scores["scores"]["miou"] == pytest.approx(history.miou.max())
    assert sum(map(sum, scores["confusion"])) == 4 * 64 * 95  # every pixel but the void column
    absent = next(row for row in scores["classes"] if row["class"] == "Bicyclist")
    assert absent["accuracy"] is None  # no such pixel: not zero
    assert {file.stem for file in (run / "figures").iterdir()} == {"curves", "frequencies", "iou", "confusion", "worst-val", "median-val",
                                                                   "best-val"}
    for figure in (run / "figures").iterdir(): Image.open(figure).verify()
    assert len(list((run / "images").glob("*-prediction.png"))) == 4 and (run / "report.html").stat().st_size > 10_000
    assert not list(run.rglob(".*.part*"))


def test_evaluate_repeats_the_score_of_the_training(run):
    result = linknet("evaluate", run)
    assert result.returncode == 0, result.stderr
    first, again = (json.loads((run / name).read_text()) for name in ("scores.json", "scores-val.json"))
    assert first == again
    assert "camvid11, val: 4 images at 64x96, 11 classes, void ignored" in result.stdout


def test_evaluate_scores_the_training_images_too(run):
    assert linknet("evaluate", run, "--split", "train").returncode == 0
    assert json.loads((run / "scores-train.json").read_text())["protocol"]["images"] == 10


@pytest.mark.parametrize("network, words", [
    pytest.param("segnet", "SegNet, vgg16_bn from none", marks=pytest.mark.slow), ("enet", "ENet, from scratch")])
def test_other_networks_go_through_the_same_door(network, words, folder, tmp_path):
    result = quick(folder, tmp_path / "run", "--network", network, "--size", "64x64")
    assert result.returncode == 0, result.stderr
    assert words in result.stdout
    assert linknet("evaluate", tmp_path / "run").returncode == 0
    assert json.loads((tmp_path / "run/scores.json").read_text()) == json.loads((tmp_path / "run/scores-val.json").read_text())
    assert linknet("predict", tmp_path / "run", folder / "val" / "0.png").returncode == 0
    assert np.asarray(Image.open(tmp_path / "run/predictions/0.png")).shape == (64, 96)


@pytest.mark.parametrize("words, part", [
    (("--network", "unet"), "network 'unet' is unknown; there are linknet, segnet, enet"),
    (("--network", "segnet", "--encoder", "resnet34"), "segnet has its own encoder and upsampling"),
    (("--network", "enet", "--weights", "x.safetensors"), "ENet takes no weights")])
def test_what_a_network_doesn_t_have_is_said(words, part, folder, tmp_path):
    assert_refused(linknet("fit", "camvid", "--data", folder, "--out", tmp_path / "run", *words), part)


@pytest.mark.slow
def test_table1_is_printed_and_kept(folder, tmp_path):
    words = ("table1", "--data", folder, "--epochs", 1, "--size", "64x96", "--weights", "none", "--only", "enet", "--only", "rapid",
             "--out", tmp_path / "table")
    result = linknet(*words)
    assert result.returncode == 0, result.stderr
    assert "enet-0: 0 % of the table is done" in result.stdout and "min left" in result.stdout
    assert re.search(r"enet +rapid *\n mIoU +\d+\.\d +\d+\.\d *\n", result.stdout) and "…" not in result.stdout  # nothing is cut
    assert "is done" not in linknet(*words).stdout  # nothing is trained twice
    assert_refused(linknet("table1", "--data", folder, "--only", "unet"), "there is no row unet; the rows are segnet, enet")


def test_evaluate_scores_mirrored_images_and_borders_on_request(run):
    result = linknet("evaluate", run, "--tta", "flip", "--boundary", 3)
    assert result.returncode == 0, result.stderr
    assert "averaged over each image and its mirror image" in result.stdout and "IoU within 3 pixels" in result.stdout
    content = json.loads((run / "scores-val.json").read_text())
    assert content["protocol"]["tta"] == "flip" and content["protocol"]["boundary"] == 3
    # a void column lies between Sky and Road: 2 pixels on either side of it have the other class within 3
    assert sum(map(sum, content["boundary"]["confusion"])) == 4 * 64 * (2 + 2)
    low, high = content["interval"]["miou"]
    assert low <= content["scores"]["miou"] <= high
    table = pd.read_csv(run / "scores-val.csv")
    assert len(table) == 12 and table["boundary_iou"].iloc[-1] == pytest.approx(content["boundary"]["scores"]["miou"])


@pytest.mark.parametrize("words, part", [(("--tta", "turn"), "'turn' is unknown; there is flip"), (("--boundary", 0), "a band of 0 pixels")])
def test_evaluate_names_what_it_can_t_do(run, words, part):
    assert_refused(linknet("evaluate", run, *words), part)


def test_report_is_written_again_and_of_several(run, tmp_path):
    result = linknet("report", run)
    assert result.stdout.strip() == str(run / "report.html")
    copy = shutil.copytree(run, tmp_path / "second")
    assert linknet("report", run, copy, cwd=tmp_path).stdout.strip() == "comparison.html"
    assert "first, second" in (tmp_path / "comparison.html").read_text()
    assert_refused(linknet("report", tmp_path / "none"), "holds no run")
    shutil.rmtree(copy / "images")
    assert_refused(linknet("report", copy), "images.csv: there is no such file")


def test_runs_are_listed(run):
    result = linknet("runs", run.parent)
    miou = pd.read_csv(run / "history.csv").miou.max()
    assert result.stdout.splitlines()[1].split() == ["first", "camvid", "camvid11", "rapid", "2/2", "0.0", f"{100 * miou:.1f}"]
    assert_refused(linknet("runs", run / "figures"), "holds no runs")


def test_a_run_comes_back_as_a_learner(run):
    from linknet_fastai import SegmentationInterpretation, learner_from_run
    learn = learner_from_run(run)
    with learn.no_bar(), learn.no_logging(): interpretation = SegmentationInterpretation.from_learner(learn)
    assert interpretation.scores.confusion.tolist() == json.loads((run / "scores.json").read_text())["confusion"]


def test_show_results_draws(run):
    (run / "figures" / "worst-val.png").unlink()
    result = linknet("show-results", run, "--errors")
    assert result.stdout.strip() == str(run / "figures" / "worst-val.png")
    Image.open(run / "figures" / "worst-val.png").verify()


def test_predict_takes_any_image(run, tmp_path):
    images = tmp_path / "in" / "deeper"
    images.mkdir(parents=True)
    rng = np.random.default_rng(1)
    colors = Image.fromarray(rng.integers(0, 256, (50, 70, 3), dtype=np.uint8))
    colors.save(images / "a.png")
    colors.convert("L").save(images / "gray.jpg")
    colors.convert("RGBA").save(images / "alpha.webp")
    colors.convert("P").save(images / "palette.bmp")
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    colors.save(images / "turned.tiff", exif=exif)
    Image.fromarray(np.full((1, 3), 40_000, dtype=np.uint16)).save(images / "deep.PNG")
    (images / "notes.txt").write_text("not an image")
    result = linknet("predict", run, tmp_path / "in", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    sizes = {path.stem: Image.open(path).size for path in (tmp_path / "out" / "deeper").glob("*.png")}
    expected = {"a": (70, 50), "gray": (70, 50), "alpha": (70, 50), "palette": (70, 50), "turned": (50, 70), "deep": (3, 1)}
    assert sizes == expected | {f"{name}_overlay": size for name, size in expected.items()}
    mask = Image.open(tmp_path / "out" / "deeper" / "a.png")
    assert mask.mode == "P" and np.asarray(mask).max() < 11
    assert mask.getpalette()[3 * 3:3 * 4] == [128, 64, 128]  # CamVid's Road


def test_predict_does_what_it_can_and_names_what_it_cannot(run, folder, tmp_path):
    good, bad = folder / "val" / "0.png", tmp_path / "cut.png"
    bad.write_bytes(good.read_bytes()[:200])
    assert_refused(linknet("predict", run, bad, good, "--out", tmp_path / "out"), bad, "can't be read")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "0_overlay.png"]


def test_two_images_of_one_name_do_not_overwrite_each_other(run, folder, tmp_path):
    Image.open(folder / "val" / "0.png").save(tmp_path / "0.jpg")
    result = linknet("predict", run, folder / "val" / "0.png", tmp_path / "0.jpg", "--out", tmp_path / "out")
    assert_refused(result, "0.png", "0.jpg")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_lr_find_writes_its_curve(folder, tmp_path):
    out = tmp_path / "found"
    result = linknet("lr-find", "camvid", "--data", folder, "--weights", "none", "--batch-size", 4, "--out", out)
    assert result.returncode == 0, result.stderr
    curve = pd.read_csv(out / "lr-find.csv")
    assert curve.lr.is_monotonic_increasing and len(curve) > 20
    Image.open(out / "lr-find.png").verify()
    assert "valley" in result.stdout


@pytest.mark.slow
def test_fit_finds_its_own_rate(folder, tmp_path):
    assert quick(folder, tmp_path / "run", "--lr", "auto").returncode == 0
    assert 1e-7 < json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["lr"] < 10


def test_show_batch_draws(folder, tmp_path):
    result = linknet("show-batch", "camvid", "--data", folder, "--out", tmp_path / "batch.png")
    assert result.returncode == 0, result.stderr
    Image.open(tmp_path / "batch.png").verify()


def test_datasets_lists_them():
    assert {"streets", "camvid", "cityscapes", "folder"} <= set(linknet("datasets").stdout.split())


@pytest.mark.parametrize("words, parts", [
    (["fit", "camvids"], ["camvids", "streets, camvid"]),
    (["fit", "cityscapes"], ["needs a login", "--data DIR"]),
    (["fit", "folder"], ["--data DIR"]),
    (["fit", "camvid", "--masks", "truth"], ["--masks", "folder"]),
    (["datasets", "check", "camvids"], ["camvids"]),
    (["fit", "streets", "--protocol", "streets12"], ["streets12", "streets11"]),
    (["fit", "camvid", "--data", "nowhere"], ["nowhere", "no such folder"]),
    (["fit", "streets", "--encoder", "resnet19"], ["resnet19"]),
    (["fit", "streets", "--epochs", "0"], ["0 epochs"]),
    (["fit", "streets", "--size", "0x0"], ["0x0"]),
    (["fit", "streets", "--batch-size", "0"], ["batch of 0"]),
    (["fit", "streets", "--lr", "-1"], ["-1"]),
    (["fit", "streets", "--upsample", "bicubic"], ["bicubic"]),
    (["fit", "streets", "--recipe", "slow"], ["slow", "rapid, paper, modified"]),
    (["fit", "streets", "--splits", "val"], ["val", "train, train+val"]),
    (["fit", "streets", "--optimizer", "sgd"], ["sgd"]),
    (["fit", "streets", "--device", "tpu9"], ["tpu9"]),
    (["fit", "streets", "--precision", "int8"], ["int8"]),
    (["fit", "streets", "--weights", "nowhere.safetensors"], ["nowhere.safetensors"]),
    (["fit", "--resume", "nowhere"], ["nowhere", "no run"]),
    (["fit", "camvid", "--resume", "runs/camvid-1"], ["runs/camvid-1: a run goes on as it began"]),
    (["fit", "--resume", "runs/camvid-1", "--lr", "1"], ["runs/camvid-1: a run goes on as it began"]),
    (["evaluate", "nowhere"], ["nowhere", "no run"]),
    (["predict", "nowhere", "x.png"], ["nowhere", "no run"]),
])
def test_wrong_words_get_one_sentence(words, parts, tmp_path):
    assert_refused(linknet(*words, cwd=tmp_path), *parts)
    assert not list(tmp_path.iterdir())  # nothing begun, nothing left


def test_a_protocol_that_the_images_cannot_serve(folder, tmp_path):
    assert_refused(quick(folder, tmp_path / "run", "--protocol", "camvid32"), folder, "camvid32")


def test_a_folder_without_lists(tmp_path):
    assert_refused(quick(tmp_path, tmp_path / "run"), tmp_path, "train.txt")


def test_an_image_without_its_mask(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    assert_refused(quick(broken, tmp_path / "run"), "trainannot/3.png", "no such file", "unsound pairs: 1 of 14", "--skip-bad")
    assert not (tmp_path / "run").exists()


def test_bad_pairs_are_skipped_and_listed(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    (broken / "val" / "1.png").write_text("hello")
    result = quick(broken, tmp_path / "run", "--skip-bad")
    assert result.returncode == 0, result.stderr
    assert "skipped.csv" in result.stdout
    skipped = pd.read_csv(tmp_path / "run" / "skipped.csv")
    assert skipped.split.tolist() == ["train", "val"] and "trainannot/3.png: there is no such file" in skipped.problem[0]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["images"] == {"train": 9, "val": 3}
    assert "val: 3 images" in linknet("evaluate", tmp_path / "run").stdout  # as in training


def test_benchmark_measures_a_run_s_network(run):
    result = linknet("benchmark", run)
    assert result.returncode == 0, result.stderr
    assert "11 classes: 11.5 M parameters" in result.stdout and "at 64x96 in batches of 4" in result.stdout


def test_any_setting_may_be_given(folder, tmp_path):
    result = quick(folder, tmp_path / "run", "--recipe", "modified", "--dice", 0.25, "--no-flip", "--scale", 0.9, 1.1)
    assert result.returncode == 0, result.stderr
    recipe = json.loads((tmp_path / "run/config.json").read_text())["recipe"]
    assert (recipe["name"], recipe["upsample"], recipe["lr"]) == ("modified", "subpixel", 1e-3)
    assert (recipe["dice"], recipe["flip"], recipe["scale"]) == (0.25, False, [0.9, 1.1])


def test_the_paper_s_recipe_trains(folder, tmp_path):
    result = quick(folder, tmp_path / "run", "--recipe", "paper")
    assert result.returncode == 0, result.stderr
    assert pd.read_csv(tmp_path / "run/history.csv").lr.tolist() == pytest.approx([5e-4])


def test_a_final_network_has_no_validation_score(folder, tmp_path):
    result = quick(folder, tmp_path / "run", "--splits", "train+val")
    assert result.returncode == 0, result.stderr
    assert "mIoU" not in result.stdout and not (tmp_path / "run/scores.json").exists()
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["splits"] == "train+val" and config["images"] == {"train": 14}
    result = linknet("evaluate", tmp_path / "run")
    assert "trained on train+val" in result.stdout
    assert json.loads((tmp_path / "run/scores-val.json").read_text())["protocol"]["trained_on"] == "train+val"
    Image.open(tmp_path / "run/figures/curves.png").verify()


def test_a_sound_data_set_is_checked(folder, tmp_path):
    result = linknet("datasets", "check", "camvid", "--data", folder, "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "64x96" in result.stdout and "50.53 %" in result.stdout  # Road: 48 of 95 columns that are not void
    assert "never learnt: Building" in result.stdout
    assert pd.read_csv(tmp_path / "out/classes.csv")["class"].tolist()[:2] == ["Sky", "Building"]
    Image.open(tmp_path / "out/classes.png").verify()


@pytest.mark.parametrize("name", ["my images", "Straßenbilder é", "two\nlines", "[bold]"])
def test_a_folder_may_have_any_name(folder, tmp_path, name):
    data = shutil.copytree(folder, tmp_path / name)
    assert linknet("datasets", "check", "camvid", "--data", data, "--out", tmp_path / "out").returncode == 0
    (data / "train" / "5.png").write_text("hello")
    result = linknet("datasets", "check", "camvid", "--data", data, "--out", tmp_path / "out")
    assert_refused(result, "is unsound in 1 of 14 pairs")
    assert f"{name}/train/5.png: can't be read" in result.stdout.replace("\\n", "\n")


def test_an_unsound_data_set_is_listed_whole(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    shutil.copy(broken / "train" / "5.png", broken / "val" / "0.png")
    result = linknet("datasets", "check", "camvid", "--data", broken, "--out", tmp_path / "out")
    assert_refused(result, broken, "is unsound in 2 of 14 pairs")
    assert "trainannot/3.png: there is no such file" in result.stdout
    assert "train/5.png: stands in train, and in val as" in result.stdout


def test_from_a_folder_to_a_mask(folder, tmp_path):
    "Photographs under other names, masks of 0 and 255."
    data = tmp_path / "sky"
    (data / "photos").mkdir(parents=True), (data / "truth").mkdir()
    for number in range(10):
        Image.open(folder / "train" / f"{number}.png").save(data / "photos" / f"{number}.jpg")
        sky = np.asarray(Image.open(folder / "trainannot" / f"{number}.png")) == 0
        Image.fromarray((255 * sky).astype(np.uint8)).save(data / "truth" / f"{number}.png")
    (data / "classes.txt").write_text("rest\nsky 128 128 128\n")
    result = linknet("fit", "folder", "--data", data, "--images", "photos", "--masks", "truth", "--weights", "none", "--epochs", 4,
                     "--batch-size", 2, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert "folder2" in result.stdout and (data / "splits.csv").is_file()
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert scores["protocol"]["name"] == "folder2" and [row["class"] for row in scores["classes"]] == ["rest", "sky"]
    assert linknet("evaluate", tmp_path / "run").returncode == 0  # finds photos and truth again
    result = linknet("predict", tmp_path / "run", data / "photos", "--out", tmp_path / "masks")
    assert result.returncode == 0 and "10 masks" in result.stdout
    (data / "classes.txt").write_text("sky\nrest\n")
    assert_refused(linknet("evaluate", tmp_path / "run"), tmp_path / "run", "other classes")


def test_cityscapes_from_training_to_the_server_s_files(cityscapes_root, tmp_path):
    result = linknet("fit", "cityscapes", "--data", cityscapes_root, "--size", "64x128", "--weights", "none", "--epochs", 1,
                     "--batch-size", 2, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    benchmark = json.loads((tmp_path / "run/scores.json").read_text())["benchmark"]
    assert set(benchmark) == {"class_iou", "class_iiou", "category_iou", "category_iiou", "classes", "categories"}
    assert f"category iIoU {100 * benchmark['category_iiou']:.1f}" in result.stdout
    assert "category iIoU" in linknet("evaluate", tmp_path / "run").stdout
    assert_refused(linknet("evaluate", tmp_path / "run", "--split", "test"), "have no masks")

    result = linknet("predict", tmp_path / "run", cityscapes_root / "leftImg8bit/test", "--format", "cityscapes",
                     "--out", tmp_path / "results")
    assert result.returncode == 0, result.stderr
    files = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert files == ["berlin_000000_000019_labelIds.png", "berlin_000001_000019_labelIds.png"]
    image = Image.open(tmp_path / "results" / files[0])
    assert image.mode == "L" and image.size == (128, 64)
    assert set(np.unique(image)) <= {label.id for label in LABELS if label.scored}


def test_the_server_s_files_are_for_cityscapes_only(run, folder, cityscapes_root, tmp_path):
    frames = cityscapes_root / "leftImg8bit/test"
    assert_refused(linknet("predict", run, frames, "--format", "cityscapes"), "camvid11", "Cityscapes")
    assert_refused(linknet("predict", run, frames, "--format", "coco"), "coco", "masks, cityscapes")


def test_a_mask_of_another_size(broken, tmp_path):
    mask = broken / "valannot" / "1.png"
    Image.open(mask).resize((50, 40), Image.Resampling.NEAREST).save(mask)
    assert_refused(quick(broken, tmp_path / "run"), mask, "40x50", "64x96")


def test_a_mask_with_values_that_are_no_class(broken, tmp_path):
    mask = broken / "trainannot" / "2.png"
    values = np.asarray(Image.open(mask)).copy()
    values[0, :2] = 77, 200
    Image.fromarray(values).save(mask)
    assert_refused(quick(broken, tmp_path / "run"), mask, "77, 200")


def test_a_mask_in_colour(broken, tmp_path):
    mask = broken / "trainannot" / "2.png"
    Image.open(mask).convert("RGB").save(mask)
    assert_refused(quick(broken, tmp_path / "run"), mask, "RGB")


def test_a_image_cut_short(broken, tmp_path):
    image = broken / "train" / "5.png"
    image.write_bytes(image.read_bytes()[:-3000])
    assert_refused(quick(broken, tmp_path / "run"), image, "can't be read")
    assert not (tmp_path / "run").exists()


def test_a_text_file_named_png(broken, tmp_path):
    image = broken / "train" / "5.png"
    image.write_text("hello")
    assert_refused(quick(broken, tmp_path / "run"), image, "can't be read")


def test_a_list_that_leads_out_of_the_folder(broken, tmp_path):
    with open(broken / "train.txt", "a") as file: file.write("../../secret.png trainannot/0.png\n")
    assert_refused(quick(broken, tmp_path / "run"), "train.txt", "line 11", "../../secret.png")


def test_an_output_folder_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_refused(quick(folder, tmp_path / "file" / "run"), tmp_path / "file" / "run", "can't be written")


def test_a_run_is_never_overwritten(run, folder):
    before = (run / "model.safetensors").read_bytes()
    assert_refused(quick(folder, run), run, "already")
    assert (run / "model.safetensors").read_bytes() == before


def test_a_run_of_another_version(run, tmp_path):
    (tmp_path / "run").mkdir()
    config = json.loads((run / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps(config | {"format": 99}))
    assert_refused(linknet("evaluate", tmp_path / "run"), tmp_path / "run", "99")


def test_evaluate_names_the_splits_that_there_are(run):
    assert_refused(linknet("evaluate", run, "--split", "test"), "test", "train, val")


@pytest.mark.slow
def test_streets_trains_above_60(tmp_path):
    "The README's first command."
    result = linknet_process("fit", "streets", cwd=tmp_path, timeout=900)
    assert result.returncode == 0, result.stderr
    assert "next:     linknet-fastai predict runs/streets-1" in result.stdout
    assert json.loads((tmp_path / "runs/streets-1/scores.json").read_text())["scores"]["miou"] > 0.60


@pytest.mark.slow
@pytest.mark.skipif(not CAMVID.is_dir(), reason="../shared/camvid is not on this machine")
def test_real_camvid_learns_in_one_epoch(tmp_path):
    result = linknet("fit", "camvid", "--data", CAMVID, "--weights", WEIGHTS, "--epochs", 1, "--size", "96x128", "--lr", "0.005",
                     "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert scores["protocol"]["images"] == 101 and scores["protocol"]["resolution"] == "360x480"
    assert scores["scores"]["pixel_accuracy"] > 0.35  # always Road: 0.29
