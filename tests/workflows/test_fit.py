"A training from images to a scored run."

import numpy as np
import pytest
from fastai.callback.core import Callback
from PIL import Image
from short_training import CPU, RECIPE, NoBar, history, trained, write_images

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Note
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.new_run import new_run_path

pytestmark = pytest.mark.usefixtures("without_figures")


class Counted(Callback):
    def __init__(self): self.epochs = 0
    def after_epoch(self): self.epochs += 1


@pytest.mark.parametrize("several", [False, True])
def test_callbacks_are_one_or_a_list_as_in_fastai(tmp_path, several):
    data, counted = write_images(tmp_path / "data", train=4, val=2), Counted()
    fit(folder(data), RECIPE, CPU, FitOptions(tmp_path / "run", cbs=[counted] if several else counted,
                                              progress_bar=NoBar()))
    assert counted.epochs == RECIPE.epochs


def test_new_runs_are_numbered(tmp_path):
    "And reserved: two trainings that begin at once have two folders."
    (tmp_path / "tiny-3").mkdir()
    assert [new_run_path("tiny", tmp_path).name for _ in range(3)] == ["tiny-1", "tiny-2", "tiny-4"]


@pytest.mark.parametrize("images", [dict(train=1, val=1), dict(train=5, val=1)],
                         ids=["one image", "a last batch of one"])
def test_little_data_is_enough(tmp_path, images):
    run = trained(write_images(tmp_path / "data", **images), tmp_path / "run")
    assert run.is_scored and np.isfinite(history(run.path).miou).all()


@pytest.mark.parametrize(("splits", "absent"), [("train", ["roof", "wall"]), ("train+val", ["roof"])])
def test_classes_that_no_training_mask_has_are_told(tmp_path, splits, absent):
    "Only the validation images have walls, and none a roof."
    data = write_images(tmp_path / "data", train=4, val=2)
    (data / "classes.txt").write_text("ground\nwall\ndoor\nroof\n")
    for file in (data / "masks" / "train").iterdir():
        mask = np.asarray(Image.open(file))
        Image.fromarray(np.where(mask == 1, 0, mask).astype(np.uint8)).save(file)
    options = FitOptions(tmp_path / "run", splits=splits, progress_bar=NoBar())
    with pytest.warns(Note, match="never in the training masks.*: ") as told: fit(folder(data), RECIPE, CPU, options)
    [note] = [str(each.message) for each in told if "never in" in str(each.message)]
    assert sorted(note.split(": ")[1].split(", ")) == absent


def test_nothing_is_told_where_all_classes_are_there(tmp_path, recwarn):
    trained(write_images(tmp_path / "data", train=4, val=2), tmp_path / "run")
    assert not [each for each in recwarn if "never in" in str(each.message)]
