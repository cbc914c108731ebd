"CamVid's list layout, and the real images where they are."

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linknet_fastai.datasets.camvid import CLASSES, COLORS, PALETTE, camvid, published_split
from linknet_fastai.datasets.check import check
from linknet_fastai.errors import UserError

REAL = Path(__file__).parents[3] / "shared" / "camvid"


def touch(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)


def test_lists_are_followed_whatever_stands_before_their_paths(tmp_path):
    for name in ("train/a.png", "trainannot/a.png"): touch(tmp_path / name)
    (tmp_path / "train.txt").write_text("/SegNet/CamVid/train/a.png /SegNet/CamVid/trainannot/a.png\r\n\r\n")
    table = camvid(tmp_path).table
    assert table.values.tolist() == [[tmp_path / "train/a.png", tmp_path / "trainannot/a.png", "train"]]


def test_the_longest_end_of_a_path_wins(tmp_path):
    for name in ("x.png", "train/x.png", "m.png"): touch(tmp_path / name)
    (tmp_path / "val.txt").write_text("/elsewhere/train/x.png m.png\n")
    assert camvid(tmp_path).table.image[0] == tmp_path / "train/x.png"


@pytest.mark.parametrize("train, val, file", [("a.png m.png\n./a.png m.png\n", "", "train.txt"),
                                              ("a.png m.png\n", "a.png m.png\n", "val.txt")])
