"Whatever goes wrong in the drawing, a trained run is scored and finished, and is drawn later."

import pytest
from short_training import RECIPE, refusal, resumed, trained

from linknet_fastai.errors import Note
from linknet_fastai.recipes import Recipe
from linknet_fastai.reports.gallery import Gallery
from linknet_fastai.workflows.report import report


@pytest.mark.parametrize("error", [ValueError("Expected end of text"), MemoryError(), OSError(28, "No space left")],
                         ids=lambda error: type(error).__name__)
def test_a_run_that_can_t_be_drawn_is_finished_and_drawn_later(data, tmp_path, monkeypatch, error):
    recipe = Recipe(**vars(RECIPE) | {"epochs": 1})
    def fail(*words, **options): raise error
    with monkeypatch.context() as broken:
        broken.setattr("linknet_fastai.reports.run_figures.confusion_chart", fail)
        with pytest.warns(Note, match="linknet-fastai report") as notes: run = trained(data, tmp_path / "run", recipe)
    assert len([note for note in notes if note.category is Note]) == 1
    assert run.is_scored and not run.report.exists() and "is finished" in refusal(resumed, run.path)
    report([run.path], run.report)
    assert run.report.is_file() and Gallery(run.gallery).entries() and (run.figures / "confusion.png").is_file()
    assert (run.figures / "curves.png").is_file()
