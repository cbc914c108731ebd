"Labels are never misread: what a folder's masks mean, or why they are refused."

import json
import re
import struct
from pathlib import Path
from zlib import compress, crc32

import numpy as np
import pytest
import tifffile
from folders import BLACK, GREEN, PALETTE, RED, save_colors, save_gray, save_palette, stripes, write_folder
from PIL import Image, ImageCms

from linknet_fastai.dataset_options import DatasetOptions
from linknet_fastai.datasets.check import check
from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID
from linknet_fastai.workflows.convert import convert


def meaning(root: Path) -> tuple[tuple[str, ...], dict]:
    dataset = folder(root)
    return dataset.classes, dict(dataset.values)


def refusal(root: Path) -> str:
    with pytest.raises(UserError) as raised: folder(root)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def with_values(masks: list[np.ndarray], **values: int) -> list[np.ndarray]:
    "Masks whose 1, 2 ... are other values: `_1=7`."
    lookup = np.arange(256, dtype=np.uint8)
    for name, value in values.items(): lookup[int(name[1:])] = value
    return [lookup[mask] for mask in masks]


# Two values

@pytest.mark.parametrize("classes, expected", [
    ("road\n", ("background", "road")), ("rest\nroad\n", ("rest", "road")), (None, ("0", "255"))])
def test_black_and_white_are_two_classes_whatever_is_named(tmp_path, classes, expected):
    assert meaning(write_folder(tmp_path, stripes((0, 255)), classes)) == (expected, {0: 0, 255: 1})


def test_a_background_is_added_to_0_and_1_too(tmp_path):
    classes, values = meaning(write_folder(tmp_path, stripes((0, 1)), "road\n"))
    assert classes == ("background", "road") and (values[0], values[1]) == (0, 1)


def test_names_that_don_t_fit_the_values_are_refused_side_by_side(tmp_path):
    message = refusal(write_folder(tmp_path, stripes((0, 255)), "a\nb\nc\n"))
    for part in ("classes.txt", "0 (", "255 (", "a, b, c"): assert part in message


@pytest.mark.parametrize("classes, names", [(None, ("0", "127", "255")), ("a\nb\nc\n", ("a", "b", "c"))])
def test_255_is_a_class_where_there_is_no_run_beside_it(tmp_path, classes, names):
    masks = with_values(stripes((0, 1, 2)), _1=127, _2=255)
    assert meaning(write_folder(tmp_path, masks, classes)) == (names, {0: 0, 127: 1, 255: 2})


def test_255_is_void_beside_a_run(tmp_path):
    assert meaning(write_folder(tmp_path, stripes((0, 1, 255)))) == (("0", "1"), {0: 0, 1: 1, 255: VOID})


@pytest.mark.parametrize("classes", [None, "rest\nroad\n"])
def test_0_1_in_some_files_and_0_255_in_others_are_refused(tmp_path, classes):
    message = refusal(write_folder(tmp_path, stripes((0, 1), 5) + stripes((0, 255), 5), classes))
    assert "00.png" in message and "05.png" in message


@pytest.mark.parametrize("classes, names", [
    (None, ("#000000", "#c80000")), ("road\n", ("background", "road")), ("road 200 0 0\n", ("background", "road")),
    ("rest\nroad\n", ("rest", "road"))])
def test_one_color_on_black_is_two_classes(tmp_path, classes, names):
    assert meaning(write_folder(tmp_path, stripes((0, 1)), classes, save=save_colors(PALETTE))) == (names, {BLACK: 0,
                                                                                                            RED: 1})


def test_transparency_may_be_the_mask(tmp_path):
    def save(mask, path): Image.fromarray(np.dstack([np.full((*mask.shape, 3), 255, np.uint8), mask])).save(path)
    assert meaning(write_folder(tmp_path, stripes((0, 255)), "road\n", save=save)) == (("background", "road"), {0: 0,
                                                                                                                255: 1})


def save_rgba(**colors: tuple[int, int, int, int]):
    "Values 0, 1 ... as these colors: `_0=(0, 0, 0, 0)`."
    def save(mask, path):
        lookup = np.zeros((256, 4), np.uint8)
        for name, color in colors.items(): lookup[int(name[1:])] = color
        Image.fromarray(lookup[mask]).save(path)
    return save


def with_blank(value: int, count: int = 10) -> list[np.ndarray]:
    "Masks of 0 and 1, the last of which has this value everywhere."
    return [*stripes((0, 1), count - 1), np.full((32, 48), value, np.uint8)]


ON_WHITE = save_rgba(_0=(255, 255, 255, 0), _1=(255, 255, 255, 255))
ON_BLACK = save_rgba(_0=(0, 0, 0, 0), _1=(0, 0, 0, 255))


@pytest.mark.parametrize("save, blank", [(ON_WHITE, 1), (ON_BLACK, 0)], ids=["object", "no object"])
def test_a_mask_that_is_the_same_by_color_and_by_transparency_is_read(tmp_path, save, blank):
    root = write_folder(tmp_path, with_blank(blank), "road\n", save=save)
    assert (folder(root).read_mask(root / "masks" / "09.png") == blank).all()
    assert (folder(root).read_mask(root / "masks" / "00.png") == stripes((0, 1), 9)[0]).all()


