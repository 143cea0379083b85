"""The report in a real browser: silent, fitting, legible, usable from a keyboard."""

import json

import pytest

from melgrid.params import Grid
from melgrid.store.report import write_report

# Texts that stand out less than 4.5 to 1 from what is behind them (WCAG 2, level AA).
CONTRAST = """
(() => {
  const linear = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const parse = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.data.trim(), e = walk.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE"].includes(e.tagName) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const own = light(parse(e.namespaceURI.endsWith("svg") ? style.fill : style.color)), back = light(behind(e));
    const ratio = (Math.max(own, back) + .05) / (Math.min(own, back) + .05);
    if (!(ratio >= 4.5)) bad.push([ratio, text.slice(0, 40)]);
  }
  return bad;
})()
"""
# Texts that leave their picture.
CLIPPED = """
[...document.querySelectorAll("svg[role=img]")].flatMap((svg) => {
  const box = svg.getBoundingClientRect();
  const wide = (r) => r.left < box.left - 1 || r.right > box.right + 1;
  const high = (r) => r.top < box.top - 1 || r.bottom > box.bottom + 1;
  const leaves = (r) => wide(r) || high(r);
  return [...svg.querySelectorAll("text")]
    .filter((text) => leaves(text.getBoundingClientRect()))
    .map((text) => text.textContent + " in " + svg.getAttribute("aria-label").slice(0, 80));
})
"""


LOG = {
    "finished": "2026-01-01T00:00:00+00:00", "features": [], "clips": 20, "failed": 1, "jobs": 2, "seconds": 30000.0,
    "audio_seconds": 900000.0, "stage_seconds": {"decode": 151234.5, "a stage with a long name": 151234.5},
}  # fmt: skip


@pytest.fixture
def page(make_toy, features, tmp_path):
    grid = list(Grid.product("logmel", sr=8000, n_fft=256, n_mels=[8, 12], hop_length=[128, 256]))
    names = ("a class with a name that is longer than any picture has room for, W" * 3, "dog", "x" * 300)
    toy = make_toy(features=[*grid, *features.values()], frames=lambda i: 30 + i, classes=names, failing=("clip-3",))
    (toy.path / "runs").mkdir()
    log = LOG | {"feature_seconds": {feature.id: 7000.0 for feature in grid}}
    (toy.path / "runs" / "1.json").write_text(json.dumps(log))
    results = tmp_path / "results.csv"
    results.write_text("feature,seed,f1\n" + "".join(f"{f.id},{s},{f.n_mels + s}\n" for f in grid for s in (0, 1)))
    return write_report(toy.store, tmp_path / "report.html", metric=results)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_it_is_silent_fits_and_is_legible(browser, page, width, dark):
    browser.open(page, width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(CONTRAST) == []
    assert browser.run(CLIPPED) == []
    undrawn = (
        "[...document.querySelectorAll('svg[role=img]')].filter((s) => s.getBoundingClientRect().height < 20).length"
    )
    assert browser.run(undrawn) == 0
    assert browser.troubles() == []


def test_a_table_sorts_from_the_keyboard(browser, page):
    browser.open(page, width=1400)
    column = "[...document.querySelectorAll('#grid tbody tr')].map((r) => r.cells[1].textContent)"
    state = "document.querySelectorAll('#grid thead th')[1].getAttribute('aria-sort')"
    browser.run("document.querySelectorAll('#grid thead th button')[1].focus()")
    browser.press("Enter", 13)
    assert browser.run(state) == "ascending"
    rising = browser.run(column)
    browser.press("Enter", 13)
    assert browser.run(state) == "descending"
    falling = browser.run(column)
    numbers = [float(text) for text in rising if text]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1
    assert [float(text) for text in falling if text] == numbers[::-1]
    empty = rising.count("")
    assert empty
    assert rising[-empty:] == falling[-empty:] == [""] * empty


def test_a_table_that_is_cut_shows_where_it_goes_on(browser, page):
    """Shades stay at its edges; what covers them moves along with the rows."""
    browser.open(page, width=420)
    table = "document.querySelector('#grid .scroll')"
    assert browser.run(f"{table}.scrollWidth > {table}.clientWidth")
    style = f"getComputedStyle({table}).backgroundAttachment"
    assert browser.run(style).split(", ")[:4] == ["local", "local", "scroll", "scroll"]


def test_the_theme_can_be_chosen(browser, page):
    browser.open(page, width=1400, dark=True)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = browser.run(colour)
    assert browser.run("document.getElementById('theme').textContent") == "Light theme"
    browser.run("document.getElementById('theme').click()")
    light = browser.run(colour)
    assert light != dark
    browser.open(page, width=1400, dark=False)
    assert browser.run(colour) == light


def test_it_reads_without_scripts(browser, page):
    browser.open(page, width=1400, scripts=False)
    assert browser.run("document.getElementById('theme').hidden")
    assert browser.run("document.querySelectorAll('th button').length") == 0
    assert browser.run("document.querySelectorAll('#grid tbody tr').length") > 10
    assert browser.troubles() == []


def test_hostile_names_run_nothing(browser, make_toy, tmp_path):
    name = "\"'><img src=x onerror=alert(1)><script>console.log(1)</script>"
    toy = make_toy(dataset=name, classes=(name, "b", "c"), columns={"path": [f"{name}{i}" for i in range(20)]})
    browser.open(write_report(toy.store, tmp_path / "report.html"), width=420)
    assert browser.run("document.querySelectorAll('script').length") == 1
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("document.querySelector('h1').textContent").startswith(name[:50])
    assert browser.troubles() == []
