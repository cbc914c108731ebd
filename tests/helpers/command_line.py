"The command line as a user drives it."

import io
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

TINY = ("--encoder", "test_resnet", "--weights", "none", "--batch-size", 4)


@dataclass(frozen=True)
class Result:
    "What a command left on the terminal."

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def chdir(folder: Path):  # contextlib's is younger than Python 3.10
    before = Path.cwd()
    os.chdir(folder)
    try: yield
    finally: os.chdir(before)


def linknet(*words, cwd: Path | None = None) -> Result:
    "`linknet-fastai WORDS` in this process: torch is imported once, not for every test."
    from linknet_fastai.cli.main import main
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (patch.object(sys, "argv", ["linknet-fastai", *map(str, words)]), redirect_stdout(out), redirect_stderr(err),
          chdir(cwd or Path.cwd())):
        try: main()
        except SystemExit as end: code = end.code or 0
    return Result(code, out.getvalue(), err.getvalue())


def succeed(*words, cwd: Path | None = None) -> str:
    "What `linknet-fastai WORDS` prints, where it ends well."
    result = linknet(*words, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def linknet_process(*words, **options) -> subprocess.CompletedProcess:
    "The same in a process of its own."
    command = [sys.executable, "-m", "linknet_fastai", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def quick(data: Path, out: Path, *more) -> Result:
    "One epoch of a tiny LinkNet on a small CamVid."
    return linknet("fit", "camvid", "--data", data, *TINY, "--epochs", 1, "--out", out, *more)


def assert_refused(result: Result, *parts):
    "One message that names every part, exit code 2, no traceback."
    assert result.returncode == 2, result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    for part in parts: assert str(part) in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