@pytest.mark.parametrize("save, blank", [
    (ON_WHITE, 0), (ON_BLACK, 1), ([*[ON_WHITE] * 9, save_colors(PALETTE)], 1), ([*[ON_WHITE] * 9, save_gray], 1),
    ([*[ON_WHITE] * 9, save_palette(PALETTE)], 1), ([*[ON_WHITE] * 9, save_rgba(_0=RED + (0,), _1=RED + (255,))], 1)],
    ids=["no object", "object", "RGB", "gray", "palette", "another color"])
@pytest.mark.parametrize("classes", [None, "road\n", "rest 0 0 0\nroad 255 255 255\n"])
def test_transparency_beside_colors_is_refused_with_two_files(tmp_path, save, blank, classes):
    "White where nothing is visible has the value 255, and black where all is has 0."
    message = refusal(write_folder(tmp_path, with_blank(blank), classes, save=save))
    assert "00.png" in message and "09.png" in message and "without transparency" in message


CLEAR, OPAQUE_BLACK, OPAQUE_RED = (0, 0, 0, 0), (0, 0, 0, 255), RED + (255,)


def test_what_is_transparent_is_a_class_of_its_color_where_that_is_seen_nowhere(tmp_path):
    save = save_rgba(_0=CLEAR, _1=OPAQUE_RED)
    root = write_folder(tmp_path, with_blank(0), "rest\nroad\n", save=save)
    assert meaning(root) == (("rest", "road"), {BLACK: 0, RED: 1})
    assert (folder(root).read_mask(root / "masks" / "09.png") == 0).all()


def test_a_color_that_is_visible_and_hidden_in_one_file_is_that_file_s_problem(tmp_path):
    save = save_rgba(_0=CLEAR, _1=OPAQUE_RED, _2=OPAQUE_BLACK)
    root = write_folder(tmp_path, [*stripes((0, 1), 9), stripes((0, 1, 2))[0]], "rest\nroad\n", save=save)
    [problem] = check(folder(root)).problems.problem
    assert "09.png" in problem and "without transparency" in problem


def test_a_color_that_is_visible_in_one_file_and_hidden_in_another_is_refused(tmp_path):
    save = save_rgba(_0=CLEAR, _1=OPAQUE_RED, _2=OPAQUE_BLACK)
    message = refusal(write_folder(tmp_path, [*stripes((0, 1), 9), stripes((2, 1))[0]], "rest\nroad\n", save=save))
    assert "08.png" in message and "09.png" in message and str(BLACK) in message and "without transparency" in message


def test_masks_of_a_known_meaning_are_refused_too(tmp_path):
    known = folder(write_folder(tmp_path / "trained", stripes((0, 1)), save=ON_WHITE)).options["meaning"]
    other = write_folder(tmp_path / "other", with_blank(0), save=ON_WHITE)
    with pytest.raises(UserError, match="09.png"): folder(other, DatasetOptions(meaning=known))


@pytest.mark.parametrize("classes", [None, "road\n"])
def test_masks_of_one_class_are_refused(tmp_path, classes):
    assert "one class" in refusal(write_folder(tmp_path, stripes((0,)), classes))


# Compressed and smoothed masks

def test_jpeg_masks_are_refused_with_their_values(tmp_path):
    message = refusal(write_folder(tmp_path, stripes((0, 255)), "rest\nroad\n", ".jpg"))
    assert "0 (" in message and "255 (" in message and "PNG" in message and "00.jpg" in message


def saved(**how) -> object: return lambda mask, path: Image.fromarray(mask).save(path, **how)


def icc_profile() -> bytes: return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


LOSSY = {"JPEG": (".jpg", saved()), "JPEG in TIFF": (".tif", saved(compression="jpeg")),
         "WebP": (".webp", saved(quality=80)),
         "extended WebP": (".webp", saved(quality=80, icc_profile=icc_profile())), "AVIF": (".avif", saved())}


