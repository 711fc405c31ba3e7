# SPDX-License-Identifier: Apache-2.0
"""The pages in a headless Chromium without a network: they load, answer to pointer and keyboard, and can be read."""

from __future__ import annotations

import csv
import io
import json
import sys
from xml.etree import ElementTree

import pytest

from fsl_mrs_dl.reports.html.group import render_group
from fsl_mrs_dl.reports.html.repeated import retests
from fsl_mrs_dl.reports.html.report import render_report
from fsl_mrs_dl.reports.scan_table import scan_table_description
from tests.browser_helpers import PHONE, axe_script
from tests.report_helpers import full, refused, spectra
from tests.study_helpers import study


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages by name: reports with plotly and without, one of a refused scan, and a study."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}

    def write(name, text):
        made[name] = folder / f"{name}.html"
        made[name].write_text(text, encoding="utf-8")

    def report(q):
        return render_report(q, spectra=spectra(q), options={}, reproduce="fsl_mrs_dl fit")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "plotly.offline", None)
        write("drawn", report(full()))
        write("refused", report(refused()))
    write("plotted", report(full()))
    scans = study()
    write("study", render_group(scans, retests(scans), scan_table_description(scans)))
    beside = folder / scans[0].report
    beside.parent.mkdir(parents=True)
    beside.write_text("<title>a report</title>", encoding="utf-8")
    return made


@pytest.fixture
def page(browser, pages):
    """Open a page by its name; afterwards it must not have asked for anything, nor complained."""

    def opened(name, **window):
        if name == "plotted":
            pytest.importorskip("plotly", reason="plotly is not installed")
        return browser.open(pages[name], **window)

    yield opened
    browser.check()


NAMES = ("drawn", "plotted", "refused", "study")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_load_without_a_network_and_fit_a_phone(page, name, dark, tmp_path):
    view = page(name, dark=dark)
    view.screenshot(tmp_path / f"{name}.png")
    assert "fsl_mrs_dl" in view.driver.title
    paper = view.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper.strip("rgb()").split(","))) < 200) is dark
    # the verdict is on the first screen
    box = view.find(".verdict").rect
    assert box["y"] + box["height"] < 500
    view = page(name, dark=dark, **PHONE)
    assert view.run("return document.documentElement.scrollWidth") <= PHONE["width"]
    view.screenshot(tmp_path / f"{name}_phone.png")


