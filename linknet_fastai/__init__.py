"Rapid training of LinkNet for semantic segmentation, on fastai."

from importlib import import_module

_HOME = {
    "UserError": "errors", "Interrupted": "errors", "Recipe": "recipes", "recipe_for": "recipes",
    "DatasetOptions": "dataset_options", "SegmentationDataset": "datasets.dataset", "open_dataset": "datasets",
    "camvid": "datasets.camvid", "cityscapes": "datasets.cityscapes", "folder": "datasets.folder",
    "streets": "datasets.streets", "check": "datasets.check",
    "LinkNet": "models.linknet", "linknet": "models.linknet", "Machine": "runtime.device",
    "SegmentationDataLoaders": "dataloaders.dataloaders", "linknet_learner": "training.learner",
    "MixUp": "training.mixup", "CutMix": "training.mixup",
    "fit": "workflows.fit", "FitOptions": "workflows.fit",
    "resume": "workflows.resume", "ResumeOptions": "workflows.resume",
    "evaluate": "workflows.evaluate", "ScoringOptions": "evaluation.scoring", "learner_from_run": "workflows.open_run",
    "SegmentationInterpretation": "reports.interpretation", "Scores": "evaluation.scores",
    "Run": "runs.run", "Predictor": "deploy.predictor", "PredictorOptions": "deploy.predictor_options",
    "TileOptions": "images.tiling",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    "Import what is named when it is first used (PEP 562): importing the package itself costs nothing."
    if name == "__version__":
        from importlib.metadata import version
        return version("linknet-fastai")
    if name not in _HOME: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