def discs(values: tuple[int, ...], count: int = 10) -> list[np.ndarray]:
    "Masks uint8 `[32,48]` of rings of these values, each 12 pixels wide, which compression doesn't keep."
    y, x = np.mgrid[:32, :48]
    rings = [np.hypot(y - 16, x - 20 - number) // 12 for number in range(count)]
    return [np.array(values, np.uint8)[ring.astype(int).clip(0, len(values) - 1)] for ring in rings]


@pytest.mark.parametrize("classes", [None, "a\nb\nc\n"])
@pytest.mark.parametrize("name", LOSSY)
def test_values_that_compression_changes_are_no_classes(tmp_path, name, classes):
    "Between 0 and 2 artifacts are classes to look at."
    suffix, save = LOSSY[name]
    message = refusal(write_folder(tmp_path, discs((0, 1, 2)), classes, suffix, save))
    assert "compressed" in message and f"00{suffix}" in message and "PNG" in message


def test_artifacts_are_no_classes_of_a_run_either(tmp_path):
    known = folder(write_folder(tmp_path / "trained", stripes((0, 1, 2, 3)))).options["meaning"]
    other = write_folder(tmp_path / "other", discs((0, 1, 2)), suffix=".jpg")
    with pytest.raises(UserError, match="00.jpg"): folder(other, DatasetOptions(meaning=known))


def test_black_and_white_that_compression_kept_are_two_classes(tmp_path):
    "JPEG keeps blocks of 8x8 equal pixels, at this quality to the number."
    masks = [np.kron(np.eye(4, 6, k, np.uint8), np.full((8, 8), 255, np.uint8)) for k in range(5)]
    root = write_folder(tmp_path, masks, "rest\nroad\n", ".jpg", saved(quality=100))
    assert (folder(root).read_mask(root / "masks" / "02.jpg") == masks[2] // 255).all()


@pytest.mark.parametrize("suffix, how", [
    (".webp", {"lossless": True}), (".webp", {"lossless": True, "icc_profile": icc_profile()}),
    (".tif", {"compression": "tiff_lzw"}), (".tif", {"compression": "tiff_adobe_deflate"}), (".tif", {})],
    ids=["WebP", "extended WebP", "LZW", "deflate", "raw"])
def test_lossless_masks_may_have_rare_classes(tmp_path, suffix, how):
    masks = stripes((0, 1, 2))
    masks[0] = masks[0].copy()
    masks[0][0, 0] = 3  # 1 pixel of 15,360: a lossy format's would be an artifact
    root = write_folder(tmp_path, masks, suffix=suffix, save=saved(**how))
    assert folder(root).classes == ("0", "1", "2", "3")


def one_hot(count: int, **how) -> object:
    def save(mask, path):
        bands = np.stack([(mask == number) * np.uint8(255) for number in range(count)], axis=-1)
        tifffile.imwrite(path, bands, photometric="rgb", planarconfig="contig", **how)
    return save


@pytest.mark.parametrize("save", [one_hot(5), one_hot(4, extrasamples=["unspecified"])], ids=["5", "4"])
def test_a_tiff_of_more_bands_than_a_color_is_refused(tmp_path, save):
    "Read as RGB, the classes from the fourth on would all be black."
    message = refusal(write_folder(tmp_path, stripes((0, 1, 2, 3)), suffix=".tif", save=save))
    assert "00.tif" in message and "channel" in message


@pytest.mark.parametrize("classes", [None, "rest\nroad\n"])
def test_smooth_edges_are_refused(tmp_path, classes):
    smooth = [np.asarray(Image.fromarray(mask).rotate(10, Image.Resampling.BILINEAR)) for mask in stripes((0, 255))]
    assert "smoothed" in refusal(write_folder(tmp_path, smooth, classes))


@pytest.mark.parametrize("classes", [None, "rest\nroad\n"])
def test_a_stray_pixel_is_the_problem_of_its_file(tmp_path, classes):
    masks = stripes((0, 255), 40)
    masks[3] = masks[3].copy()
    masks[3][5, 5] = 254
    result = check(folder(write_folder(tmp_path, masks, classes)))
    [problem] = result.problems.problem
    assert "03.png" in problem and "254" in problem
    assert len(result.usable(skip_bad=True).table) == 39


def test_colors_one_off_are_refused(tmp_path):
    def save(mask, path):
        colors = np.array(PALETTE, np.uint8)[mask]
        colors[::7, ::5] += 1
        Image.fromarray(colors).save(path)
    assert "compressed" in refusal(write_folder(tmp_path, stripes((0, 1, 2)), save=save))


def test_rare_classes_of_a_run_are_classes(tmp_path):
    masks = stripes((0, 1, 2))
    masks[0] = masks[0].copy()
    masks[0][0, 0] = 3  # 1 pixel of 15,360
    assert meaning(write_folder(tmp_path, masks))[0] == ("0", "1", "2", "3")


# Palettes

SWAPPED = (BLACK, GREEN, RED)


def read(root: Path, number: int) -> np.ndarray:
    dataset = folder(root)
    return np.array(dataset.classes)[dataset.read_mask(root / "masks" / f"{number:02}.png")]


@pytest.mark.parametrize("classes, names", [(None, ("#000000", "#c80000", "#00b400")),
                                            ("ground 0 0 0\nred 200 0 0\ngreen 0 180 0\n",
                                                                                           ("ground", "red", "green"))])
def test_where_palettes_differ_from_file_to_file_colors_decide(tmp_path, classes, names):
    "Index 1 is red in one file, green in the next."
    root = write_folder(tmp_path, stripes((0, 1, 2)), classes, save=[save_palette(PALETTE), save_palette(SWAPPED)])
    masks = stripes((0, 1, 2))
    assert (read(root, 0) == np.array(names)[masks[0]]).all()
    assert (read(root, 1) == np.array([names[0], names[2], names[1]])[masks[1]]).all()


def test_colors_in_classes_txt_decide_over_a_palette_s_order(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1, 2)), "ground 0 0 0\ngreen 0 180 0\nred 200 0 0\n",
                        save=save_palette(PALETTE))
    assert (read(root, 0) == np.array(["ground", "red", "green"])[stripes((0, 1, 2))[0]]).all()


