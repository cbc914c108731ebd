"What comes after a training's last epoch: scores, figures, the report."

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from fastai.learner import Learner

from ..datasets.dataset import SegmentationDataset
from ..errors import Interrupted, Note, as_word
from ..evaluation.result import write_result
from ..evaluation.scoring import protocol_of, score
from ..models.autocast import autocast_model
from ..reports.run_figures import draw_run, draw_training, remove_figures
from ..runs.run import Run
from ..runtime.distributed import is_main_process
from ..training.trainer import Job


def evaluate_and_report(job: Job, learn: Learner, dataset: SegmentationDataset):
    """Score the best epoch on the validation images, and draw all that a run shows; by the main process.

    Whatever goes wrong in the drawing, the run is scored and finished; a `Note` then tells. A signal ends it with
    `Interrupted`: `resume` then does all of this.

    Args:
        job: the training.
        learn: the learner, trained; its validation batches fit into memory.
        dataset: what it was trained on.
    """
    if not is_main_process(): return
    run, dls, history = job.run, learn.dls, pd.DataFrame(learn.recorder.rows)
    with _resumable(run):
        remove_outdated(run)
        if len(dls.valid):
            # from its file: what is scored is what people take away
            model = autocast_model(run.load_model()[0], job.machine)
            protocol = protocol_of(dataset, "val", dls.scored, run.trained_on)
            result, matrices = score(model, dls.scored, dataset, protocol)
            write_result(run, "scores", result)
            later = f"`linknet-fastai report {as_word(run.path)}` draws it later"
            with _drawing(run, later): draw_run(run, history, model, dls, result, matrices)
        else:
            with _drawing(run, later="its epochs are in history.csv"): draw_training(run, history, dls)
        run.checkpoints.finish()


def remove_outdated(run: Run):
    "Remove what was scored and drawn of the weights so far, by an `evaluate` meanwhile, too; of scores a `Note` tells."
    run.refuse_irregular()
    remove_figures(run)  # they are drawn anew
    if removed := run.remove_scores():
        warnings.warn(Note(f"{', '.join(removed)} in {run.path} were of the weights so far, and are removed"),
                      stacklevel=3)


@contextmanager
def _resumable(run: Run) -> Iterator[None]:
    "`Interrupted` for Ctrl-C, and for the `SystemExit` by which the command line ends at other signals (128 and more)."
    try: yield
    except KeyboardInterrupt as stop: raise Interrupted(signal.SIGINT, run.path) from stop
    except SystemExit as stop: raise Interrupted(stop.code - 128, run.path) from stop


@contextmanager
def _drawing(run: Run, later: str) -> Iterator[None]:
    try: yield
    except Exception as error:  # of matplotlib, Pillow, the disk: an hour's training is worth more than its charts
        warnings.warn(Note(f"{run.path}: is done, but can't be drawn ({type(error).__name__}: {error}); {later}"),
                      stacklevel=3)
