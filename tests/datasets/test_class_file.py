"classes.txt: names, colors, comments, void."

import numpy as np
import pytest

from linknet_fastai.datasets.class_file import NamedClass, read_class_file
from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import UserError
from linknet_fastai.images.mask import VOID

from folders import save_colors, stripes, write_folder  # isort: skip


def parsed(root, text: str):
    (root / "classes.txt").write_text(text)
    return read_class_file(root)


def test_names_colors_and_comments(tmp_path):
    file = parsed(tmp_path, "# my classes\ntraffic light 1 2 3 # red\n\nroad\n  # another\nlane 2\n")
    assert file.classes == (NamedClass("traffic light", 0, (1, 2, 3)), NamedClass("road", 1, None),
                            NamedClass("lane 2", 2, None))


@pytest.mark.parametrize("line", ["tree 300 1 2", "64 128 64 tree", "tree,64,128,64", "64 128 64",
                                  "tree #408040"])
def test_three_numbers_that_are_no_color_are_no_name_either(tmp_path, line):
    with pytest.raises(UserError, match="NAME R G B"): parsed(tmp_path, f"road\n{line}\n")


@pytest.mark.parametrize("header", ["id name", "name,id", "name r g b", "Class;R;G;B"])
def test_a_header_is_no_class(tmp_path, header):
    with pytest.raises(UserError, match="names columns"): parsed(tmp_path, f"{header}\nroad\ncar\n")


def test_one_word_is_no_header(tmp_path):
    assert parsed(tmp_path, "name\nroad\n").classes[0].name == "name"


@pytest.mark.parametrize("classes, values", [("0: sky\n2: car\n1: road\n", (0, 1, 2)),
                                             ("7: road\n11: building\n8: pavement\n", (7, 8, 11))])
def test_numbers_beside_names_that_say_something_else_are_refused(tmp_path, classes, values):
    root = write_folder(tmp_path, stripes(values), classes)
    with pytest.raises(UserError, match="has a number of its own"): folder(root)


@pytest.mark.parametrize("classes, values", [("7\n8\n11\n", (7, 8, 11)), ("level 1\nlevel 2\n", (0, 1)),
                                             ("road\nlane 7\n", (0, 1)), ("lane_2\nlane_3\n", (0, 1))])
def test_numbers_in_names_may_be_those_of_the_masks(tmp_path, classes, values):
    dataset = folder(write_folder(tmp_path, stripes(values), classes))
    assert [dataset.values[value] for value in values] == list(range(len(values)))


def test_letters_with_accents_are_one_name_in_either_form(tmp_path):
    with pytest.raises(UserError, match="twice"): parsed(tmp_path, "Geb\u00e4ude\nGeba\u0308ude\n")


def test_void_alone_takes_the_place_of_a_class(tmp_path):
    file = parsed(tmp_path, "road\nvoid\ncar\n")
    assert [(each.name, each.index) for each in file.classes] == [("road", 0), ("car", 2)] and file.void_values == {1}


def test_void_values_colors_and_names(tmp_path):
    file = parsed(tmp_path, "road 10 20 30\nold sky 40 50 60\nvoid 254 253\nvoid old sky\n")
    assert file.void_values == {254, 253, 1} and [each.name for each in file.classes] == ["road"]
    with pytest.raises(UserError, match="void 254 253"): _ = file.void_colors
    file = parsed(tmp_path, "road 10 20 30\nold sky 40 50 60\nvoid old sky\nvoid 1 2 3 4 5 6\n")
    assert file.void_colors == {(40, 50, 60), (1, 2, 3), (4, 5, 6)}


@pytest.mark.parametrize("text, part", [
    ("", "names no class"), ("# only this\n", "names no class"), ("a\na\n", "twice"), ("a 1 2 3\nb 1 2 3\n",
                                                                                       "same color"),
    ("a\nvoid b\n", "'b'")])
def test_what_can_t_be_meant_is_refused(tmp_path, text, part):
    with pytest.raises(UserError, match=part) as raised: parsed(tmp_path, text)
    assert "classes.txt" in str(raised.value)


@pytest.mark.parametrize("line", ["void 65536", "void 70000", "void 70000 0 0"])
def test_void_numbers_that_no_mask_holds(tmp_path, line):
    root = write_folder(tmp_path, stripes((0, 1)), f"road\ncar\n{line}\n")
    with pytest.raises(UserError, match=line) as raised: folder(root)
    assert str(root / "classes.txt") in str(raised.value)


@pytest.mark.parametrize("line", ["void 256 0 0", "void 0 300 0", "void 0 0 0 1 2 300"])
def test_void_colors_that_are_none(tmp_path, line):
    "300 in the place of green is another color's 24-bit number: (1, 44, 0)."
    root = write_folder(tmp_path, stripes((0, 1)), f"red 200 0 0\ngreen 0 180 0\n{line}\n",
                        save=save_colors([(200, 0, 0), (0, 180, 0)]))
    with pytest.raises(UserError, match=line) as raised: folder(root)
    assert str(root / "classes.txt") in str(raised.value)


def test_void_numbers_of_16_bits(tmp_path):
    assert parsed(tmp_path, "road\nvoid 256 65535\n").void_values == {256, 65535}


def test_classes_named_void_and_mean_train_nothing_wrong(tmp_path):
    dataset = folder(write_folder(tmp_path, stripes((0, 1, 2)), "ground\nvoid\nmean\n"))
    assert dataset.classes == ("ground", "mean") and (dataset.values[1], dataset.values[2]) == (VOID, 1)


def test_several_void_colors(tmp_path):
    palette = ((0, 0, 0), (1, 1, 200), (90, 0, 0), (0, 90, 0))
    root = write_folder(tmp_path, stripes((0, 1, 2, 3)), "red 90 0 0\ngreen 0 90 0\nvoid 0 0 0\nvoid 1 1 200\n",
                        save=save_colors(palette))
    mask = folder(root).read_mask(root / "masks" / "00.png")
    assert (mask == np.array([VOID, VOID, 0, 1])[stripes((0, 1, 2, 3))[0]]).all()


@pytest.mark.parametrize("lines", ["void 0 90 0", "old green 0 90 0\nvoid old green", "void 1 2 3 0 90 0"])
def test_a_color_is_a_class_or_void(tmp_path, lines):
    root = write_folder(tmp_path, stripes((0, 1)), f"red 90 0 0\ngreen 0 90 0\n{lines}\n",
                        save=save_colors(((90, 0, 0), (0, 90, 0))))
    with pytest.raises(UserError, match="classes.txt: green and void have the same color, 0 90 0"): folder(root)


@pytest.mark.parametrize("classes, masks", [
    ("road 128 64 128\ncar 0 0 142\nvoid 0 0 0\n", (0, 1)),  # written for masks in color
    ("void 0\nroad\ncar\ntree\n", (0, 1, 2)),  # classes numbered from 1, of which the last is in no mask
    ("road\ncar\nvoid 1\n", (0, 1))])
def test_a_number_is_void_or_that_of_a_line(tmp_path, classes, masks):
    root = write_folder(tmp_path, stripes(masks), classes)
    with pytest.raises(UserError, match=r"classes\.txt: makes the value \d void, which is (road|car) by its line"):
        folder(root)


def test_classes_may_be_numbered_from_1_where_all_are_there(tmp_path):
    root = write_folder(tmp_path, stripes((0, 1, 2, 3)), "void 0\nroad\ncar\ntree\n")
    mask = folder(root).read_mask(root / "masks" / "00.png")
    assert (mask == np.array([VOID, 0, 1, 2])[stripes((0, 1, 2, 3))[0]]).all()
