"`linknet-fastai predict`."

import json

import numpy as np
from command_line import assert_refused, linknet, succeed
from PIL import Image


def test_it_takes_any_image(run, tmp_path):
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
    colors.resize((3, 1)).save(images / "small.PNG")
    (images / "notes.txt").write_text("not an image")
    succeed("predict", run, tmp_path / "in", "--out", tmp_path / "out")
    sizes = {path.stem: Image.open(path).size for path in (tmp_path / "out" / "deeper").glob("*.png")}
    expected = dict.fromkeys(("a", "gray", "alpha", "palette"), (70, 50)) | {"turned": (50, 70), "small": (3, 1)}
    assert sizes == expected | {f"{name}_overlay": size for name, size in expected.items()}
    mask = Image.open(tmp_path / "out" / "deeper" / "a.png")
    assert mask.mode == "P" and np.asarray(mask).max() < 11
    assert mask.getpalette()[3 * 3:3 * 4] == [128, 64, 128]  # CamVid's Road


def test_annotations_to_correct(run, folder, tmp_path):
    "The two least certain images as LabelMe's files, once: corrections are not overwritten."
    words = "predict", run, folder / "val", "--format", "labelme", "--least-certain", 2, "--out", tmp_path / "out"
    shown = succeed(*words)
    written = list((tmp_path / "out").rglob("*.json"))
    assert len(written) == 2 and all(f"{path.stem}.png" in shown.replace("\n", "") for path in written)
    assert {shape["shape_type"] for path in written for shape in json.loads(path.read_text())["shapes"]} == {"polygon"}
    assert_refused(linknet(*words), "may hold corrections")
    assert_refused(linknet("predict", run, folder / "val", "--least-certain", 0), "--least-certain 1")


def test_it_does_what_it_can_and_names_what_it_cannot(run, folder, tmp_path):
    good, bad = folder / "val" / "0.png", tmp_path / "cut.png"
    bad.write_bytes(good.read_bytes()[:200])
    assert_refused(linknet("predict", run, bad, good, "--out", tmp_path / "out"), bad)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".predicted.csv", "0.png", "0_overlay.png", "failed.csv"]


def test_two_images_of_one_name_do_not_overwrite_each_other(run, folder, tmp_path):
    Image.open(folder / "val" / "0.png").save(tmp_path / "0.jpg")
    result = linknet("predict", run, folder / "val" / "0.png", tmp_path / "0.jpg", "--out", tmp_path / "out")
    assert_refused(result, "0.png", "0.jpg", "1 of 2")
    assert "failed:" in result.stdout and (tmp_path / "out" / "0.png").exists()


def test_a_format_that_is_unknown_or_does_not_fit_is_named(run, cityscapes_root):
    frames = cityscapes_root / "leftImg8bit/test"
    assert_refused(linknet("predict", run, frames, "--format", "cityscapes"), "camvid11", "Cityscapes")
    assert_refused(linknet("predict", run, frames, "--format", "cityscape"), "'cityscape'", "did you mean cityscapes?")


def test_a_folder_without_a_run_is_named(tmp_path):
    assert_refused(linknet("predict", "nowhere", "x.png", cwd=tmp_path), "nowhere")


def test_a_line_of_json_an_image(run, folder, tmp_path):
    "Nothing else on standard output, so that programs can read it; also of those that fail."
    (tmp_path / "cut.png").write_bytes(b"cut")
    out = tmp_path / "out"
    result = linknet("predict", run, folder / "val", tmp_path / "cut.png", "--json", "--no-overlays", "--out", out)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 2
    assert [line["image"] for line in lines if "error" in line] == [str(tmp_path / "cut.png")]
    done = [line for line in lines if "error" not in line]
    assert len(done) == len(list((folder / "val").iterdir()))
    for line in done:
        mask = np.asarray(Image.open(line["mask"]))
        assert mask.shape == (line["height"], line["width"])
        shares = np.bincount(mask.ravel(), minlength=11) / mask.size
        assert list(line["classes"].values()) == shares.tolist() and "Sky" in line["classes"]


def test_images_a_second_are_said(run, folder, tmp_path):
    assert " a second" in succeed("predict", run, folder / "val", "--out", tmp_path / "out")


def test_it_goes_on_with_a_list_and_tiles(run, folder, tmp_path):
    (tmp_path / "list.txt").write_text("\n".join(map(str, sorted((folder / "val").iterdir()))))
    listed, out = tmp_path / "list.txt", tmp_path / "out"
    words = "predict", run, "--list", listed, "--out", out, "--jpeg-overlays", "--tta", "flip"
    tiles = "--tile", "64x64", "--overlap", 0.5
    succeed(*words, *tiles)
    assert (tmp_path / "out" / "0_overlay.jpg").exists()
    assert "predicted already" in linknet(*words, *tiles, "--continue").stderr
    assert "predicted anew" in linknet(*words, "--continue").stderr  # by whole images


def test_a_list_that_is_none_is_named(run, folder, tmp_path):
    image, utf16, empty = folder / "val" / "0.png", tmp_path / "utf16.txt", tmp_path / "empty.txt"
    utf16.write_text(str(image), encoding="utf-16")
    empty.write_text("# later\n")
    for file, part in ((image, "isn't a text file"), (utf16, "UTF-8"), (empty, "lists no images"),
                       (tmp_path / "gone.txt", "No such file")):
        assert_refused(linknet("predict", run, "--list", file, "--out", tmp_path / "out"), file.name, part)


def test_flags_that_exclude_each_other_are_named(run, folder):
    for words, named in [((), "--list"), ((folder, "--no-overlays", "--jpeg-overlays"), "--jpeg-overlays"),
                         ((folder, "--overlap", 0.5), "--tile"),
                         ((folder, "--format", "coco", "--continue"), "--continue"),
                         ((folder, "--least-certain", 3, "--continue"), "--continue"),
                         ((folder, "--format", "values", "--jpeg-overlays"), "--jpeg-overlays"),
                         ((folder, "--tile", "8x8"), "8x8")]:
        assert_refused(linknet("predict", run, *words), named)
