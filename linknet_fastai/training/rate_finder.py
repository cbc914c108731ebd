"fastai's learning rate finder, with its curve on disk."

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from fastai.callback.progress import ProgressCallback
from fastai.callback.schedule import minimum, steep, valley
from fastai.torch_core import set_seed

from ..datasets.dataset import SegmentationDataset
from ..files import writable_folder, written_whole
from ..networks.precision import Machine
from ..runs.figures import save_figure
from .batches import SegmentationDataLoaders
from .learner import linknet_learner
from .recipes import Recipe


def find_rates(dataset: SegmentationDataset, recipe: Recipe, machine: Machine, out: Path) -> dict[str, float]:
    "fastai's suggestions by name; `lr-find.png` and `lr-find.csv` in the folder `out`."
    writable_folder(out)
    set_seed(recipe.seed)
    learn = linknet_learner(SegmentationDataLoaders.from_dataset(dataset, recipe, machine.device), recipe, machine)
    learn.remove_cb(ProgressCallback)
    suggestions = learn.lr_find(suggest_funcs=(valley, steep, minimum))
    save_figure(out / "lr-find.png", plt.gcf())
    curve = pd.DataFrame({"lr": learn.recorder.lrs, "loss": [float(loss) for loss in learn.recorder.losses]})
    with written_whole(out / "lr-find.csv") as file: curve.to_csv(file, index=False)
    return suggestions._asdict()
