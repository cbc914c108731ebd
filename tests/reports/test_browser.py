"The report in headless Chromium, as its reader uses it."

import shutil

import pytest
from finished_run import finished_run

from linknet_fastai.reports.report import write_report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="Debian's chromium and chromium-driver aren't there")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    one, other = finished_run(folder / "one"), finished_run(folder / "other", wrong=0.4)
    write_report([one], one.report)
    write_report([one, other], folder / "comparison.html")
    return one.report, folder / "comparison.html"


@pytest.fixture
def page(browser, reports):
    browser.get(reports[0].as_uri())
    return browser


def cards(page): return page.find_elements(By.CSS_SELECTOR, ".image")


def shown(card) -> list[str]:
    layers = card.find_elements(By.CSS_SELECTOR, ".layer")
    return [layer.get_attribute("alt") for layer in layers if layer.is_displayed()]


def button(card, text): return next(each for each in card.find_elements(By.TAG_NAME, "button") if each.text == text)


def column(page, number: int) -> list[str]:
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, f"#classes tbody tr > :nth-child({number})")]


@pytest.mark.parametrize("which", [0, 1])
def test_it_loads_without_errors_and_without_requests(browser, reports, which):
    for kind in ("browser", "performance"): browser.get_log(kind)  # what was before
    browser.get(reports[which].as_uri())
    for each in ("Truth", "Image"): button(browser.find_element(By.ID, "all"), each).click()
    broken = browser.execute_script("return [...document.images].filter(i => i.complete && !i.naturalWidth).length")
    assert broken == 0 and browser.get_log("browser") == []
    events = [entry["message"] for entry in browser.get_log("performance")]
    requests = [event for event in events if "Network.requestWillBeSent" in event]
    assert all('"url":"file:' in request or '"url":"data:' in request for request in requests)


def test_each_image_is_toggled_by_itself(page):
    first, second = cards(page)[:2]
    assert shown(first) == ["Prediction of 0.png"]
    button(first, "Truth").click()
    assert shown(first) == ["Truth of 0.png"] and shown(second) == ["Prediction of 1.png"]
    assert button(first, "Truth").get_attribute("aria-pressed") == "true"
    button(first, "Image").click()
    assert shown(first) == []


def test_all_images_are_toggled_together(page):
    button(page.find_element(By.ID, "all"), "Errors").click()
    assert [shown(card) for card in cards(page)] == [[f"Errors of {i}.png"] for i in range(5)]


def test_the_keyboard_changes_a_view(page):
    card = cards(page)[0]
    button(card, "Prediction").send_keys(Keys.ARROW_RIGHT)
    assert shown(card) == ["Errors of 0.png"]
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)  # round to the first
    assert shown(card) == []
    page.switch_to.active_element.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert shown(card) == ["Prediction of 0.png"]


def test_the_slider_fades_masks(page):
    layer = next(image for image in cards(page)[0].find_elements(By.CSS_SELECTOR, ".layer") if image.is_displayed())
    slider = page.find_element(By.ID, "opacity")
    before = float(layer.value_of_css_property("opacity"))
    slider.send_keys(Keys.ARROW_LEFT * 10)
    assert float(layer.value_of_css_property("opacity")) == pytest.approx(before - 0.1)


def test_classes_are_sorted_up_and_down(page):
    heads = page.find_elements(By.CSS_SELECTOR, "#classes thead th")
    heads[2].find_element(By.TAG_NAME, "button").click()
    ious = [float(value) for value in column(page, 3)]
    assert ious == sorted(ious) and heads[2].get_attribute("aria-sort") == "ascending"
    heads[2].find_element(By.TAG_NAME, "button").click()
    assert [float(value) for value in column(page, 3)] == ious[::-1]
    assert heads[2].get_attribute("aria-sort") == "descending"
    heads[0].find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert column(page, 1) == ["car", "road", "sky"] and heads[2].get_attribute("aria-sort") is None


def test_images_are_filtered_by_class(page):
    select = Select(page.find_element(By.ID, "class"))
    select.select_by_visible_text("car")
    assert [card.find_element(By.TAG_NAME, "h3").text for card in cards(page) if card.is_displayed()] == ["4.png"]
    assert page.find_element(By.ID, "count").text == "1 image" and "its IoU" in cards(page)[0].text
    select.select_by_visible_text("sky")
    assert sum(card.is_displayed() for card in cards(page)) == 5
    select.select_by_index(0)
    assert [card.find_element(By.TAG_NAME, "h3").text for card in cards(page)] == [f"{i}.png" for i in range(5)]


def test_two_runs_are_compared_on_one_image(browser, reports):
    browser.get(reports[1].as_uri())
    card = cards(browser)[0]
    button(card, "Prediction other").click()
    assert shown(card) == ["Prediction other of 0.png"]
    button(card, "Errors one").click()
    assert shown(card) == ["Errors one of 0.png"]


def test_it_fits_a_phone(browser, reports):
    browser.set_window_size(500, 900)  # as narrow as the window gets; a frame of a phone's width stands in it
    browser.get("about:blank")
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get(reports[0].as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.set_window_size(1200, 1000)
