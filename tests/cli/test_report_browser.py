"""The page of `xent report` in a browser: nothing fails, nothing leaves the page, and what can be done with it works.

Needs Debian's `chromium` and `chromium-driver`, or what is called so elsewhere; without them these tests are skipped.
"""

import json
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from .test_report import HOSTILE, HOSTILE_CLASSES, hostile_sources  # noqa: E402

BROWSER, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = [pytest.mark.heavy, pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no chromium with its driver")]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser):
    """Opens a page at a width, in light or dark; when the test is over, what the browser has to say of it is looked at."""

    def open_page(path, width=1280, scheme="light"):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(path.absolute().as_uri())
        return browser

    yield open_page
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"].partition("#")[0] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert asked == {browser.current_url.partition("#")[0]}


@pytest.fixture
def page(xent, folder):
    lines = [f"{i},{i % 3 % 2},{(i * 37 % 101) / 101},{'abcdefghij'[i % 10]}" for i in range(300)]
    (folder / "preds.csv").write_text("id,label,score,team\n" + "\n".join(lines) + "\n")
    ended = xent("report", "preds.csv", "--by", "team", "--key", "id", "--gate", "rows >= 10", "-o", "report.html")
    assert ended.status == 0, ended.err
    return folder / "report.html"


def table_of(driver, section):
    return driver.find_element(By.CSS_SELECTOR, f"#{section} table")


def column(table, number):
    return [row.find_elements(By.CSS_SELECTOR, "th, td")[number].get_attribute("data-sort") for row in rows_of(table)]


def rows_of(table):
    return [row for row in table.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]


def test_a_click_on_a_header_sorts(opened, page):
    table = table_of(opened(page), "slices")
    place = [header.get_attribute("textContent") for header in table.find_elements(By.CSS_SELECTOR, "thead th")].index(
        "binary_crossentropy"
    )
    header = table.find_elements(By.CSS_SELECTOR, "thead th")[place]
    header.find_element(By.TAG_NAME, "button").click()
    values = list(map(float, column(table, place)))
    assert values == sorted(values)
    assert len(values) == 10
    assert header.get_attribute("aria-sort") == "ascending"
    header.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert list(map(float, column(table, place))) == values[::-1]
    assert header.get_attribute("aria-sort") == "descending"


def test_words_filter_rows(opened, page):
    driver = opened(page)
    table = table_of(driver, "slices")
    field = driver.find_element(By.CSS_SELECTOR, "#slices input[type=search]")
    field.send_keys("c")
    assert [row.find_element(By.TAG_NAME, "th").text for row in rows_of(table)] == ["c"]
    assert driver.find_element(By.CSS_SELECTOR, "#slices output").text == "1 of 10 rows"
    field.send_keys(Keys.BACKSPACE)
    assert len(rows_of(table)) == 10


def test_the_pointer_and_the_keys_show_points(opened, page):
    driver = opened(page)
    plot = driver.find_element(By.CSS_SELECTOR, "#figure-roc .plot")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(driver).move_to_element(plot).perform()
    tip = plot.find_element(By.CLASS_NAME, "tip")
    assert tip.is_displayed()
    shown = dict(line.splitlines() for line in (part.text for part in tip.find_elements(By.TAG_NAME, "div")))
    assert list(shown) == ["threshold", "false positive rate", "true positive rate"]
    rows = driver.execute_script("return [...arguments[0].tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))",
                                 driver.find_element(By.CSS_SELECTOR, "#figure-roc table"))  # fmt: skip
    assert list(shown.values()) in rows
    plot.send_keys(Keys.HOME)
    assert tip.find_elements(By.TAG_NAME, "b")[1].text == "0"
    plot.send_keys(Keys.ARROW_RIGHT)
    assert [part.text for part in tip.find_elements(By.TAG_NAME, "b")] == rows[1]
    plot.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_no_wider_than_the_screen(opened, page, width):
    driver = opened(page, width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width


def test_dark_is_dark(opened, page):
    colours = [
        opened(page, scheme=scheme).execute_script("return getComputedStyle(document.body).backgroundColor") for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(18, 22, 28)"]


@pytest.mark.parametrize("arguments", [HOSTILE, HOSTILE_CLASSES], ids=["columns", "classes"])
@pytest.mark.parametrize("width", [1280, 390])
def test_names_that_mean_harm_do_none(opened, xent, folder, width, arguments):
    hostile_sources(folder)
    ended = xent(*arguments, "-o", "report.html")
    assert ended.status == 0, ended.err
    driver = opened(folder / "report.html", width)
    assert driver.execute_script("return window.pwned") is None
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert len(driver.find_elements(By.TAG_NAME, "script")) == 1
    assert driver.find_elements(By.TAG_NAME, "img") == []
    driver.find_element(By.CSS_SELECTOR, "main thead button").click()
    assert driver.execute_script("return window.pwned") is None


def test_the_policy_stops_what_is_not_of_the_page(browser, page, folder):
    """That the policy works is known once something was stopped by it."""
    text = page.read_text()
    changed = folder / "changed.html"
    changed.write_text(text.replace("<footer>", "<script>window.pwned = 1</script><footer>"))
    browser.get_log("browser")
    browser.get(changed.absolute().as_uri())
    assert browser.execute_script("return window.pwned") is None
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


def test_a_comparison_is_not_cut(opened, xent, folder):
    """On a screen no column is, and on a phone the finding is seen without scrolling."""
    lines = [(i, i % 3 % 2, (i * 37 % 101) / 101, "abcd"[i % 4]) for i in range(400)]
    for name, share in (("base.csv", 1.0), ("candidate.csv", 0.7)):
        rows = [f"{i},{label},{share * score + (1 - share) * label},q{team}" for i, label, score, team in lines]
        (folder / name).write_text("\n".join(["id,label,score,radius_quartile", *rows]) + "\n")
    metrics = [word for name in ("bce", "accuracy", "expected_calibration_error") for word in ("-m", name)]
    ended = xent("compare", "base.csv", "candidate.csv", *metrics, "--by", "radius_quartile", "-o", "comparison.html")
    assert ended.status == 0, ended.err
    fits = "const frame = document.querySelector('#slices .scroll'); return frame.scrollWidth <= frame.clientWidth"
    assert opened(folder / "comparison.html").execute_script(fits)
    driver = opened(folder / "comparison.html", 390)
    findings = driver.find_elements(By.CSS_SELECTOR, "#slices .finding")
    assert len(findings) == 12
    assert max(finding.rect["x"] + finding.rect["width"] for finding in findings) <= 390
