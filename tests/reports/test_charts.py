"Charts: what is drawn is what the numbers are."

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from linknet_fastai.images.grid import image_grid
from linknet_fastai.reports.charts import (
    class_bars,
    confusion_chart,
    curves,
    normalize_rows,
    save_figure,
    worst_confusions,
)

PALETTE = ((128, 128, 128), (128, 64, 128))
HISTORY = pd.DataFrame({"epoch": [1, 2, 3, 4], "train_loss": [2.0, 1.5, 1.2, 1.0], "valid_loss": [2.1, 1.4, 1.5, 1.6],
                        "miou": [0.2, 0.41, 0.4, float("nan")], "lr": [1e-3, 2e-3, 1e-3, 1e-5]})


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_curves_mark_the_best_epoch():
    _, score, _ = curves({"a": HISTORY}, "tiny").axes
    [mark] = [line for line in score.lines if line.get_marker() == "o"]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([2], [pytest.approx(41)])
    assert [text.get_text() for text in score.get_legend().get_texts()] == ["best 41.0, epoch 2"]


def test_of_epochs_on_other_data_none_is_the_best():
    _, score, _ = curves({"a": HISTORY}, "tiny", {"a": 2}).axes
    assert [text.get_text() for text in score.get_legend().get_texts()] == ["best 40.0, epoch 3",
                                                                            "other data from here on"]
    _, score, _ = curves({"a": HISTORY}, "tiny", {"a": 4}).axes
    assert [text.get_text() for text in score.get_legend().get_texts()] == ["other data from here on"]


def test_curves_show_the_history_under_its_names():
    loss, score, lr = curves({"tiny-1": HISTORY}, "tiny, tiny-1").axes
    assert {line.get_label(): list(line.get_ydata()) for line in loss.lines} == {
        "training": [2.0, 1.5, 1.2, 1.0], "validation": [2.1, 1.4, 1.5, 1.6]}
    np.testing.assert_allclose(score.lines[0].get_ydata(), [20, 41, 40, np.nan])
    assert list(lr.lines[0].get_ydata()) == HISTORY.lr.tolist()
    assert all(list(axis.lines[0].get_xdata()) == [1, 2, 3, 4] for axis in (loss, score, lr))
    assert loss.figure.get_suptitle() == "tiny, tiny-1"


def test_curves_of_several_runs_share_axes_and_are_told_apart():
    loss, score, _ = curves({"a": HISTORY, "b": HISTORY[:2]}, "").axes
    assert [line.get_label() for line in loss.lines] == ["a: training", "a: validation", "b: training", "b: validation"]
    assert loss.lines[0].get_color() == loss.lines[1].get_color() != loss.lines[2].get_color()
    legend = [text.get_text() for text in score.get_legend().get_texts()]
    assert legend == ["a: best 41.0, epoch 2", "b: best 41.0, epoch 2"]


def test_curves_of_a_single_epoch_can_be_drawn(tmp_path):
    figure = curves({"a": HISTORY[:1]}, "tiny")
    save_figure(tmp_path / "curves.png", figure)
    assert figure.axes[1].get_legend().get_texts()[0].get_text() == "best 20.0, epoch 1"


def test_curves_of_a_model_that_was_not_validated_have_no_score():
    unscored = HISTORY.assign(valid_loss=np.nan, miou=np.nan)
    loss, score, _ = curves({"a": unscored}, "").axes
    assert [line.get_label() for line in loss.lines] == ["training"] and not score.lines


def test_a_confusion_chart_has_rows_of_100():
    confusion = np.array([[3, 1], [0, 0]])
    np.testing.assert_array_equal(normalize_rows(confusion), [[0.75, 0.25], [np.nan, np.nan]])
    [axis] = confusion_chart(confusion, ("a", "b"), "tiny2").axes
    assert {text.get_position(): text.get_text() for text in axis.texts} == {(0, 0): "75", (1, 0): "25"}
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")


def test_bars_say_their_value_or_that_the_class_is_absent():
    [axis] = class_bars(pd.DataFrame({"iou": [0.5, np.nan]}, index=["sky", "road"]), PALETTE[:2], "IoU", digits=1).axes
    assert [text.get_text() for text in axis.texts] == ["50.0", "absent"]
    assert to_rgb(axis.patches[0].get_facecolor()) == pytest.approx(np.array(PALETTE[0]) / 255)


def test_a_saved_figure_is_whole_and_closed(tmp_path):
    figure = curves({"a": HISTORY}, "tiny")
    assert save_figure(tmp_path / "curves.png", figure) == tmp_path / "curves.png"
    Image.open(tmp_path / "curves.png").load()
    assert list(tmp_path.iterdir()) == [tmp_path / "curves.png"] and not plt.fignum_exists(figure.number)