def test_a_palette_alike_in_all_files_is_read_by_index_and_gives_the_colors(tmp_path):
    dataset = folder(write_folder(tmp_path, stripes((0, 1, 2)), save=save_palette(PALETTE)))
    assert dataset.classes == ("0", "1", "2") and dataset.palette == PALETTE and not dataset.in_color


def test_palette_and_rgb_files_may_be_mixed(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1, 2)), "ground 0 0 0\nred 200 0 0\ngreen 0 180 0\n",
                        save=[save_palette(SWAPPED), save_colors(PALETTE)])
    masks = stripes((0, 1, 2))
    assert (read(root, 0) == np.array(["ground", "green", "red"])[masks[0]]).all()
    assert (read(root, 1) == np.array(["ground", "red", "green"])[masks[1]]).all()


def test_a_list_with_some_of_a_palette_s_colors_is_refused(tmp_path):
    message = refusal(write_folder(tmp_path, stripes((0, 1, 2)), "ground 0 0 0\nred 200 0 0\n",
                                   save=save_palette(PALETTE)))
    assert "classes.txt" in message and str(GREEN) in message


def test_numbers_among_colors_are_refused(tmp_path):
    message = refusal(write_folder(tmp_path, stripes((0, 1, 2)), save=[save_gray, save_colors(PALETTE)]))
    assert "00.png" in message and "1" in message


# Values that are no run, deep masks, arrays

@pytest.mark.parametrize("classes, names", [(None, ("0", "7", "40")), ("a\nb\nc\n", ("a", "b", "c"))])
def test_any_values_in_their_order(tmp_path, classes, names):
    masks = with_values(stripes((0, 1, 2)), _1=7, _2=40)
    assert meaning(write_folder(tmp_path, masks, classes)) == (names, {0: 0, 7: 1, 40: 2})


def save_as_rgb(mask, path): Image.fromarray(np.dstack([mask] * 3)).save(path)


def save_as(dtype) -> object: return lambda mask, path: Image.fromarray(mask.astype(dtype)).save(path)


@pytest.mark.parametrize("suffix, save", [
    (".png", save_as(np.uint16)), (".tif", save_as(np.int32)), (".tif", save_as(np.float32)), (".gif", save_gray),
    (".npy", lambda mask, path: np.save(path, mask.astype(np.int64))),
    (".png", lambda mask, path: Image.fromarray(np.dstack([mask, np.full_like(mask, 255)])).save(path)),
    (".png", save_as_rgb)],
    ids=["uint16", "int32", "float32", "gif", "npy", "LA", "gray RGB"])
def test_whole_numbers_are_read_whatever_stores_them(tmp_path, suffix, save):
    root = write_folder(tmp_path, stripes((0, 1)), "rest\nroad\n", suffix, save)
    assert (folder(root).read_mask(root / "masks" / f"03{suffix}") == stripes((0, 1))[3]).all()


def test_classes_may_be_numbers_beyond_255(tmp_path):
    save = lambda mask, path: Image.fromarray(mask.astype(np.uint16) * 300).save(path)  # noqa: E731
    assert meaning(write_folder(tmp_path, stripes((0, 1)), save=save)) == (("0", "300"), {0: 0, 300: 1})


MANY = 255  # one more than a byte has beside void


@pytest.mark.parametrize("line, save", [
    ("class{0}", save_as(np.uint16)), ("class{0} {0} 7 9", save_colors([(n, 7, 9) for n in range(MANY)])),
    ("class{0} {0} {0} {0}", save_gray)], ids=["numbers", "colors", "grays"])
def test_more_classes_than_a_byte_has_beside_void_are_refused(tmp_path, line, save):
    "The one of index 255 would be void, and the next the first."
    masks = stripes((0, 1, 2))
    write_folder(tmp_path, masks, "\n".join(line.format(number) for number in range(MANY)), save=save)
    message = refusal(tmp_path)
    assert "classes.txt" in message and str(MANY) in message and str(MANY - 1) in message


def test_as_many_classes_as_a_byte_has_beside_void(tmp_path):
    root = write_folder(tmp_path, stripes((0, 253, 255)), "\n".join(f"class{number}" for number in range(254)))
    assert {*np.unique(folder(root).read_mask(root / "masks" / "00.png"))} == {0, 253, VOID}


@pytest.mark.parametrize("suffix, save, reason", [
    (".tif", lambda mask, path: Image.fromarray(mask * np.float32(0.5)).save(path), "0.5"),
    (".npy", lambda mask, path: np.save(path, mask[None, None]), "[1, 1, 32, 48]"),
    (".npy", lambda mask, path: np.save(path, np.array([{}]), allow_pickle=True), "array"),
    (".tif", lambda mask, path: Image.fromarray(mask.astype(np.int32) - 1).save(path), "-1"),
    (".gif", lambda mask, path: Image.fromarray(mask).save(path, save_all=True,
                                                           append_images=[Image.fromarray(1 - mask)]), "2 pages")])
def test_what_is_no_mask_is_refused_for_its_true_reason(tmp_path, suffix, save, reason):
    assert re.search(rf"0\d{suffix}.*{re.escape(reason)}", refusal(write_folder(tmp_path, stripes((0, 1)),
                                                                                suffix=suffix, save=save)))


# Grays that classes.txt lists

