"`linknet-fastai fit`."

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import TINY, assert_refused, linknet, linknet_process, quick, succeed
from PIL import Image

CAMVID = Path(__file__).parents[3] / "shared" / "camvid"
WEIGHTS = CAMVID.parent / "weights" / "resnet18-imagenet.safetensors"


def test_it_leaves_a_run_that_stands_alone(run):
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
    assert {file.stem for file in (run / "figures").iterdir()} == {
        "curves", "frequencies", "iou", "confusion", "worst-val", "median-val", "best-val"}
    for figure in (run / "figures").iterdir(): Image.open(figure).verify()
    assert len(list((run / "gallery").glob("*-prediction.png"))) == 4
    assert (run / "report.html").stat().st_size > 10_000
    assert not list(run.rglob(".*.part*"))


def test_a_run_comes_back_as_a_learner(run):
    from linknet_fastai import SegmentationInterpretation, learner_from_run
    learn = learner_from_run(run)
    with learn.no_bar(), learn.no_logging(): interpretation = SegmentationInterpretation.from_learner(learn)
    assert interpretation.scores.confusion.tolist() == json.loads((run / "scores.json").read_text())["confusion"]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
@pytest.mark.parametrize("model, description", [
    ("segnet", "SegNet, vgg16_bn from none"), ("enet", "ENet, from scratch")])
def test_other_models_go_through_the_same_door(model, description, folder, tmp_path):
    run = tmp_path / "run"
    printed = succeed("fit", "camvid", "--data", folder, "--model", model, "--weights", "none", "--size", "64x64",
                      "--batch-size", 4, "--epochs", 1, "--out", run)
    assert description in printed
    succeed("evaluate", run)
    assert json.loads((run / "scores.json").read_text()) == json.loads((run / "scores-val.json").read_text())
    succeed("predict", run, folder / "val" / "0.png")
    assert np.asarray(Image.open(run / "predictions/0.png")).shape == (64, 96)


@pytest.mark.parametrize("words, parts", [
    (("--model", "segnett"), ("'segnett'", "did you mean segnet")),
    (("--model", "segnet", "--encoder", "resnet34"), ("segnet", "--encoder")),
    (("--model", "enet", "--weights", "x.safetensors"), ("ENet", "x.safetensors", "--weights"))])
def test_what_a_model_doesn_t_have_is_said(words, parts, folder, tmp_path):
    assert_refused(linknet("fit", "camvid", "--data", folder, "--out", tmp_path / "run", *words), *parts)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_it_finds_its_own_lr(folder, tmp_path):
    assert quick(folder, tmp_path / "run", "--lr", "auto").returncode == 0
    assert 1e-7 < json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["lr"] < 10


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
def test_any_setting_may_be_given(folder, tmp_path):
    more = "--recipe", "modified", "--dice-weight", 0.25, "--no-flip", "--scale", 0.9, 1.1, "--class-weight-power", 0.75
    result = quick(folder, tmp_path / "run", *more)
    assert result.returncode == 0, result.stderr
    recipe = json.loads((tmp_path / "run/config.json").read_text())["recipe"]
    assert (recipe["name"], recipe["upsample"], recipe["lr"]) == ("modified", "subpixel", 1e-3)
    assert (recipe["dice_weight"], recipe["flip"], recipe["scale"]) == (0.25, False, [0.9, 1.1])
    assert recipe["class_weight_power"] == 0.75


def test_a_final_model_has_no_validation_score(folder, tmp_path):
    result = quick(folder, tmp_path / "run", "--splits", "train+val")
    assert result.returncode == 0, result.stderr
    assert "mIoU" not in result.stdout and not (tmp_path / "run/scores.json").exists()
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["splits"] == "train+val" and config["images"] == {"train": 14}
    assert "trained on train+val" in succeed("evaluate", tmp_path / "run")
    assert json.loads((tmp_path / "run/scores-val.json").read_text())["protocol"]["trained_on"] == "train+val"
    Image.open(tmp_path / "run/figures/curves.png").verify()


