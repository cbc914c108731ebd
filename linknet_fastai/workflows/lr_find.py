"fastai's learning rate finder, with its curve on disk."

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import minimum, steep, valley
from fastai.torch_core import set_seed

from ..dataloaders.dataloaders import SegmentationDataLoaders
from ..datasets.dataset import SegmentationDataset
from ..files import writable_folder, write_csv
from ..recipes import Recipe
from ..reports.charts import save_figure
from ..runtime.device import Machine
from ..training.learner import linknet_learner


def lr_find(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, out: Path) -> dict[str, float]:
    """Try rising learning rates; fastai's suggestions by name.

    Args:
        dataset: what to train on.
        recipe: how, but for the learning rate.
        machine: on what.
        out: the folder that gets the curve, as `lr-find.png` and `lr-find.csv`.
    """
    writable_folder(out)
    set_seed(recipe.seed)
    dls = SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device, validate=False)
    learn = linknet_learner(dls, recipe, machine)
    learn.remove_cb(ProgressCallback)
    suggestions = learn.lr_find(suggest_funcs=(valley, steep, minimum))
    save_figure(out / "lr-find.png", plt.gcf())
    curve = pd.DataFrame({"lr": learn.recorder.lrs, "loss": [float(loss) for loss in learn.recorder.losses]})
    write_csv(out / "lr-find.csv", curve)
    return suggestions._asdict()