def test_a_page_that_asks_the_network_is_noticed(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<title>bad</title><img src='http://192.0.2.1/x.png'><script>console.error('oh')</script>")
    browser.open(path)
    assert any("192.0.2.1" in address for address in browser.requests())
    assert any("oh" in line for line in browser.complaints())


def test_a_metabolite_shows_under_the_pointer_and_stays_after_a_click(page):
    view = page("drawn")
    button = view.find('button[data-name="m-NAA"]')
    curve = "path[data-curve='m-NAA']"
    assert not view.find(curve).is_displayed()
    view.hover(button)
    assert view.find(curve).is_displayed()
    view.hover(view.find("h1"))
    assert not view.find(curve).is_displayed()
    button.click()
    view.hover(view.find("h1"))
    assert button.get_attribute("aria-pressed") == "true"
    assert view.find(curve).is_displayed()


def test_plotly_follows_the_same_buttons(page):
    view = page("plotted")
    width = "return document.querySelector('.plot').data.find(t => t.hovertemplate.includes('NAA ')).line.width"
    before = view.run(width)
    view.hover(view.find('button[data-name="m-NAA"]'))
    assert view.run(width) == 3 != before
    view.hover(view.find("h1"))
    assert view.run(width) == before
    assert not view.shown("figure.panel svg.static")
    # what was folded gets its size when it is opened
    view.run("document.querySelectorAll('details.fold')[0].querySelector('summary').click()")
    assert view.run("return document.querySelectorAll('.plot .main-svg').length") > 0


def test_keys_reach_buttons_and_move_the_cursor(page):
    from selenium.webdriver import ActionChains, Keys

    view = page("drawn")
    drawing = view.find("figure.panel svg.static")
    view.run("arguments[0].focus()", drawing)
    first = view.find(".readout").text
    ActionChains(view.driver).send_keys(Keys.ARROW_RIGHT).perform()
    second = view.find(".readout").text
    ActionChains(view.driver).send_keys(Keys.ARROW_RIGHT).perform()
    third = view.find(".readout").text
    assert first != second != third
    assert float(second.split()[0]) > float(third.split()[0]), "ppm falls to the right"
    ActionChains(view.driver).send_keys(Keys.TAB, Keys.SPACE).perform()
    focused = view.driver.switch_to.active_element
    assert (focused.get_attribute("data-name"), focused.get_attribute("aria-pressed")) == ("data", "false")
    assert not view.find("path[data-curve='data']").is_displayed()


def test_further_cautions_unfold_when_they_are_asked_for(page):
    view = page("drawn")
    assert not view.shown("#noticed .flag")
    view.find(".verdict a").click()
    assert view.shown("#noticed .flag")


def test_the_study_is_grouped_by_what_is_chosen(page):
    view = page("study")
    assert {figure.get_attribute("data-column") for figure in view.shown("figure.distribution")} == {"site"}
    view.choose("#column", "age")
    assert {figure.get_attribute("data-column") for figure in view.shown("figure.distribution")} == {"age"}
    view.choose("#column", "")
    shown = view.shown("figure.distribution")
    assert len(shown) == 2, "GABA and Glx"
    assert len(shown[0].find_elements("css selector", "circle")) == 23
    assert len(view.shown("figure.agreement")) == 1
    view.choose("#pair", "1")
    assert view.shown("figure.agreement")[0].text.startswith("Glx /Cr+PCr, ses-2 − ses-1")


def test_a_point_tells_its_scan_and_leads_to_its_report(page):
    view = page("study")
    point = view.shown("figure.distribution circle[data-s='0']")[0]
    view.hover(point)
    assert view.find("#tip").text.startswith("sub-01_ses-1: 0.2")
    assert len(view.shown("circle.hot")) >= 2, "GABA and Glx of the same scan"
    point.click()
    assert view.driver.title == "a report"


def column(view, name):
    place = [head.get_attribute("data-name") for head in view.all("#table th")].index(name)
    return [row.find_elements("css selector", "td")[place].text for row in view.shown("#table tbody tr")]


def test_the_table_sorts_and_filters(page):
    view = page("study")
    head = view.find("#table th[data-name='GABA /Cr+PCr'] button")
    view.run("arguments[0].focus()", head)
    head.send_keys("\n")
    values = column(view, "GABA /Cr+PCr")
    assert values[-1] == "–", "what has no value stands last"
    numbers = [float(v) for v in values[:-1]]
    assert numbers == sorted(numbers)
    assert view.find("#table th[aria-sort]").get_attribute("data-name") == "GABA /Cr+PCr"
    head.send_keys("\n")
    assert float(column(view, "GABA /Cr+PCr")[1]) == 0.9
    view.find("#table th[data-name='verdict'] button").click()
    assert column(view, "verdict")[:4] == ["refused", "look", "look", "OK"]
    view.choose("#state", "look")
    assert view.find("#count").text == "2 of 24 scans"
    view.choose("#state", "")
    view.find("#find").send_keys("OSLO ses-2")
    assert view.find("#count").text == "6 of 24 scans"


def test_the_table_its_dictionary_and_figures_are_saved(page):
    view = page("study")
    view.find("#find").send_keys("sub-03")
    rows = list(csv.DictReader(io.StringIO(view.downloaded("scans.tsv", view.find("#save-table"))), delimiter="\t"))
    assert [(row["scan"], row["verdict"]) for row in rows] == [("sub-03_ses-1", "OK"), ("sub-03_ses-2", "refused")]
    assert rows[1]["GABA /Cr+PCr"] == "n/a"
    described = json.loads(view.downloaded("scans.json", view.find("#save-dictionary")))
    assert set(rows[0]) <= set(described)
    drawing = ElementTree.fromstring(
        view.downloaded("GABA_Cr+PCr.svg", view.shown("figure.distribution button.svg")[0])
    )
    svg = "{http://www.w3.org/2000/svg}"
    circles = drawing.findall(f".//{svg}circle")
    assert drawing.tag == f"{svg}svg"
    assert len(circles) == 23
    assert "rgb(" in circles[0].get("style"), "colours are in the file, not in a sheet"


@pytest.mark.parametrize("name", NAMES)
def test_pages_print_with_what_is_folded_and_fold_again(page, name, tmp_path):
    view = page(name, dark=True)
    folded = view.run("return document.querySelectorAll('details:not([open])').length")
    content = view.pdf()
    (tmp_path / f"{name}.pdf").write_bytes(content)
    assert content.startswith(b"%PDF")
    assert len(content) > 20_000
    assert view.run("return document.querySelectorAll('details:not([open])').length") == folded > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("window", [{}, {"dark": True}, PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_serious(page, name, window):
    script = axe_script()
    assert page(name, **window).axe(script) == []
