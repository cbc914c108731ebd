"A training batch, drawn."

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
from fastai.torch_core import set_seed

from ..dataloaders.dataloaders import SegmentationDataLoaders, with_size
from ..datasets.dataset import SegmentationDataset
from ..errors import UserError
from ..files import writable_folder
from ..recipes import Recipe
from ..reports.charts import save_figure


def show_batch(dataset: SegmentationDataset, recipe: Recipe, path: Path):
    "Draw a training batch of `dataset` as the model gets it, augmented by `recipe`, to the PNG file `path`."
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: a batch is drawn as PNG; name a .png file with `--out`.")
    writable_folder(path.parent)
    set_seed(recipe.seed)
    train = dataset.split("train")
    chosen = train.sample(min(recipe.batch_size, len(train)), random_state=recipe.seed)
    recipe, few = with_size(recipe, dataset), replace(dataset, table=chosen)
    SegmentationDataLoaders.from_dataset(few, recipe, "cpu", validate=False).show_batch()
    save_figure(path, plt.gcf())