# names from outside, and very many classes

ODD_NAMES = ("a$b", "a$_b$c", r"a\$b", r"$\bad$", "$$", "_background_", "two\nlines", "\x1b[31mred", "\udcff",
             "道路 🚗", "x" * 300)


def texts(figure) -> list[str]:
    "What matplotlib makes of each text of a figure, as letters; a formula fails."
    shown = []
    for text in figure.findobj(Text):
        content, is_formula = text._preprocess_math(text.get_text())
        assert not is_formula, content
        shown.append(content)
    return shown


def confused(count: int) -> np.ndarray:
    "Class i is taken for the next one by i pixels, and found by 100."
    matrix = np.diag(np.full(count, 100))
    matrix[np.arange(count), (np.arange(count) + 1) % count] = np.arange(count)
    return matrix


@pytest.mark.filterwarnings("error::UserWarning")
def test_names_are_shown_letter_by_letter(tmp_path):
    palette = [(9 * i, 0, 0) for i in range(len(ODD_NAMES))]
    table = pd.DataFrame({"iou": np.linspace(0, 1, len(ODD_NAMES))}, index=ODD_NAMES)
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "valid_loss": [2.0, 1.0], "miou": [0.1, 0.2],
                            "lr": [1e-3, 1e-3]})
    masks = [np.arange(len(ODD_NAMES), dtype=np.uint8)[None].repeat(4, 0)]
    for number, figure in enumerate([
            class_bars(table, palette, "a$b"), confusion_chart(confused(len(ODD_NAMES)), ODD_NAMES, "a$_b$c"),
            image_grid([np.zeros((3, 4, 11))], {"truth": masks}, ODD_NAMES, palette, ["a$_b$c"]),
            curves({name: history for name in ODD_NAMES}, "$x$")]):
        save_figure(tmp_path / f"{number}.png", figure)
        shown = " ".join(texts(figure))
        for name in ("a$b", "a$_b$c", r"a\$b", r"$\bad$", "_background_", r"\x1b[31mred", "道路"): assert name in shown
        assert "x" * 61 not in shown


@pytest.mark.parametrize("normalize, shown", [(True, {"100"}), (False, {"1e+05", "400", "10"})])
def test_few_pixels_of_many_are_shown_as_pixels(normalize, shown):
    "400 of a road's are 0.4 %, which as a percentage would be 0."
    figure = confusion_chart(np.array([[100_000, 400], [0, 10]]), ("road", "car"), "tiny", normalize)
    assert {text.get_text() for text in figure.axes[0].texts} == shown


def test_of_very_many_classes_the_worst_confusions_are_shown(tmp_path):
    names = tuple(f"class {i}" for i in range(50))
    worst = worst_confusions(confused(50), names)
    assert list(worst.pixels) == list(range(49, 9, -1))
    assert worst.iloc[0].tolist() == ["class 49", "class 0", 49, 49 / 149]
    figure = confusion_chart(confused(50), names, "fifty")
    assert "class 49 > class 0" in texts(figure) and "class 9 > class 10" not in texts(figure)
    assert "class 39" in texts(confusion_chart(confused(40), names[:40], "forty"))


def test_confusions_that_don_t_occur_are_left_out():
    assert worst_confusions(np.diag([5, 5]), ("a", "b")).empty


def test_of_very_many_classes_the_lowest_have_bars():
    table = pd.DataFrame({"iou": [*np.linspace(1, 0.5, 49), np.nan]}, index=[f"class {i}" for i in range(50)])
    shown = texts(class_bars(table, [(0, 0, 0)] * 50, "fifty"))
    assert "class 9" in shown and "class 48" in shown and "class 8" not in shown and "class 49" not in shown
    assert any("40 lowest of 50" in text for text in shown)


def test_no_figure_is_larger_than_8000_pixels(tmp_path):
    figure = plt.figure(figsize=(2, 100))
    assert max(Image.open(save_figure(tmp_path / "tall.png", figure)).size) == 8000


def test_a_legend_names_the_classes_with_the_most_pixels():
    names, palette = [f"class {i}" for i in range(60)], [(4 * i, 0, 0) for i in range(60)]
    mask = np.repeat(np.arange(60), np.arange(1, 61)).astype(np.uint8)[None]
    shown = texts(image_grid([np.zeros((3, 1, mask.shape[1]))], {"truth": [mask]}, names, palette))
    assert "class 20" in shown and "class 19" not in shown and "and 20 more" in shown