def test_an_image_that_lists_name_twice(tmp_path, train, val, file):
    for name in ("a.png", "m.png"): touch(tmp_path / name)
    (tmp_path / "train.txt").write_text(train), (tmp_path / "val.txt").write_text(val)
    with pytest.raises(UserError, match=f"{file}: names a.png") as raised: camvid(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_a_line_of_three_words_is_named(tmp_path):
    (tmp_path / "train.txt").write_text("a b c\n")
    with pytest.raises(UserError, match="line 1"): camvid(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/camvid is not on this machine")
def test_the_real_images():
    dataset = camvid(REAL)
    assert dataset.table.split.value_counts().to_dict() == {"train": 367, "val": 101}
    assert (len(dataset.classes), dataset.protocol) == (11, "camvid11")
    row = dataset.split("train").iloc[0]
    mask = dataset.read_mask(row["mask"], size=(360, 480))
    raw = Image.open(row["mask"])
    assert (mask == 255).sum() == raw.histogram()[11]  # what is unlabelled is void
    assert all((mask == c).sum() == raw.histogram()[c] for c in range(11))


def test_every_class_has_a_color_of_its_own():
    assert len(CLASSES) == len(set(PALETTE)) == 11


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/camvid is not on this machine")
def test_the_published_split_is_that_of_the_lists():
    for split in ("train", "val"):
        stems = [Path(line.split()[0]).stem for line in (REAL / f"{split}.txt").read_text().splitlines()]
        assert {published_split(stem) for stem in stems} == {split}


@pytest.mark.parametrize("stem, split", [
    ("Seq05VD_f00000", "test"), ("0001TP_008550", "test"), ("0001TP_008520", "train"), ("0016E5_07959", "val"),
    ("0016E5_08159", "val"), ("0016E5_07960", "train"), ("0016E5_08161", "train"), ("0006R0_f00930", "train")])
def test_the_published_split_by_name(stem, split):
    assert published_split(stem) == split


def painted(names) -> np.ndarray:
    "A row of pixels, one in each color."
    return np.array([[COLORS[name] for name in names]], dtype=np.uint8)


NAMES = ["Void", "Sky", "Archway", "TrafficCone", "LaneMkgsDriv", "RoadShoulder", "VegetationMisc", "TrafficLight",
         "Fence", "Train", "Animal", "MotorcycleScooter"]


def test_the_original_colors_are_fused_into_eleven_classes(tmp_path):
    (tmp_path / "701_StillsRaw_full").mkdir(), (tmp_path / "LabeledApproved_full").mkdir()
    for stem in ("0016E5_07959", "0001TP_006690", "Seq05VD_f00000"):
        Image.new("RGB", (12, 1)).save(tmp_path / "701_StillsRaw_full" / f"{stem}.png")
        Image.fromarray(painted(NAMES)).save(tmp_path / "LabeledApproved_full" / f"{stem}_L.png")
    dataset = camvid(tmp_path)
    assert dict(zip(dataset.table.image.map(lambda p: p.stem), dataset.table.split)) == {
        "0001TP_006690": "train", "0016E5_07959": "val", "Seq05VD_f00000": "test"}
    assert dataset.read_mask(dataset.table["mask"][0]).tolist() == [[255, *range(11)]]
    every = camvid(tmp_path, "camvid32")
    mask = every.read_mask(every.table["mask"][0])
    assert [every.classes[c] for c in mask[0, 1:]] == NAMES[1:] and mask[0, 0] == 255
    assert len(every.classes) == 31 and every.protocol == "camvid32"


def test_a_color_that_is_no_class_is_named(tmp_path):
    Image.new("RGB", (2, 1)).save(tmp_path / "0001TP_006690.png")
    Image.new("RGB", (2, 1), (1, 2, 3)).save(tmp_path / "0001TP_006690_L.png")
    dataset = camvid(tmp_path)
    with pytest.raises(UserError, match=r"_L\.png.*\(1, 2, 3\)"): dataset.read_mask(dataset.table["mask"][0])


@pytest.mark.parametrize("name", ["0001TP_006690.png", "0001TP_006690_L.png"])
def test_frames_and_masks_of_one_name(tmp_path, name):
    for path in ("0001TP_006690.png", "0001TP_006690_L.png", "other.png", "old/other.png"): touch(tmp_path / path)
    assert len(camvid(tmp_path).table) == 1
    touch(tmp_path / "old" / name)
    with pytest.raises(UserError, match="has the same name as") as raised: camvid(tmp_path)
    assert str(tmp_path / "old" / name) in str(raised.value)


def fastai_layout(root: Path, stems, codes=tuple(COLORS)):
    (root / "images").mkdir(), (root / "labels").mkdir()
    (root / "codes.txt").write_text("\n".join(codes))
    for stem in stems:
        Image.new("RGB", (len(codes), 1)).save(root / "images" / f"{stem}.png")
        Image.fromarray(np.arange(len(codes), dtype=np.uint8)[None]).save(root / "labels" / f"{stem}_P.png")


def test_fastai_s_indices_go_by_the_names_in_codes_txt(tmp_path):
    fastai_layout(tmp_path, ["0001TP_006690"], codes=NAMES)
    dataset = camvid(tmp_path)
    assert dataset.read_mask(dataset.table["mask"][0]).tolist() == [[255, *range(11)]]


def test_fastai_s_valid_txt_names_the_validation_frames_and_test_frames_stay_test(tmp_path):
    fastai_layout(tmp_path, ["0001TP_006690", "0006R0_f00930", "Seq05VD_f00000"])
    without = camvid(tmp_path)  # as CAMVID_TINY, which has no valid.txt
    assert set(without.table.split) == {"train", "test"} and without.split_source.startswith("the published one")
    (tmp_path / "valid.txt").write_text("0006R0_f00930.png\n")
    assert camvid(tmp_path).table.split.tolist() == ["train", "val", "test"]
    assert camvid(tmp_path).split_source == "valid.txt, and the published test frames"


def test_a_mask_without_its_image_is_named(tmp_path):
    fastai_layout(tmp_path, ["0001TP_006690"])
    (tmp_path / "images" / "0001TP_006690.png").unlink()
    assert check(camvid(tmp_path)).problems.problem[0].startswith(f"{tmp_path}/images/0001TP_006690.png: ")


def test_a_file_that_is_no_frame_is_named(tmp_path):
    fastai_layout(tmp_path, ["holiday"])
    with pytest.raises(UserError, match="holiday"): camvid(tmp_path)


def test_a_list_that_is_no_text(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(UserError, match="train.txt"): camvid(tmp_path)


def test_a_list_that_is_a_symlink_out_of_the_folder_is_not_read(tmp_path):
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "camvid").mkdir()
    (tmp_path / "camvid" / "train.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="train.txt: .* outside"): camvid(tmp_path / "camvid")


def test_eleven_class_masks_cannot_serve_32(tmp_path):
    for name in ("a.png", "m.png"): touch(tmp_path / name)
    (tmp_path / "train.txt").write_text("a.png m.png\n")
    with pytest.raises(UserError, match="camvid32"): camvid(tmp_path, "camvid32")


def test_an_unknown_protocol_names_those_that_there_are(tmp_path):
    with pytest.raises(UserError, match="camvid11, camvid32"): camvid(tmp_path, "camvid12")


def test_without_a_folder_fastai_s_copy_is_taken(tmp_path, monkeypatch):
    "The download itself is the one thing that is faked."
    fastai_layout(tmp_path, ["0001TP_006690"])
    monkeypatch.setattr("linknet_fastai.network.probe", lambda url: None)
    monkeypatch.setattr("fastai.data.external.untar_data", lambda url: tmp_path)
    assert camvid().root == tmp_path and camvid().is_fetched


def test_offline_the_message_says_where_to_put_a_copy(monkeypatch):
    "And nothing is begun that draws a bar."
    def fails(url): raise OSError("no route to host")
    monkeypatch.setattr("linknet_fastai.network.probe", fails)
    monkeypatch.setattr("fastai.data.external.untar_data", lambda url: pytest.fail("asked in vain"))
    with pytest.raises(UserError, match=r"camvid\.tgz: .*--data DIR"): camvid()