FOREGROUND_FIRST = "foreground 255 255 255\nbackground 0 0 0\n"
BUILDINGS = "wall 102 102 102\nbuilding 70 70 70\n"


def save_bilevel(mask, path): Image.fromarray(mask > 0).save(path)


def save_array(mask, path): np.save(path, mask)


def save_la(mask, path): Image.fromarray(np.dstack([mask, np.full_like(mask, 255)])).save(path)


STORED = {"L": (".png", save_gray), "16 bits": (".png", save_as(np.uint16)), "array": (".npy", save_array),
          "LA": (".png", save_la), "RGB": (".png", save_as_rgb)}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("classes, values, expected", [
    (FOREGROUND_FIRST, (0, 255), {0: "background", 255: "foreground"}),
    ("background 0 0 0\nforeground 255 255 255\n", (0, 255), {0: "background", 255: "foreground"}),
    (BUILDINGS, (70, 102), {70: "building", 102: "wall"}),
    (BUILDINGS + "sky 200 200 200\n", (70, 102), {70: "building", 102: "wall"}),
    (BUILDINGS, (0, 70, 102), {0: "void", 70: "building", 102: "wall"}),
    (BUILDINGS + "void 200\n", (70, 102, 200), {70: "building", 102: "wall", 200: "void"})])
def test_grays_that_are_listed_are_these_classes_whatever_stores_them(tmp_path, stored, classes, values, expected):
    suffix, save = STORED[stored]
    if stored == "RGB": classes = classes.replace("void 200", "void 200 200 200")
    root = write_folder(tmp_path, stripes(values), classes, suffix, save)
    dataset = folder(root)
    names = np.array([*dataset.classes, *["void"] * (256 - len(dataset.classes))])
    found = names[dataset.read_mask(root / "masks" / f"03{suffix}")]
    assert (found == np.vectorize(expected.get)(stripes(values)[3])).all()
    assert check(dataset).problems.empty


@pytest.mark.parametrize("classes", [FOREGROUND_FIRST, "background 0 0 0\nforeground 255 255 255\n"])
def test_a_bit_is_black_or_white(tmp_path, classes):
    root = write_folder(tmp_path, stripes((0, 1)), classes, save=save_bilevel)
    assert (read(root, 3) == np.array(["background", "foreground"])[stripes((0, 1))[3]]).all()


def test_bits_stay_numbers_where_their_colors_are_not_listed(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)), "ground 128 64 128\nroad 0 0 142\n", save=save_bilevel)
    assert (read(root, 3) == np.array(["ground", "road"])[stripes((0, 1))[3]]).all()


def test_bits_may_stand_beside_black_and_white_in_rgb(tmp_path):
    save = [save_bilevel, save_as_rgb]
    root = write_folder(tmp_path, stripes((0, 255)), FOREGROUND_FIRST, save=save)
    for number in (0, 1):
        assert (read(root, number) == np.where(stripes((0, 255))[number], "foreground", "background")).all()


@pytest.mark.parametrize("classes", [
    "a 0 0 0\nb 1 1 1\nc 2 2 2\n", "a 128 0 0\nb 0 128 0\nc 0 0 128\n", "a 9 9 9\nb 0 0 0\nc 5 5 5\n",
    "a 0 0 0\nb 128 128 128\nc 255 255 255\nvoid 255\n", "a\nb\nc\n"])
def test_numbers_of_lines_are_these_lines(tmp_path, classes):
    root = write_folder(tmp_path, stripes((0, 1, 2, 255)), classes)
    expected = stripes((0, 1, 2, 255))[3]
    assert (folder(root).read_mask(root / "masks" / "03.png") == expected).all()


def test_where_lines_and_grays_differ_the_user_is_told(tmp_path):
    dataset = folder(write_folder(tmp_path, stripes((0, 1, 2)), "a 9 9 9\nb 0 0 0\nc 5 5 5\n"))
    assert "0 is b" in dataset.note


@pytest.mark.parametrize("classes, values, named", [
    ("a 2 2 2\nb 1 1 1\nc 0 0 0\n", (0, 1, 2), "0, 1, 2"),  # by grays or by lines?
    ("wall 1 1 1\nbuilding 2 2 2\n", (0, 1), "0, 1"),
    ("sky 70 130 180\nbuilding 70 70 70\n", (70, 118), "70 is building"),  # by order, 70 were the sky
    ("road 0 0 0\n", (0, 255), "0 is road"), ("road 0 0 0\n", (0, 1), "0 is road"),
    ("road 255 255 255\nrest 0 128 0\n", (0, 255), "255 is road"),
    (FOREGROUND_FIRST + "void 255\n", (0, 255), "0"), ("a 255 255 255\nb 100 100 100\nvoid 255\n", (100, 255), "")])
def test_grays_that_contradict_the_order_are_refused(tmp_path, classes, values, named):
    message = refusal(write_folder(tmp_path, stripes(values), classes))
    assert "classes.txt" in message and named in message


