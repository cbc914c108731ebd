"Rapid training of LinkNet for semantic segmentation, on fastai."

from importlib import import_module

_HOME = {
    "UserError": "errors", "Interrupted": "errors",
    "SegmentationDataset": "datasets.dataset", "open_dataset": "datasets", "camvid": "datasets.camvid",
    "cityscapes": "datasets.cityscapes", "folder": "datasets.folder", "streets": "datasets.streets", "check": "datasets.check",
    "LinkNet": "networks.linknet", "linknet": "networks.linknet", "Machine": "networks.precision",
    "Recipe": "training.recipes", "SegmentationDataLoaders": "training.batches", "linknet_learner": "training.learner",
    "fit": "training.fit", "resume": "training.fit", "score_split": "training.scoring", "learner_from_run": "training.scoring",
    "SegmentationInterpretation": "training.interpretation",
    "Run": "runs.run", "Scores": "runs.scores",
    "Predictor": "deploy.predictor",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    "Import what is named when it is first used (PEP 562): importing the package itself costs nothing."
    if name not in _HOME: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
