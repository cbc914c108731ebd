"A run may be damaged, or a stranger's: every command says so in one message, ends soon, and writes nowhere else."

import os
import shutil
import time
from pathlib import Path

import pytest
from command_line import TINY, linknet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged
from short_training import trained

from linknet_fastai.runs.run import Run

SOON = 60  # seconds, on a machine that does other things
SETTINGS = dict(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@pytest.fixture(scope="module")
def place(data, tmp_path_factory) -> Path:
    "A folder with a whole run, an image, and a file that nobody may touch."
    place = tmp_path_factory.mktemp("place")
    trained(data, place / "whole")
    (place / "precious").write_text("mine")
    shutil.copy(data / "images/val/0.png", place / "image.png")
    return place


def commands(run: Path, place: Path, data: Path) -> dict[str, tuple]:
    "What reads a run, by name."
    return {"runs": ("runs", run.parent), "report": ("report", run, "--out", place / "out" / "report.html"),
            "evaluate": ("evaluate", run, "--data", data), "show-results": ("show-results", run, "--data", data),
            "evaluate in its folder": ("evaluate", run), "resume": ("resume", run),
            "predict": ("predict", run, place / "image.png", "--out", place / "out"),
            "predict in it": ("predict", run, place / "image.png"), "benchmark": ("benchmark", run),
            "fit": ("fit", "folder", "--data", data, *TINY[:2], "--weights", run, "--out", place / "out" / "new",
                    "--epochs", 10**9)}


# what reads a file, the quick ones more often
READERS = {"config.json": ("runs", "runs", "resume", "resume", "predict in it", "report", "evaluate in its folder"),
           "history.csv": ("runs", "runs", "resume", "report"), "scores.json": ("report", "runs"),
           "samples.csv": ("resume", "evaluate in its folder"), "gallery": ("report",),
           "model.safetensors": ("predict", "fit", "evaluate", "show-results", "report", "benchmark"),
           "last.safetensors": ("resume",)}


def answered(name: str, run: Path, place: Path, data: Path):
    "The command ends soon, well or with one message, and leaves what isn't its own."
    shutil.rmtree(place / "out", ignore_errors=True)
    (place / "out").mkdir()
    before, started = state(place), time.monotonic()
    result = linknet(*commands(run, place, data)[name], cwd=place / "out")
    assert time.monotonic() - started < SOON
    assert result.returncode in (0, 2), result
    messages = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert len(messages) == (result.returncode == 2), result.stderr
    assert "Traceback" not in result.stderr and "\x1b[31m" not in result.stdout + result.stderr
    assert state(place) == before


def state(place: Path) -> dict:
    "Of all files but the commands' own and the damaged run's."
    return {path: path.stat().st_mtime_ns for path in place.rglob("*")
            if not path.is_relative_to(place / "out") and not path.is_relative_to(place / "runs")}


def files_read(run: Path) -> list[Path]:
    "Those of `READERS`; of a gallery, which `report` alone reads, its table."
    return [Path(name) for name in READERS if name != "gallery"] + [Path("gallery/images.csv")]


@pytest.mark.slow
@settings(max_examples=120, **SETTINGS)
@given(choices=st.data())
def test_a_damaged_run_is_answered(place, data, choices):
    choose, whole, run = choices.draw, place / "whole", place / "runs" / "run"
    shutil.rmtree(run.parent, ignore_errors=True)
    shutil.copytree(whole, run)
    file = choose(st.sampled_from(files_read(whole)), label="file")
    (run / file).write_bytes(choose(damaged((whole / file).read_bytes()), label="content"))
    answered(choose(st.sampled_from(READERS[file.parts[0]]), label="command"), run, place, data)


# links, pipes and devices in the place of each file

def put(kind: str, path: Path, place: Path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if kind == "pipe": os.mkfifo(path)
    elif kind == "link": path.symlink_to(place / "precious")
    elif kind == "link to a folder": path.symlink_to(place)
    elif kind == "endless": path.symlink_to("/dev/zero")
    else: path.mkdir()


KINDS = ["pipe", "link", *(pytest.param(kind, marks=pytest.mark.slow) for kind in (
    "link to a folder", "endless", "folder"))]
WRITERS = {"figures": "show-results", "figures/worst-val.png": "show-results", "scores-val.json": "evaluate",
           ".lock": "resume", "predictions": "predict in it", "last.safetensors": "resume", "samples.csv": "resume",
           "model.safetensors": "predict", "config.json": "runs"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", [*WRITERS, "history.csv", "scores.json", "gallery", "gallery/images.csv",
                                  "gallery/0001.jpg", "report.html"])
def test_what_is_no_file_is_answered(place, data, kind, file):
    run = place / "runs" / "run"
    shutil.rmtree(run.parent, ignore_errors=True)
    shutil.copytree(place / "whole", run)
    put(kind, run / file, place)
    answered(WRITERS.get(file, "report"), run, place, data)
    assert (place / "precious").read_text() == "mine"


def test_runs_lists_the_good_ones_and_names_the_bad(place):
    shutil.rmtree(place / "runs", ignore_errors=True)
    for name in ("good", "bad"): shutil.copytree(place / "whole", place / "runs" / name)
    (place / "runs" / "bad" / "history.csv").write_text("epoch\n1\n")
    result = linknet("runs", place / "runs")
    assert result.returncode == 0 and "good " in result.stdout and "bad/history.csv: is damaged" in result.stdout
    assert len(Run.open(place / "runs" / "good").history) == 3
