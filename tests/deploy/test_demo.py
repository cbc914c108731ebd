"The local page: what it answers, and what a reader of it sees in headless Chromium."

import base64
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from finished_run import CLASSES, finished_run
from PIL import Image

from linknet_fastai.deploy.demo import MOST_PIXELS, answer
from linknet_fastai.deploy.predictor import Predictor
from linknet_fastai.runs.run import Run
from linknet_fastai.workflows.demo import about

pytest.importorskip("gradio", reason="the extra `demo` is not installed")
WebDriverException = pytest.importorskip("selenium.common.exceptions", reason="selenium is not installed"
                                         ).WebDriverException


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "tiny").path


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, gray in enumerate((30, 200)):
        noise = np.random.default_rng(number).integers(0, 40, (48, 64, 3)) + gray
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"street{number}.png")
    (folder / "text.png").write_text("no image")
    return folder


@pytest.mark.parametrize("changes, count", [({}, 5), ({"size": (48, 64)}, 0), ({"crops": True}, 0)], ids=str)
def test_examples_are_what_the_model_sees(run, tmp_path, changes, count):
    "Not small copies of larger images, nor of images that are predicted by tiles."
    copy = Run.open(shutil.copytree(run, tmp_path / "run"))
    model, card = copy.load_model()
    copy.write_model(model, replace(card, **changes))
    assert len(about(copy, "run").examples) == count


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def test_an_image_is_answered_with_its_mask_and_each_class_s_frequency(run, images):
    predictor = Predictor(run)
    mask = predictor(images / "street0.png")
    found = answer(predictor, str(images / "street0.png"), "street0.png")
    assert (pixels(found["indices"]) == mask).all() and (pixels(found["mask"]) == mask).all()
    assert {each["name"]: each["frequency"] for each in found["classes"]} == {
        name: (mask == index).mean() for index, name in enumerate(CLASSES)}


def test_what_is_no_image_is_answered_with_one_message_without_its_place(run, images):
    message = answer(Predictor(run), str(images / "text.png"), "text.png")["message"]
    assert message.startswith("text.png") and str(images) not in message and len(message.splitlines()) == 1


def test_an_image_that_is_too_large_is_refused_by_its_header(run, tmp_path):
    side = int(MOST_PIXELS ** 0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "large.png")
    assert f"{side}x{side}" in answer(Predictor(run), str(tmp_path / "large.png"), "large.png")["message"]


# in a browser

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def address(run):
    "Of the page, served by a process as a user starts it."
    page = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "linknet_fastai", "demo", run],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = page.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), page.stderr.read()
    yield line.split()[0]
    page.send_signal(signal.SIGTERM)
    assert page.wait(30) == 0


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000",
                 "--disable-background-networking", "--disable-component-update", "--no-first-run"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def until(condition, seconds: float = 60):
    "What `condition` gives once it gives anything."
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        with suppress(WebDriverException, StopIteration):  # the page is changing
            if found := condition(): return found
        time.sleep(0.1)
    pytest.fail(f"the page didn't come to that in {seconds} s")


def upload(browser, file: Path):
    until(lambda: browser.find_element("css selector", "input[type=file]")).send_keys(str(file))


def visible(browser, selector: str):
    return until(lambda: next(each for each in browser.find_elements("css selector", selector) if each.is_displayed()))


def result_of(browser, name: str):
    shown = f"#view [data-shown='{name}'], #view[data-shown='{name}']"
    return until(lambda: browser.find_element("css selector", shown))


@pytest.mark.slow
@pytest.mark.skipif(not (BROWSER and DRIVER), reason="Debian's chromium and chromium-driver aren't there")
def test_people_upload_and_see_their_own(address, browser, images):
    browser.get(address)
    upload(browser, images / "street0.png")
    result_of(browser, "street0")
    frequencies = [float(each.text.removesuffix("%").removeprefix("<")) for each in
                   browser.find_elements("css selector", ".legend b")]
    assert frequencies and abs(sum(frequencies) - 100) < 0.3
    first = browser.current_window_handle
    browser.switch_to.new_window("window")
    browser.get(address)
    upload(browser, images / "street1.png")
    result_of(browser, "street1")
    browser.switch_to.window(first)
    assert visible(browser, ".name").text == "street0"
    assert_quiet(browser)


@pytest.mark.slow
@pytest.mark.skipif(not (BROWSER and DRIVER), reason="Debian's chromium and chromium-driver aren't there")
def test_a_text_file_is_one_message(address, browser, images):
    browser.get(address)
    upload(browser, images / "text.png")
    assert "text.png" in visible(browser, ".message").text
    assert_quiet(browser)


@pytest.mark.slow
@pytest.mark.skipif(not (BROWSER and DRIVER), reason="Debian's chromium and chromium-driver aren't there")
def test_an_example_is_shown_with_the_class_under_the_pointer(address, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    browser.get(address)
    visible(browser, "#examples button").click()
    stage = visible(browser, ".stage")
    ActionChains(browser).move_to_element(stage).perform()
    assert visible(browser, ".pointer").text in CLASSES
    browser.set_window_size(360, 800)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.set_window_size(1200, 1000)
    assert_quiet(browser)


def assert_quiet(browser):
    "No error on the console, and no request to anywhere but this machine."
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(url).hostname for url in asked if url.startswith("http")} <= {"127.0.0.1"}