@pytest.mark.usefixtures("without_figures")
def test_from_a_folder_to_masks(folder, tmp_path):
    "Photographs under other names, masks of 0 and 255."
    data = tmp_path / "sky"
    (data / "photos").mkdir(parents=True), (data / "truth").mkdir()
    for number in range(10):
        Image.open(folder / "train" / f"{number}.png").save(data / "photos" / f"{number}.jpg")
        sky = np.asarray(Image.open(folder / "trainannot" / f"{number}.png")) == 0
        Image.fromarray((255 * sky).astype(np.uint8)).save(data / "truth" / f"{number}.png")
    (data / "classes.txt").write_text("rest\nsky 128 128 128\n")
    printed = succeed("fit", "folder", "--data", data, "--images", "photos", "--masks", "truth", *TINY, "--epochs", 1,
                      "--out", tmp_path / "run")
    assert "folder2" in printed and (tmp_path / "run" / "splits.csv").is_file()
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert scores["protocol"]["name"] == "folder2"
    assert [row["class"] for row in scores["classes"]] == ["rest", "sky"]
    succeed("evaluate", tmp_path / "run")  # finds photos and truth again
    assert "10 masks" in succeed("predict", tmp_path / "run", data / "photos", "--out", tmp_path / "masks")
    for names in ("rest\nclouds\n", "sky\nrest\n"):
        (data / "classes.txt").write_text(names)
        assert_refused(linknet("evaluate", tmp_path / "run"), data / "classes.txt")


# What is refused

@pytest.mark.parametrize("words, parts", [
    (["camvids"], ["'camvids'", "did you mean camvid?"]),
    (["cityscapes"], ["--data"]),
    (["folder"], ["--data"]),
    (["camvid", "--masks", "truth"], ["--masks", "folder"]),
    (["camvid", "--data", "nowhere"], ["nowhere"]),
])
def test_a_dataset_that_can_t_be_had_is_named(words, parts, tmp_path):
    assert_refused(linknet("fit", *words, cwd=tmp_path), *parts)
    assert not list(tmp_path.iterdir())  # nothing begun, nothing left


@pytest.mark.parametrize("flag, value, parts", [
    ("--protocol", "camvid12", ["camvid12", "camvid11"]),
    ("--encoder", "resnet19", ["'resnet19'", "resnet18"]),
    ("--recipe", "rapit", ["'rapit'", "did you mean rapid?"]),
    ("--optimizer", "rmsprp", ["'rmsprp'", "did you mean rmsprop?"]),
    ("--log", "tensorbord", ["'tensorbord'", "did you mean tensorboard?"]),
    ("--splits", "val", ["'val'", "train, train+val"]),
    ("--upsample", "bicubic", ["bicubic"]),
    ("--epochs", "0", ["--epochs", "0"]),
    ("--size", "0x0", ["--size", "(0, 0)"]),
    ("--batch-size", "0", ["--batch-size", "0"]),
    ("--lr", "-1", ["-1"]),
    ("--lr", "inf", ["--lr", "inf"]),
    ("--weight-decay", "nan", ["--weight-decay", "nan"]),
    ("--rotation", "inf", ["--rotation", "inf"]),
    ("--seed", f"1{'0' * 30}", ["--seed", f"1{'0' * 30}"]),
    ("--batch-size", f"1{'0' * 30}", ["--batch-size"]),
    ("--channels", f"1{'0' * 30}", ["--channels"]),
    ("--device", "tpu9", ["tpu9"]),
    ("--precision", "int8", ["int8"]),
    ("--weights", "nowhere.safetensors", ["nowhere.safetensors"]),
])
def test_a_setting_that_can_t_be_is_named(flag, value, parts, folder, tmp_path):
    assert_refused(linknet("fit", "camvid", "--data", folder, flag, value, cwd=tmp_path), *parts)
    assert not list(tmp_path.iterdir())


def test_a_protocol_that_the_images_cannot_serve(folder, tmp_path):
    assert_refused(quick(folder, tmp_path / "run", "--protocol", "camvid32"), folder, "camvid32")


