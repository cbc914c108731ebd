"What the command line prints, on terminals and where there is none."

import io
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import TINY, assert_refused, linknet, linknet_process
from rich.table import Table

from linknet_fastai.cli.console import rated
from linknet_fastai.cli.output import LastingOutput, SafeConsole
from linknet_fastai.errors import UserError
from linknet_fastai.runs.run import Run


def console(width: int = 80) -> tuple[SafeConsole, io.StringIO]:
    stream = io.StringIO()
    return SafeConsole(file=stream, width=width, soft_wrap=True, highlight=False, markup=False), stream


@pytest.mark.parametrize("width", [20, 80])
def test_no_name_in_a_table_is_cut(width):
    shown, stream = console(width)
    table = Table("run", "dataset", box=None)
    for name in ("a" * 100, f"{'a' * 99}b"): table.add_row(name, "streets")
    shown.print_table(table)
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["run", "dataset"], ["a" * 100, "streets"], [f"{'a' * 99}b", "streets"]]


def test_names_drive_no_terminal():
    shown, stream = console()
    shown.print("first \x1b[31mred\nsecond \x07\u202e")
    table = Table("name", box=None)
    table.add_row("\x1b]0;title\x07")
    shown.print_table(table)
    assert stream.getvalue().splitlines()[:2] == [r"first \x1b[31mred", r"second \x07\u202e"]
    assert "\x1b" not in stream.getvalue() and "\x07" not in stream.getvalue()


def test_names_are_no_markup():
    "Of rich's: brackets would be eaten, or end in its own error."
    shown, stream = console()
    table = Table("class", box=None)
    for name in ("[bold]", "lane [/]", "[/red]"): table.add_row(name)
    shown.print_table(table)
    assert [line.strip() for line in stream.getvalue().splitlines()[1:]] == ["[bold]", "lane [/]", "[/red]"]
    bar = io.StringIO()
    terminal = SafeConsole(file=bar, width=80, force_terminal=True, markup=False)
    assert list(rated("[/red] film.mp4", "frame", terminal)(range(3), 3)) == [0, 1, 2]
    assert "[/red] film.mp4" in bar.getvalue()


def test_closed_streams_are_no_reason_to_end():
    done = subprocess.run(f"{shlex.quote(sys.executable)} -m linknet_fastai datasets >&- 2>&-", shell=True)
    assert done.returncode == 0


def test_letters_that_an_encoding_has_not_are_escaped():
    raw = io.BytesIO()
    output = LastingOutput(io.TextIOWrapper(raw, encoding="ascii"))
    output.write("Straße 道 \udcff")
    output.flush()
    assert raw.getvalue() == rb"Stra\xdfe \u9053 \udcff"


def test_a_reader_that_is_gone_ends_nothing_and_is_told_of_once(capsys):
    read, write = os.pipe()
    output = LastingOutput(open(write, "w"))
    os.close(read)
    output.write("one\n")
    output.flush()
    assert capsys.readouterr().err == ""  # perhaps nothing more is said
    for _ in range(3): output.write("two\n")
    assert capsys.readouterr().err.count("standard output can't be written") == 1
    output.check()


def test_a_full_disk_is_one_message():
    output = LastingOutput(open("/dev/full", "w"))
    output.write("lost\n")
    with pytest.raises(UserError, match="No space left"): output.check()


@pytest.mark.slow
def test_a_training_goes_on_when_its_reader_has_seen_enough(folder, tmp_path):
    words = map(str, ("fit", "camvid", "--data", folder, *TINY, "--epochs", 2, "--out", tmp_path / "run"))
    training = subprocess.Popen([sys.executable, "-m", "linknet_fastai", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    training.stdout.readline()
    training.stdout.close()
    assert training.wait() == 0 and (tmp_path / "run" / "scores.json").is_file()
    [note] = [line for line in training.stderr.read().splitlines() if line.startswith("note:     standard output")]
    assert "the work goes on" in note


@pytest.mark.slow
def test_output_to_a_full_disk_ends_in_one_message(run):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "linknet_fastai", "runs", run.parent], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "No space left" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("signals, code", [
    ([signal.SIGHUP], 129), ([signal.SIGINT], 130), ([signal.SIGTERM, signal.SIGTERM], None)], ids=str)
def test_signals_end_a_training_without_python_s_words(folder, tmp_path, signals, code):
    words = map(str, ("fit", "camvid", "--data", folder, *TINY, "--epochs", 500, "--out", tmp_path / "run"))
    training = subprocess.Popen([sys.executable, "-m", "linknet_fastai", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    while "epoch " not in training.stdout.readline(): pass
    for number in signals: training.send_signal(number)
    out, err = training.communicate()
    assert training.returncode == code or training.returncode in [128 + number for number in signals]
    assert not [line for line in err.splitlines() if not line.startswith("note: ")]
    if code:
        assert f"linknet-fastai resume {tmp_path / 'run'}" in out
        assert Run.open(tmp_path / "run").checkpoints.read().epoch >= 1


@pytest.mark.slow
def test_what_was_read_before_ctrl_c_needn_t_be_read_again(folder, tmp_path):
    "The check is interrupted when its first file is read."
    script = ("import os, signal; from linknet_fastai.datasets import scan, open_dataset; "
              "from linknet_fastai.datasets.check import check\n"
              "def once(items, total):\n"
              "    for number, item in enumerate(items):\n"
              "        if number == 5: os.kill(os.getpid(), signal.SIGINT)\n"
              "        yield item\n"
              "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
              f"dataset = open_dataset('camvid', {str(folder)!r})\n"
              "try: check(dataset, once)\n"
              "except KeyboardInterrupt: print(len(scan.ScanCache(dataset.root).entries))")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True,
                          env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)})
    assert int(done.stdout) >= 5, done.stderr


def test_a_picture_of_another_kind_is_refused(folder, tmp_path):
    result = linknet("show-batch", "camvid", "--data", folder, "--out", tmp_path / "x.foo")
    assert result.returncode == 2 and "x.foo" in result.stderr and "--out" in result.stderr
    picture = tmp_path / "new" / "batch.png"
    assert linknet("show-batch", "camvid", "--data", folder, "--out", picture).returncode == 0 and picture.is_file()


@pytest.mark.slow
def test_offline_is_known_soon_and_before_the_check(folder, tmp_path):
    words = ("fit", "camvid", "--data", folder, "--encoder", "resnet18", "--epochs", 1, "--out", tmp_path / "run")
    done = linknet_process(*words, timeout=60, env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9",
                                                    "HF_HOME": str(tmp_path / "hub")})
    assert done.returncode == 2 and "--weights" in done.stderr and "checking" not in done.stdout
    assert not Path(tmp_path / "run").exists()


@pytest.mark.parametrize("words", [("evaluate",), ("predict", "x.png"), ("report",)], ids=lambda words: words[0])
def test_a_path_that_nobody_can_look_at_is_one_message(words):
    command, *more = words
    result = linknet(command, "x" * 300, *more)
    assert_refused(result, "x" * 300, "File name too long")
