"""The page at /docs in a real browser, without a network beyond this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dsflow.serving import PredictionServer

from .fakes import CLICK, update

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402


@pytest.fixture
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no browser here: the packages chromium and chromium-driver (Debian) bring one")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        # whatever would leave this machine has no way out
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    running.set_page_load_timeout(120)
    yield running
    running.quit()


def test_the_page_shows_everything_and_its_example_is_answered(
    browser: Any, server: PredictionServer, client: httpx.Client, models: tuple[str, str]
) -> None:
    update(client, models[0])
    browser.get(f"{server.url}/docs")
    wait = WebDriverWait(browser, 60)
    predict = wait.until(lambda page: page.find_element(By.ID, "predict"))
    described = client.get("/openapi.json").json()["paths"]
    shown = browser.find_elements(By.CSS_SELECTOR, "details")
    assert len(shown) == sum(len(operations) for operations in described.values())
    assert "click_time" in predict.text
    example = json.loads(predict.find_element(By.TAG_NAME, "textarea").get_attribute("value"))
    assert set(example) == set(CLICK)

    predict.find_element(By.TAG_NAME, "button").click()
    answer = predict.find_element(By.CSS_SELECTOR, "pre.answer")
    wait.until(lambda _: answer.get_attribute("data-status"))
    assert answer.get_attribute("data-status") == "200", answer.text
    assert json.loads(answer.text.partition("\n")[2]) == client.post("/predict", json=example).json()

    # what is wrong is shown as well, and as text
    text = predict.find_element(By.TAG_NAME, "textarea")
    text.clear()
    text.send_keys('{"ip": "<img src=x onerror=alert(1)>"}')
    predict.find_element(By.TAG_NAME, "button").click()
    wait.until(lambda _: answer.get_attribute("data-status") == "400")
    assert "<img src=x" in answer.text
    assert not answer.find_elements(By.TAG_NAME, "img")

    asked = [
        entry["params"]["request"]["url"]
        for entry in (json.loads(line["message"])["message"] for line in browser.get_log("performance"))
        if entry["method"] == "Network.requestWillBeSent"
    ]
    assert {url.split("?")[0].removeprefix(server.url) for url in asked if not url.startswith("data:")} == {
        "/docs",
        "/docs.css",
        "/docs.js",
        "/openapi.json",
        "/predict",
    }
    severe = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert [line for line in severe if "400" not in line] == []  # the Content-Security-Policy stops nothing of the page