def test_a_folder_without_lists(tmp_path):
    assert_refused(quick(tmp_path, tmp_path / "run"), tmp_path, "train.txt")


def test_an_image_without_its_mask(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    assert_refused(quick(broken, tmp_path / "run"), "trainannot/3.png", "1 of 14", "--skip-bad")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("without_figures")
def test_bad_samples_are_skipped_and_listed(broken, tmp_path):
    (broken / "trainannot" / "3.png").unlink()
    (broken / "val" / "1.png").write_text("hello")
    result = quick(broken, tmp_path / "run", "--skip-bad")
    assert result.returncode == 0, result.stderr
    assert "skipped.csv" in result.stdout
    skipped = pd.read_csv(tmp_path / "run" / "skipped.csv")
    assert skipped.split.tolist() == ["train", "val"]
    assert "trainannot/3.png" in skipped.problem[0] and "val/1.png" in skipped.problem[1]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["images"] == {"train": 9, "val": 3}
    assert "val: 3 images" in succeed("evaluate", tmp_path / "run")  # as in training


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


def test_a_mask_in_color(broken, tmp_path):
    mask = broken / "trainannot" / "2.png"
    Image.new("RGB", Image.open(mask).size, (128, 64, 128)).save(mask)
    assert_refused(quick(broken, tmp_path / "run"), mask)


def test_an_image_cut_short(broken, tmp_path):
    image = broken / "train" / "5.png"
    image.write_bytes(image.read_bytes()[:-3000])
    assert_refused(quick(broken, tmp_path / "run"), image)
    assert not (tmp_path / "run").exists()


def test_a_text_file_named_png(broken, tmp_path):
    image = broken / "train" / "5.png"
    image.write_text("hello")
    assert_refused(quick(broken, tmp_path / "run"), image)


def test_a_list_that_leads_out_of_the_folder(broken, tmp_path):
    with open(broken / "train.txt", "a") as file: file.write("../../secret.png trainannot/0.png\n")
    assert_refused(quick(broken, tmp_path / "run"), "train.txt", "line 11", "../../secret.png")


def test_an_output_folder_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_refused(quick(folder, tmp_path / "file" / "run"), tmp_path / "file" / "run")


def test_a_run_is_never_overwritten(run, folder):
    before = (run / "model.safetensors").read_bytes()
    assert_refused(quick(folder, run), run, "--out")
    assert (run / "model.safetensors").read_bytes() == before


# As published

@pytest.mark.slow
def test_the_first_command_trains_on_streets(tmp_path):
    "An epoch of a tiny encoder by it; what it learns is tested by the quickstart, which trains as it does."
    result = linknet_process("fit", "streets", "--epochs", "1", "--size", "64x80", "--encoder", "test_resnet",
                             cwd=tmp_path, timeout=900)
    assert result.returncode == 0, result.stderr
    assert "next:     linknet-fastai predict runs/streets-1" in result.stdout
    recipe = json.loads((tmp_path / "runs/streets-1/config.json").read_text())["recipe"]
    assert (recipe["lr"], recipe["weights"], recipe["flip"]) == (1e-2, "none", False)  # streets' own
    assert json.loads((tmp_path / "runs/streets-1/scores.json").read_text())["protocol"]["images"] == 50


@pytest.mark.usefixtures("without_figures")
@pytest.mark.slow
@pytest.mark.skipif(not CAMVID.is_dir(), reason="../shared/camvid is not on this machine")
def test_real_camvid_learns_in_one_epoch(tmp_path):
    succeed("fit", "camvid", "--data", CAMVID, "--weights", WEIGHTS, "--epochs", 1, "--size", "96x128", "--lr", 0.005,
            "--train-images", 184, "--out", tmp_path / "run")
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    assert scores["protocol"]["images"] == 101 and scores["protocol"]["resolution"] == "360x480"
    assert scores["scores"]["pixel_accuracy"] > 0.35  # always Road: 0.29