@pytest.mark.parametrize("classes, save, named", [
    ("rest 128 64 128\nroad 0 0 0\n", save_bilevel, "0 is road"),
    ("rest 0 0 255\nroad 0 0 0\n", save_palette(PALETTE), "0 is road"),
    ("road 255 255 255\nrest 0 0 0\n", ON_WHITE, "255 is road"), ("road 0 0 0\nrest 255 255 255\n", ON_BLACK, "road")],
    ids=["bits", "palette", "white", "black"])
def test_colors_that_contradict_the_order_are_refused(tmp_path, classes, save, named):
    message = refusal(write_folder(tmp_path, stripes((0, 1)), classes, save=save))
    assert "classes.txt" in message and named in message


def test_a_stray_value_beside_listed_grays_is_the_problem_of_its_file(tmp_path):
    masks = stripes((0, 255), 40)
    masks[3] = masks[3].copy()
    masks[3][5, 5] = 254
    root = write_folder(tmp_path, masks, FOREGROUND_FIRST)
    [problem] = check(folder(root)).problems.problem
    assert "03.png" in problem and "254" in problem
    assert (read(root, 0) == np.where(masks[0], "foreground", "background")).all()


def test_what_convert_writes_is_read_back(tmp_path):
    "White is the first class, so its number is 0, and its color stands in classes.txt."
    root = write_folder(tmp_path / "data", stripes((0, 255)), FOREGROUND_FIRST)
    convert(root, tmp_path / "plain")
    dataset = folder(tmp_path / "plain")
    assert dataset.classes == ("foreground", "background")
    assert (dataset.read_mask(tmp_path / "plain" / "masks" / "03.png") == np.where(stripes((0, 255))[3], 0, 1)).all()


@pytest.mark.parametrize("save", [save_gray, save_bilevel])
def test_a_run_of_grays_reads_the_same_grays_and_no_others(tmp_path, save):
    root = write_folder(tmp_path, stripes((0, 255)), FOREGROUND_FIRST, save=save)
    dataset = folder(root)
    known = json.loads(json.dumps(dataset.options["meaning"]))
    again = folder(root, DatasetOptions(meaning=known))
    assert again.classes == dataset.classes and dict(again.values) == dict(dataset.values)
    (root / "classes.txt").write_text("foreground 0 0 0\nbackground 255 255 255\n")
    with pytest.raises(UserError, match="classes.txt"): folder(root, DatasetOptions(meaning=known))


@pytest.mark.parametrize("save", [save_gray, save_bilevel])
def test_a_run_without_grays_refuses_those_that_contradict_it(tmp_path, save):
    known = folder(write_folder(tmp_path, stripes((0, 255)), "rest\nroad\n", save=save)).options["meaning"]
    (tmp_path / "classes.txt").write_text("rest 255 255 255\nroad 0 0 0\n")
    with pytest.raises(UserError, match="classes.txt"): folder(tmp_path, DatasetOptions(meaning=known))


# Turned masks

@pytest.mark.parametrize("tag, size", [(3, (32, 48)), (6, (48, 32))])
def test_an_orientation_that_the_image_has_not_is_refused_by_file(tmp_path, tag, size):
    exif = Image.Exif()
    exif[0x0112] = tag
    def save(mask, path): Image.fromarray(mask).save(path, exif=exif)
    root = write_folder(tmp_path, stripes((0, 1)), "rest\nroad\n", save=[save, *[save_gray] * 9])
    [problem] = check(folder(root)).problems.problem
    assert "00.png" in problem and "turn" in problem and str(tag) in problem


def test_image_and_mask_are_turned_together(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    def save(mask, path):
        Image.fromarray(mask).save(path, exif=exif)
        image = path.parents[1] / "images" / path.name
        Image.open(image).save(image, exif=exif)
    dataset = folder(write_folder(tmp_path, stripes((0, 1)), "rest\nroad\n", save=save))
    assert check(dataset).problems.empty
    assert (dataset.read_mask(tmp_path / "masks" / "02.png") == np.rot90(stripes((0, 1))[2], -1)).all()


def test_a_mask_that_lies_on_its_side_is_said_to_be_turned(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)), "rest\nroad\n")
    Image.fromarray(np.rot90(stripes((0, 1))[4])).save(root / "masks" / "04.png")
    [problem] = check(folder(root)).problems.problem
    assert "04.png" in problem and "turn" in problem


# What isn't what it seems

@pytest.mark.parametrize("classes", [
    "0 0 0 ground\n200 0 0 wall\n0 180 0 door\n", "ground, 0, 0, 0\nwall, 200, 0, 0\ndoor, 0, 180, 0\n",
    "ground 0 0 0 (sRGB)\nwall 200 0 0 (sRGB)\ndoor 0 180 0 (sRGB)\n"], ids=["first", "commas", "amid"])
def test_a_color_that_isn_t_at_the_end_is_no_part_of_a_name(tmp_path, classes):
    "Else classes would get the colors in their order."
    message = refusal(write_folder(tmp_path, stripes((0, 1, 2)), classes, save=save_colors(PALETTE)))
    assert "classes.txt" in message and "NAME R G B" in message


def test_a_remark_may_follow_a_color(tmp_path):
    classes = "door 0 180 0 # green\nwall 200 0 0  # red\nground 0 0 0\n"
    dataset = folder(write_folder(tmp_path, stripes((0, 1, 2)), classes, save=save_colors(PALETTE)))
    assert dataset.classes == ("door", "wall", "ground") and dataset.values[RED] == 1


