"A run, as others may have it, on the Hugging Face Hub."

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..deploy.hub import Repository, upload, write_model_folder, write_space_folder
from ..errors import UserError
from ..files import writable_folder
from ..runs.hub import split_name
from ..runs.run import Run


@dataclass(frozen=True)
class PublishOptions:
    "Whether a repository that has to be made is private, and whether a Space with the demo is made, too."

    private: bool = False
    space: bool = False


def publish(path: Path, repo: str, options: PublishOptions = PublishOptions()) -> list[str]:
    """Upload weights, settings, scores and a model card of the run at `path` to `repo`, `USER/NAME` on the hub.

    Returns the address of the model, and of the Space if there is one. `UserError` for a folder without a trained run,
    and where the hub can't be reached or refuses.
    """
    repo, revision = split_name(f"hf:{repo.removeprefix('hf:')}")
    if revision is not None:
        raise UserError(f"{repo}@{revision}: a run is published as the newest revision; name {repo} alone.")
    run = Run.open(path)
    run.load_model()  # what can't be loaded isn't published
    message = f"linknet-fastai: a run on {run.card.protocol}"
    with tempfile.TemporaryDirectory(prefix="linknet-fastai-publish-") as temporary:
        model = writable_folder(Path(temporary) / "model")
        public = write_model_folder(run, model, repo)
        addresses = [upload(model, Repository(repo, "model", options.private), message)]
        if options.space:
            space = writable_folder(Path(temporary) / "space")
            write_space_folder(public, space, repo)
            addresses.append(upload(space, Repository(repo, "space", options.private), message))
    return addresses
