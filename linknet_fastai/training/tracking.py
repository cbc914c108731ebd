"Experiment trackers, by fastai's own callbacks."

from dataclasses import asdict
from importlib.util import find_spec

from fastai.callback.core import Callback

from ..errors import UserError
from ..runs.run import Run

TRACKERS = ("tensorboard", "wandb")


def refuse_missing(tracker: str):
    "`UserError` for a tracker that is unknown, or not installed."
    if tracker not in TRACKERS: raise UserError(f"tracker {tracker!r} is unknown; there are {', '.join(TRACKERS)}.")
    if find_spec(tracker) is None:
        raise UserError(f"{tracker} isn't installed; `pip install 'linknet-fastai[{tracker}]'`, or train without `--log`.")


def tracking(tracker: str, run: Run) -> Callback:
    """fastai's callback for `tensorboard` (events in the run folder) or `wandb` (an account's, or WANDB_MODE=offline).

    Losses, scores and rates are logged; pictures and weights stay in the run folder.
    """
    return _tensorboard(run) if tracker == "tensorboard" else _wandb(run)


def _tensorboard(run: Run) -> Callback:
    from fastai.callback.tensorboard import TensorBoardCallback
    return TensorBoardCallback(run.path / "tensorboard", trace_model=False, log_preds=False)


def _wandb(run: Run) -> Callback:
    import wandb
    from fastai.callback.wandb import WandbCallback

    class WandbScores(WandbCallback):
        "fastai's own gathers a configuration first, and fails on the numbers in it; a run's config.json has it all."

        def before_fit(self): self._wandb_step, self._wandb_epoch = wandb.run.step - 1, 0

    wandb.init(project="linknet-fastai", name=run.path.name, dir=run.path, config=asdict(run.config))
    return WandbScores(log_preds=False)