def test_bytes_that_pillow_takes_for_bits_are_refused(tmp_path):
    "A BMP of 8 bits whose palette is black and white."
    message = refusal(write_folder(tmp_path, stripes((0, 1)), suffix=".bmp",
                                   save=save_palette(((0, 0, 0), (255, 255, 255)))))
    assert "00.bmp" in message and "convert it to PNG" in message


@pytest.mark.parametrize("kind", ["png", "pgm", "deep.pgm"])
def test_grays_that_are_stretched_are_refused(tmp_path, kind):
    "4 bits, 0 to 18, 0 to 1000: 1 would be read as 17, as 14, as 66."
    def save_png(mask, path):
        rows = [bytes([0]) + bytes(row[::2] << 4 | row[1::2]) for row in mask]
        def chunk(name, data): return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))
        header = struct.pack(">IIBBBBB", mask.shape[1], mask.shape[0], 4, 0, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", compress(b"".join(rows)))
                         + chunk(b"IEND", b""))
    def save_pgm(mask, path): path.write_bytes(b"P5 %d %d 18\n" % mask.shape[::-1] + mask.tobytes())
    def save_deep(mask, path):
        path.write_bytes(b"P5 %d %d 1000\n" % mask.shape[::-1] + mask.astype(">u2").tobytes())
    save = {"png": save_png, "pgm": save_pgm, "deep.pgm": save_deep}[kind]
    root = write_folder(tmp_path, stripes((0, 1, 2)), "".join(f"c{number}\n" for number in range(20)),
                        f".{kind.rpartition('.')[2]}", save)
    assert "PNG with 8 or 16 bits" in refusal(root)


def test_grays_of_which_0_is_white_are_refused(tmp_path):
    "Pillow inverts them, so 0, 1 and 2 would be read as 255, 254 and 253."
    def save(mask, path): tifffile.imwrite(path, mask, photometric="miniswhite")
    root = write_folder(tmp_path, stripes((0, 1, 2)), "ground\nwall\ndoor\n", ".tif", save)
    message = refusal(root)
    assert "00.tif" in message and "inverted" in message and "PNG with 8 or 16 bits" in message


def test_gray_gif_files_are_read(tmp_path):
    "Pillow has those of black and white as gray."
    def save(mask, path): Image.fromarray(mask > 0).save(path)
    root = write_folder(tmp_path, stripes((0, 255)), suffix=".gif", save=save)
    assert Image.open(root / "masks" / "00.gif").mode == "L" and meaning(root)[1] == {0: 0, 255: 1}


# 1 bit a pixel

def save_bit(mask: np.ndarray, path: Path): Image.fromarray(mask > 0).save(path)


@pytest.mark.parametrize("values, classes", [((0, 1, 2), "ground\nwall\ndoor\n"), ((0, 1, 2), None),
                                             ((0, 128, 255), None), ((0, 1, 255), "ground\nwall\n")])
def test_white_of_one_bit_may_be_255(tmp_path, values, classes):
    "A program that makes files smaller writes a mask of 0 and 255, void, so; it would be read as 0 and 1."
    masks = [*stripes(values, 9), stripes((0, 255))[0]]
    message = refusal(write_folder(tmp_path, masks, classes, save=[*9 * [save_gray], save_bit]))
    assert "09.png: has 1 bit a pixel" in message and "save all masks in one way" in message


def test_one_bit_tells_no_three_classes_apart(tmp_path):
    assert "names 3 classes" in refusal(write_folder(tmp_path, stripes((0, 1)), "a\nb\nc\n", save=save_bit))


def test_masks_of_one_bit_are_none_of_a_run_of_three_classes(tmp_path):
    run = known(write_folder(tmp_path / "run", stripes((0, 1, 2, 255)), "ground\nwall\ndoor\n"))
    other = write_folder(tmp_path / "other", stripes((0, 255)), save=save_bit)
    with pytest.raises(UserError, match="00.png: has 1 bit a pixel, whose white may be 1 or 255"): folder(other, run)


def test_void_that_is_named_is_no_second_way_of_saving_masks(tmp_path):
    masks = [*stripes((0, 1), 9), np.full((32, 48), 255, np.uint8)]
    assert meaning(write_folder(tmp_path, masks, "road\ncar\nvoid 255\n")) == (("road", "car"), {0: 0, 1: 1, 255: VOID})


# Classes that may be numbered from 1

def test_a_rare_last_value_is_no_stray_where_each_value_has_a_name(tmp_path):
    "1 to 3 and three names, but 3 is two pixels of one mask: without it 1 would be the second name."
    masks = stripes((1, 2), 30, width=96)
    masks[3][0, :2] = 3
    assert meaning(write_folder(tmp_path, masks, "road\ncar\nsky\n"))[1] == {1: 0, 2: 1, 3: 2}


