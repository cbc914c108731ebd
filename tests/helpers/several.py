"""One step of a training, in as many processes as started this, and its first validation: `several.py OUT`.

Writes the gradients of the step, the names of the images that each process had, and the confusion matrix.
"""

import json
import os
import sys
from pathlib import Path

from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner
from fastai.torch_core import set_seed
from memory_layout import SameLayout
from safetensors.torch import save_file

from linknet_fastai.dataloaders.dataloaders import SegmentationDataLoaders
from linknet_fastai.datasets.streets import streets
from linknet_fastai.models.autocast import plain_model
from linknet_fastai.recipes import Recipe
from linknet_fastai.runtime.device import Machine
from linknet_fastai.runtime.distributed import is_main_process, process_group
from linknet_fastai.training import loss
from linknet_fastai.training.learner import linknet_learner
from linknet_fastai.training.sharding import distributed

# images as they are and whole: each process draws its own crops
RECIPE = Recipe(encoder="test_resnet", weights="none", size=(128, 160), batch_size=8, epochs=1, class_weight_power=1.0,
                flip=False, scale=(1.0, 1.0), rotation=0.0, shear=0.0, jitter=0.0)


class InDouble(Callback):
    "So that gradients differ by what the processes do, not by the rounding of convolutions of fewer images."

    order = -100

    def before_fit(self): self.model.double()

    def before_batch(self): self.learn.xb = (self.x.double(),)


class GradientWriter(Callback):
    "Ends the training where its first step would be."

    order = 90

    def before_step(self):
        if is_main_process():
            gradients = {name: value.grad.contiguous() for name, value in plain_model(self.model).named_parameters()}
            save_file(gradients, OUT / "gradients.safetensors")
        raise CancelFitException


class NameWriter(Callback):
    "The files that this process has, through a whole epoch without training."

    def before_fit(self): self.names = {"train": [], "valid": []}

    def after_batch(self):
        self.names["train" if self.training else "valid"] += [path.name for path in self.dl.paths(self.iter)]

    def after_fit(self): (OUT / f"names-{os.environ.get('RANK', 0)}.json").write_text(json.dumps(self.names))


def learner() -> Learner:
    "The same in every process."
    set_seed(0)
    return linknet_learner(SegmentationDataLoaders.from_dataset(streets(), RECIPE, "cpu"), RECIPE, machine)


OUT = Path(sys.argv[1])
loss.every_fourth_pixel = lambda *both: both  # chosen at random, by each process for itself
machine = Machine.choose("cpu", "fp32")
with process_group(machine):
    learn = learner()
    with distributed(learn, machine, 0): learn.fit(1, 1e-3, cbs=[InDouble(), SameLayout(), GradientWriter()])
    learn = learner()
    with distributed(learn, machine, 0): learn.fit(1, 1e-9, cbs=[NameWriter()])
    if is_main_process(): (OUT / "confusion.json").write_text(json.dumps(learn.confusion.matrix.tolist()))
