"Whatever goes wrong in the drawing, a trained run is scored and finished, and is drawn later."

import shutil

import pytest
from short_training import CPU, RECIPE, NoBar, refusal, resumed, trained, write_images

from linknet_fastai.datasets.folder import folder
from linknet_fastai.errors import Note, UserError
from linknet_fastai.recipes import Recipe
from linknet_fastai.reports.gallery import Gallery
from linknet_fastai.workflows.fit import FitOptions, fit
from linknet_fastai.workflows.report import report
from linknet_fastai.workflows.show_results import show_results


@pytest.mark.slow
def test_a_run_that_can_t_be_drawn_is_finished_and_drawn_later(data, tmp_path, monkeypatch):
    recipe = Recipe(**vars(RECIPE) | {"epochs": 1})
    def fail(*words, **options): raise ValueError("Expected end of text")
    with monkeypatch.context() as broken:
        broken.setattr("linknet_fastai.reports.run_figures.confusion_chart", fail)
        with pytest.warns(Note, match="linknet-fastai report") as notes: run = trained(data, tmp_path / "run", recipe)
    assert len([note for note in notes if note.category is Note]) == 1
    assert run.is_scored and not run.report.exists() and "is finished" in refusal(resumed, run.path)
    report([run.path], run.report)
    assert run.report.is_file() and Gallery(run.gallery).entries() and (run.figures / "confusion.png").is_file()
    assert (run.figures / "curves.png").is_file()


@pytest.mark.slow
def test_a_final_run_that_can_t_be_drawn_is_finished(data, tmp_path, monkeypatch):
    def fail(*words, **options): raise ValueError("no font")
    monkeypatch.setattr("linknet_fastai.reports.run_figures.curves", fail)
    options = FitOptions(tmp_path / "run", splits="train+val", progress_bar=NoBar())
    with pytest.warns(Note, match="is done, but can't be drawn.*no font.*history.csv") as notes:
        run = fit(folder(data), Recipe(**vars(RECIPE) | {"epochs": 1}), CPU, options)
    assert not [note for note in notes if "report" in str(note.message)]  # it has no scores to report
    assert "is finished" in refusal(resumed, run.path)


@pytest.mark.slow
def test_what_was_drawn_of_fewer_epochs_is_not_shown_beside_scores_of_more(data, tmp_path, monkeypatch):
    "Nor are other images, or edited ones, drawn beside these scores."
    data = shutil.copytree(data, tmp_path / "own")
    run = trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"epochs": 1, "schedule": "constant"}))
    (run.gallery / "images.csv").write_text("old")
    (run.figures / "mine.png").write_text("the user's")
    show_results(run.path, "train", CPU)
    def fail(*words, **options): raise ValueError("no font")
    with monkeypatch.context() as broken:
        broken.setattr("linknet_fastai.reports.run_figures.confusion_chart", fail)
        with pytest.warns(Note, match="linknet-fastai report"): resumed(run.path, epochs=2)
    assert run.is_scored and not run.report.exists()
    assert {file.stem for file in run.figures.iterdir()} == {"curves", "frequencies", "iou", "mine"}
    with pytest.raises(UserError, match="images/train/10.png is gone.*--data"):
        report([run.path], run.report, write_images(tmp_path / "other", train=4, val=3))
    kept = (data / "masks/val/1.png").read_bytes()
    shutil.copy(data / "masks/val/2.png", data / "masks/val/1.png")
    with pytest.raises(UserError, match="images/val/1.png: its mask is another.*--data"): report([run.path], run.report)
    (data / "masks/val/1.png").write_bytes(kept)
    report([run.path], run.report)
    assert len(Gallery(run.gallery).entries()) == 5
    with pytest.raises(UserError, match=f"{data}: .*`--data`"): report([run.path], run.report, data)  # all is drawn


@pytest.mark.slow
def test_a_gallery_that_is_interrupted_is_drawn_again(data, tmp_path, monkeypatch):
    write = Gallery.write
    def interrupted(self, row, *images):
        if row == 2: raise OSError(28, "No space left on device")
        write(self, row, *images)
    with monkeypatch.context() as broken:
        broken.setattr(Gallery, "write", interrupted)
        with pytest.warns(Note, match="linknet-fastai report"):
            run = trained(data, tmp_path / "run", Recipe(**vars(RECIPE) | {"epochs": 1}))
        with pytest.raises(OSError, match="No space left"): report([run.path], run.report)
    assert not run.report.exists()
    report([run.path], run.report)
    written = [entry.prediction.is_file() for entry in Gallery(run.gallery).entries()]
    assert len(written) > 2 and all(written)


@pytest.mark.slow
@pytest.mark.filterwarnings("error::linknet_fastai.errors.Note")
def test_names_that_look_like_formulas_are_drawn(data, tmp_path):
    "In classes, in the protocol that names a class left out, in images and in the run's own name."
    copy = shutil.copytree(data, tmp_path / "da$ta$")
    (copy / "classes.txt").write_text("$\\bad$\n_wa$ll_\ndoor\n")
    for kind in ("images", "masks"): (copy / kind / "val" / "0.png").rename(copy / kind / "val" / "$_{$.png")
    dataset = folder(copy).ignoring(["$\\bad$"])
    options = FitOptions(tmp_path / "r$u_$n", progress_bar=NoBar())
    run = fit(dataset, Recipe(**vars(RECIPE) | {"epochs": 1}), CPU, options)
    assert run.report.is_file() and (run.figures / "worst-val.png").is_file()
    assert show_results(run.path, "val", CPU).is_file()