def test_the_number_behind_the_last_line_is_no_stray_where_none_is_0(tmp_path):
    "1, 2 and 4 of four names: numbered from 1, as a few pixels of one mask say."
    masks = stripes((1, 2), 30, width=96)
    masks[3][0, :2] = 4
    root = write_folder(tmp_path, masks, "road\ncar\nsky\ntree\n")
    message = refusal(root)
    assert "03.png: holds 4" in message and "numbered from 1" in message and str(root / "classes.txt") in message
    (root / "classes.txt").write_text("void\nroad\ncar\nsky\ntree\n")
    assert meaning(root)[1] == {1: 0, 2: 1, 3: 2, 4: 3, 0: VOID, 255: VOID}


@pytest.mark.parametrize("classes", ["sky\nroad\ncar\nvoid 3\n", "void\nroad\ncar\n"])
def test_what_classes_txt_says_of_the_number_behind_its_last_line_counts(tmp_path, classes):
    masks = stripes((1, 2), 60, width=128)
    masks[3][0, :2] = 3
    values = meaning(write_folder(tmp_path, masks, classes))[1]
    assert (values[1], values[2]) == ((1, 2) if classes.startswith("sky") else (0, 1))


def test_a_first_class_that_no_mask_has_is_told(tmp_path):
    dataset = folder(write_folder(tmp_path, stripes((1, 2)), "road\ncar\nsky\n"))
    assert dataset.values[1] == 1 and "no mask holds 0, which is road" in dataset.note


def test_numbers_that_are_named_each_may_have_gaps(tmp_path):
    masks = stripes((0, 7, 8), 30, width=96)
    for mask in masks: mask[0, 40] = 11  # little of it, near to 8
    dataset = folder(write_folder(tmp_path, masks, "sky\nroad\npavement\nbuilding\n"))
    assert dict(dataset.values) == {0: 0, 7: 1, 8: 2, 11: 3}


def known(root: Path) -> DatasetOptions: return DatasetOptions(meaning=folder(root).options["meaning"])


def test_transparency_is_no_color_of_a_run(tmp_path):
    run = known(write_folder(tmp_path / "run", stripes((0, 1, 2)), "ground 0 0 0\nroad 255 255 255\ncar 255 0 0\n",
                             save=save_colors((BLACK, (255, 255, 255), (255, 0, 0)))))
    other = write_folder(tmp_path / "other", stripes((0, 1)), save=save_rgba(_0=(255, 0, 0, 0), _1=(255, 0, 0, 255)))
    with pytest.raises(UserError, match="00.png: is a mask of transparency"): folder(other, run)


def test_a_palette_in_another_order_is_not_the_run_s(tmp_path):
    run = known(write_folder(tmp_path / "run", stripes((0, 1, 2)), save=save_palette(PALETTE)))
    same = write_folder(tmp_path / "same", stripes((0, 1, 2), 5), save=save_palette(PALETTE))
    assert folder(same, run).classes == ("0", "1", "2")
    other = write_folder(tmp_path / "other", stripes((0, 1, 2)), save=save_palette((BLACK, GREEN, RED)))
    with pytest.raises(UserError, match="00.png: shows 1, which is 1 for the run, in .* of 2"): folder(other, run)


def test_black_and_white_is_not_0_and_1_of_a_run(tmp_path):
    run = known(write_folder(tmp_path / "run", with_values(stripes((0, 1, 2)), _2=255)))
    assert dict(folder(tmp_path / "run").values) == {0: 0, 1: 1, 255: VOID}
    other = write_folder(tmp_path / "other", stripes((0, 255)))
    with pytest.raises(UserError, match="00.png: holds 0 and 255 .*for the run 255 is void"): folder(other, run)


@pytest.mark.parametrize("masks, classes, save", [
    (stripes((0, 255)), "void\nthing\n", save_gray),
    (stripes((0, 1)), "thing 200 0 0\nvoid 0 0 0\n", save_colors(PALETTE))], ids=["numbers", "colors"])
def test_a_background_that_is_void_is_no_class(tmp_path, masks, classes, save):
    assert "there is one class, thing" in refusal(write_folder(tmp_path, masks, classes, save=save))


def test_a_stray_of_another_color_is_no_second_class(tmp_path):
    "A red pixel in one of ten masks is that file's problem, and what is left is black alone."
    masks = [np.zeros((64, 64), np.uint8) for _ in range(10)]
    masks[3][0, 0] = 1
    assert "there is one class, thing" in refusal(write_folder(tmp_path, masks, "thing\n", save=save_colors(PALETTE)))


def test_a_void_color_in_classes_txt_is_listed(tmp_path):
    border = (224, 224, 192)
    classes = "ground 0 0 0\nwall 200 0 0\ndoor 0 180 0\nvoid 224 224 192\n"
    dataset = folder(write_folder(tmp_path, stripes((0, 1, 2, 3)), classes, save=save_palette((*PALETTE, border))))
    assert dataset.classes == ("ground", "wall", "door") and VOID in dict(dataset.values).values()


def test_masks_without_the_tag_of_their_images_are_told(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1)))
    for path in sorted((root / "images").iterdir()):
        with Image.open(path) as image:
            exif = image.getexif()
            exif[0x0112] = 3  # upside down, of the same size
            image.save(path, exif=exif)
    assert any("turned by their EXIF tag" in note and note.endswith(": 10") for note in check(folder(root)).notes)
