"A finished run, made without training: what reports are made of."

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from linknet_fastai.evaluation.confusion import confusion_matrices
from linknet_fastai.evaluation.result import Result, miou_interval, write_result
from linknet_fastai.evaluation.scores import Scores
from linknet_fastai.images.mask import VOID
from linknet_fastai.models.linknet import linknet
from linknet_fastai.reports.gallery import Gallery
from linknet_fastai.runs.config import Config
from linknet_fastai.runs.run import Run
from linknet_fastai.runs.weights import ModelCard

CLASSES, PALETTE = ("sky", "road", "car"), ((70, 130, 180), (128, 64, 128), (0, 0, 142))
HEIGHT, WIDTH = 24, 32
CONFIG = Config(dataset="tiny", data=None, protocol="tiny3", options={}, classes=CLASSES,
                images={"train": 4, "val": 5}, splits="train", skip_bad=False,
                recipe={"name": "rapid", "lr": 1e-3, "epochs": 3, "freeze_epochs": 0},
                machine={"device": "cpu", "precision": "fp32"}, versions={})


def finished_run(path: Path, images: int = 5, wrong: float = 0.3, lr: float = 1e-3, classes=CLASSES, names=None) -> Run:
    "A car stands in the last image only; of the first, the worst, a fraction `wrong` of the columns is wrong."
    run = Run.create(path, replace(CONFIG, recipe=CONFIG.recipe | {"lr": lr}))
    truths = [_truth(with_car=number == images - 1) for number in range(images)]
    predictions = [_prediction(truth, wrong * (images - number) / images) for number, truth in enumerate(truths)]
    matrices = np.stack([_confusion(truth, prediction) for truth, prediction in zip(truths, predictions)])
    scores = Scores(matrices.sum(0), classes)
    _write_gallery(run, truths, predictions, matrices, classes, names or [f"{number}.png" for number in range(images)])
    protocol = {"name": "tiny3", "classes": 3, "split": "val", "images": images, "resolution": f"{HEIGHT}x{WIDTH}",
                "void": "ignored", "trained_on": "train"}
    write_result(run, "scores", Result(scores, protocol, miou_interval(matrices, classes)))
    run.write_csv("history.csv", pd.DataFrame({
        "epoch": [1, 2, 3], "train_loss": [2.0, 1.5, 1.1], "valid_loss": [2.0, 1.6, 1.4],
        "miou": [0.2, 0.4, scores.miou], "lr": [1e-3, 1e-3, 1e-5], "seconds": [2.0, 2.0, 2.0]}))
    run.write_model(_model(), ModelCard(
        "test_resnet", "deconv", classes, PALETTE, (HEIGHT, WIDTH), (0.5,) * 3, (0.2,) * 3, "tiny3"))
    return run


def _model():
    "The same in whatever order tests run: of some random weights many pixels are close to a tie."
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return linknet(3, "test_resnet", "none")


def _truth(with_car: bool) -> np.ndarray:
    "Sky above road, four void pixels, and a car if there is one; uint8 `[H,W]`."
    truth = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    truth[HEIGHT // 2:] = 1
    truth[0, :4] = VOID
    if with_car: truth[-8:, :8] = 2
    return truth


def _prediction(truth: np.ndarray, wrong: float) -> np.ndarray:
    "The truth, but for a fraction `wrong` of the columns; void is predicted as sky."
    mistaken = np.arange(WIDTH) < round(WIDTH * wrong)
    return np.where(mistaken, (truth + 1) % 2, np.where(truth == VOID, 0, truth)).astype(np.uint8)


def _confusion(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return confusion_matrices(torch.from_numpy(prediction)[None], torch.from_numpy(truth)[None], 3)[0].numpy()


def _write_gallery(run: Run, truths, predictions, matrices, classes, names):
    gallery, scores = Gallery(run.gallery), [Scores(matrix, classes) for matrix in matrices]
    rows = [[name, score.miou, *score.class_iou] for name, score in zip(names, scores)]
    gallery.write_table(pd.DataFrame(rows, columns=["image", "mIoU", *(f"IoU {name}" for name in classes)]))
    for number, (truth, prediction) in enumerate(zip(truths, predictions)):
        gallery.write(number, np.full((HEIGHT, WIDTH, 3), 40 * number, dtype=np.uint8), truth, prediction, PALETTE)
