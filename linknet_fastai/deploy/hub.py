"A run as others may have it, and its way to the Hugging Face Hub."

import shutil
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path, PureWindowsPath
from typing import Any

from ..errors import UserError
from ..files import write_text
from ..runs.hub import is_on_hub, refused
from ..runs.reading import read_json
from ..runs.run import Run
from .model_card import render

SPACE_APP = '''"The demo of hf:{repo}."

from linknet_fastai.runtime.device import Machine
from linknet_fastai.workflows.demo import DemoOptions, demo, wait_for_signal

with demo("hf:{repo}", Machine.choose(), DemoOptions(port=7860, host="0.0.0.0")): wait_for_signal()
'''

SCORES = ["scores*.json", "scores*.csv", "history.csv"]  # what a run may have, or not


@dataclass(frozen=True)
class Repository:
    "A repository on the hub: `USER/NAME`, `model` or `space`, and whether it is private where it has to be made."

    name: str
    kind: str = "model"
    private: bool = False


def write_model_folder(run: Run, folder: Path, repo: str) -> Run:
    """What is published of a run, as a run: weights, settings, scores, history, a model card as `README.md`.

    Nothing in it says where data or weights lay on the author's machine.

    Args:
        run: a trained run.
        folder: an empty one to write to.
        repo: `USER/NAME`, where it will be.
    """
    config = run.config
    public = Run.create(folder, replace(config, data=None, options=_public(config.options),
                                        recipe=_without_paths(config.recipe) | _weights(config.recipe)))
    public.figures.rmdir()
    shutil.copyfile(run.model_file, public.model_file)
    for file in sorted(run.path.glob("scores*.json")): public.write_json(file.name, read_json(file))
    for file in [*(file.with_suffix(".csv") for file in public.path.glob("scores*.json")), folder / "history.csv"]:
        mine = run.inside(file.name)  # a link may lead anywhere
        if mine.is_file(): shutil.copyfile(mine, file)
    write_text(folder / "README.md", render("model_card.md.j2", public, repo))
    return public


def write_space_folder(run: Run, folder: Path, repo: str):
    "The files of a Space, a page that the hub serves, with the demo of the run that is published as `repo`."
    home = metadata("linknet-fastai")["Home-page"] or "https://github.com/linknet-fastai/linknet-fastai"
    write_text(folder / "app.py", SPACE_APP.format(repo=repo))
    write_text(folder / "requirements.txt", f"linknet-fastai[demo] @ git+{home}\n")
    try: gradio = version("gradio")
    except PackageNotFoundError: gradio = None
    write_text(folder / "README.md", render("space.md.j2", run, repo, gradio=gradio))


def upload(folder: Path, repository: Repository, message: str) -> str:
    """Send a folder's files to the hub, in one commit of a repository that is made where it is missing.

    Returns its address. `UserError` where the hub can't be reached, or refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalTokenNotFoundError
    hub = HfApi()
    try:
        made = hub.create_repo(repository.name, repo_type=repository.kind, private=repository.private, exist_ok=True,
                               space_sdk="gradio" if repository.kind == "space" else None)
        hub.upload_folder(folder_path=folder, repo_id=repository.name, repo_type=repository.kind,
                          commit_message=message,
                          delete_patterns=SCORES if repository.kind == "model" else None)  # those of former weights
    except LocalTokenNotFoundError as error:
        raise UserError(f"{repository.name}: the hub doesn't know you; log in with `hf auth login`.") from error
    except HfHubHTTPError as error: raise refused(repository.name, error) from error
    except (HTTPError, OSError, RuntimeError) as error:
        raise UserError(f"{repository.name}: the hub can't be reached ({type(error).__name__}); go online, and publish "
                        "again.") from error
    return str(made)


def _weights(recipe: dict[str, Any]) -> dict[str, Any]:
    "The start of a training is a file's name, whatever folder it lay in."
    weights = recipe.get("weights")
    return {} if weights is None or is_on_hub(weights) else {"weights": PureWindowsPath(weights).name}


def _public(options: dict[str, Any]) -> dict[str, Any]:
    "A dataset's options without paths; `meaning` has none, but classes, which may be named like paths."
    kept = {"meaning": options["meaning"]} if "meaning" in options else {}
    return _without_paths(options) | kept


def _without_paths(value: Any) -> Any:
    "JSON with paths that lead out of the dataset's folder cut to their last part, at any depth."
    if isinstance(value, dict): return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple): return [_without_paths(item) for item in value]
    if not isinstance(value, str): return value
    path = PureWindowsPath(value)  # which knows both slashes
    return path.name if path.anchor or path.parts[:1] == ("~",) or ".." in path.parts else value
