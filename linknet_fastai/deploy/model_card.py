"What the hub shows of a run: its model card, made from the run."

from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..evaluation.result import Result, describe_protocol, read_result
from ..recipes import Recipe, describe_setting
from ..runs.run import Run

WORST = 3  # classes that are named among the limits


def render(template: str, run: Run, repo: str, **more: Any) -> str:
    """A Markdown page about a run.

    Args:
        template: its file in this folder.
        run: what it is about.
        repo: `USER/NAME` on the hub.
        more: what else the template takes.
    """
    environment = Environment(loader=PackageLoader(__package__, "."), undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"cell": cell, "percent": percent, "yaml": lambda value: yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True).strip()}
    names = sorted((file.stem for file in run.path.glob("scores*.json")), key=lambda name: (name != "scores", name))
    results = [read_result(run, name) for name in names]
    return environment.get_template(template).render(
        run=run, repo=repo, config=run.config, card=run.card, results=results, front=front_matter(run, results),
        usual=Recipe(), describe_protocol=describe_protocol, worst=_worst(results), **more)


def front_matter(run: Run, results: list[Result]) -> dict[str, Any]:
    "What the hub reads by machine: tags, and the scores with their protocol (its `model-index`)."
    card, config = run.card, run.config
    front = {"library_name": "linknet-fastai", "pipeline_tag": "image-segmentation",
             "tags": ["linknet", "fastai", "semantic-segmentation", card.model, card.encoder]}
    if not results: return front
    front["model-index"] = [{"name": f"{card.model} {card.encoder} on {card.protocol}", "results": [{
        "task": {"type": "image-segmentation", "name": "Semantic segmentation"},
        "dataset": {"type": config.dataset, "name": describe_protocol(result.protocol),
                    "split": result.protocol["split"]},
        "metrics": [{"type": kind, "name": name, "value": round(100 * value, 2)} for kind, name, value in (
            ("mean_iou", "mIoU (%)", result.scores.miou), ("accuracy", "Pixel accuracy (%)",
                                                           result.scores.pixel_accuracy)) if value == value]}
        for result in results]}]
    return front


def percent(value: float) -> str:
    "A score from 0 to 1, with a dash for nan."
    return "–" if value != value else f"{100 * value:.1f}"


def cell(value: Any) -> str:
    "A setting as plain text in a cell of a Markdown table, whatever characters a class's name has."
    text = " ".join(describe_setting(value).split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#!" else letter for letter in text)


def _worst(results: list[Result]) -> list[tuple[str, float]]:
    "The classes of the lowest IoU in the first result, the training's own, the lowest first."
    if not results: return []
    scores = results[0].scores
    order = [index for index in np.argsort(scores.class_iou) if not np.isnan(scores.class_iou[index])]
    return [(scores.classes[index], float(scores.class_iou[index])) for index in order[:WORST]]
