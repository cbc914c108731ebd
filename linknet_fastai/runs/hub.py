"Runs on the Hugging Face Hub, by name: `hf:USER/NAME`, downloaded as a folder that opens as a run."

import re
import warnings
from pathlib import Path

from ..errors import Note, UserError
from .card import MODEL_FILE

# all that is ever taken: tensors, numbers and words, nothing that could be run
FILES = (MODEL_FILE, "config.json", "history.csv", "scores*.json", "scores*.csv")
SECONDS = 5  # that the hub has to answer


def is_on_hub(name: str | Path) -> bool:
    "Whether `name` is of a run on the hub, `hf:USER/NAME`, and no path."
    return str(name).startswith("hf:")


def local_run(name: str | Path) -> Path:
    """The folder of a run: of `hf:USER/NAME[@REVISION]` that which it was downloaded to; any other path as it is.

    What was downloaded before serves where the hub can't be reached; a `Note` says so. `UserError` where there is no
    such run, or it can't be had.
    """
    if not is_on_hub(name): return Path(name)
    repo, revision = split_name(str(name))
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HTTPError
    try:
        # asked once, and not again and again, as downloads are
        HfApi().model_info(repo, revision=revision, timeout=SECONDS)
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=FILES))
    except HfHubHTTPError as error: raise refused(str(name), error) from error
    except (HTTPError, OSError, RuntimeError) as error: folder = _downloaded_before(str(name), error)
    if not all((folder / file).is_file() for file in ("config.json", MODEL_FILE)):
        raise UserError(f"{name}: holds no run of linknet-fastai (config.json and {MODEL_FILE}); check the name.")
    return folder


def split_name(name: str) -> tuple[str, str | None]:
    "`hf:USER/NAME[@REVISION]` as `USER/NAME` and the revision; `UserError` where it isn't of that form."
    parts = re.fullmatch(r"hf:(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?", name, re.ASCII)
    if parts is None or ".." in parts[1] or "--" in parts[1]:
        raise UserError(f"{name}: names no run on the hub; write hf:USER/NAME, or hf:USER/NAME@REVISION.")
    return parts[1], parts[2]


def refused(name: str, error: Exception) -> UserError:
    "What the hub says no to, from its `HfHubHTTPError`."
    status = error.response.status_code
    if status in (401, 403, 404):
        return UserError(f"{name}: the hub has none of this name, or not for you ({status}); check the name, and log "
                         "in with `hf auth login`.")
    return UserError(f"{name}: the hub answers {status} ({str(error).splitlines()[0]}); try again later.")


def _downloaded_before(name: str, error: Exception) -> Path:
    from huggingface_hub import snapshot_download
    repo, revision = split_name(name)
    try: folder = snapshot_download(repo, revision=revision, allow_patterns=FILES, local_files_only=True)
    except OSError:
        raise UserError(f"{name}: the hub can't be reached ({type(error).__name__}), and it wasn't downloaded before; "
                        "go online, or pass a run's folder.") from error
    warnings.warn(Note(f"{name}: the hub can't be reached; what was downloaded before is used"), stacklevel=3)
    return Path(folder)
