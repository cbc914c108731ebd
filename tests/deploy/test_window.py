"The window in which a camera is shown."

import os
import shutil
import subprocess

import pytest
from films import ramp
from PIL import Image

from linknet_fastai.deploy.films import window
from linknet_fastai.errors import UserError


@pytest.fixture
def display(monkeypatch):
    "A display of its own, of which nothing is seen."
    if shutil.which("Xvfb") is None: pytest.skip("Xvfb isn't installed (apt-get install xvfb)")
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "320x240x24", "-nolisten", "tcp"],
                              pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number: found = number.readline().strip()
    if not found: pytest.skip("Xvfb doesn't start here")
    monkeypatch.setenv("DISPLAY", f":{found}")
    yield
    server.terminate()
    server.wait()


def test_it_shows_images_until_q_is_pressed(display):
    with window.Window("a camera") as shown:
        for number in range(3): shown.show(Image.fromarray(ramp(number)))
        assert (shown.label.winfo_width(), shown.label.winfo_height()) == (64, 48) and not shown.is_closed
        shown.root.focus_force()
        shown.root.update()
        shown.root.event_generate("q")
        shown.show(Image.fromarray(ramp(3)))
        assert shown.is_closed


def test_without_a_display_one_message(monkeypatch):
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    monkeypatch.setenv("DISPLAY", ":9876")  # which nobody serves
    with pytest.raises(UserError, match="--out"): window.Window("a camera")


def test_without_tkinter_one_message(monkeypatch):
    monkeypatch.setattr(window, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"tkinter.*--out"): window.Window("a camera")
