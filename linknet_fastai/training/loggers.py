"Experiment loggers, by fastai's own callbacks."

from dataclasses import asdict

from fastai.callback.core import Callback

from ..errors import UserError, check_choice
from ..extras import find_extra
from ..runs.run import Run

LOGGERS = ("tensorboard", "wandb")


def check_logger(logger: str):
    "`UserError` for a logger that is unknown, or not installed."
    check_choice("logger", logger, LOGGERS)
    find_extra(logger, logger)


def create_logger(logger: str, run: Run) -> Callback:
    """fastai's callback for `tensorboard` (events in the run folder) or `wandb` (an account's, or WANDB_MODE=offline).

    Losses, scores and learning rates are logged; images and weights stay in the run folder. `UserError` where wandb
    refuses, such as without a login.
    """
    return _tensorboard(run) if logger == "tensorboard" else _wandb(run)


def _tensorboard(run: Run) -> Callback:
    from fastai.callback.tensorboard import TensorBoardCallback
    return TensorBoardCallback(run.folder("tensorboard"), trace_model=False, log_preds=False)


def _wandb(run: Run) -> Callback:
    import wandb
    from fastai.callback.wandb import WandbCallback

    is_ours = wandb.run is None

    class WandbScores(WandbCallback):
        "fastai's own gathers a configuration first, and fails on the numbers in it; a run's config.json has it all."

        def before_fit(self):
            wandb.config.update(asdict(run.config), allow_val_change=True)
            self._wandb_step, self._wandb_epoch = wandb.run.step - 1, len(run.history)

        def after_fit(self):
            super().after_fit()
            if is_ours: wandb.finish()  # else the next training of this process would go on in it

    try: wandb.init(project="linknet-fastai", name=run.path.name, dir=run.path)
    except wandb.Error as error:
        raise UserError(f"wandb refuses to log ({error}); log in with `wandb login`, set WANDB_MODE=offline, or train "
                        "without `--log`.") from error
    return WandbScores(log_preds=False)
