"""The page of a plan in a real browser: on a telephone and a desk, light and dark, by keyboard, and on paper."""

import json

import pytest
from browser import chromium
from plans import CASES, HEX, case

from apreconcile.show.html import plan_html

pytestmark = pytest.mark.tools

CONTRAST = """(() => {
  const part = one => { const s = one / 255; return s <= .04045 ? s / 12.92 : ((s + .055) / 1.055) ** 2.4 };
  const light = rgb => .2126 * part(rgb[0]) + .7152 * part(rgb[1]) + .0722 * part(rgb[2]);
  const read = text => text.match(/[\\d.]+/g).map(Number);
  const ground = node => { for (; node; node = node.parentElement) {
    const found = read(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found; }
    return [255, 255, 255]; };
  const low = [];
  for (const node of document.querySelectorAll('body *')) {
    const drawn = node.closest('svg'), words = [...node.childNodes].some(one => one.nodeType == 3 && one.data.trim());
    if (!words || node.tagName.toLowerCase() == 'title' || !node.getClientRects().length) continue;
    const box = drawn && drawn.querySelector(':scope > rect');
    const ink = read(getComputedStyle(node)[drawn ? 'fill' : 'color']);
    const under = box ? read(getComputedStyle(box).fill) : ground(node);
    const [high, dim] = [light(ink), light(under)].sort((a, b) => b - a), ratio = (high + .05) / (dim + .05);
    if (ratio < 4.5) low.push([node.outerHTML.slice(0, 120), ratio]);
  }
  return low; })()"""
"""The words whose contrast is less than 4.5 to 1 (WCAG 2, AA)."""

FAINT = """(() => {
  const part = one => { const s = one / 255; return s <= .04045 ? s / 12.92 : ((s + .055) / 1.055) ** 2.4 };
  const light = rgb => .2126 * part(rgb[0]) + .7152 * part(rgb[1]) + .0722 * part(rgb[2]);
  const read = text => text.match(/[\\d.]+/g).map(Number);
  const sheet = read(getComputedStyle(document.querySelector('.scroll')).backgroundColor);
  return [...document.querySelectorAll('.edge')].map(node => { const look = getComputedStyle(node);
    const ink = read(look.stroke).map((one, at) => one * look.opacity + sheet[at] * (1 - look.opacity));
    const [high, dim] = [light(ink), light(sheet)].sort((a, b) => b - a);
    return (high + .05) / (dim + .05); }).filter(ratio => ratio < 3); })()"""
"""The contrast of the lines of the drawing that have less than 3 to 1 (WCAG 2, AA, for what is no text)."""

FOCUSED = """(() => { const at = document.activeElement, look = getComputedStyle(at);
  const all = [...document.querySelectorAll('a[href], summary, [tabindex]')];
  const seen = look.outlineStyle != 'none' && parseFloat(look.outlineWidth) >= 2;
  return [all.indexOf(at), seen, all.filter(one => one.checkVisibility()).length]; })()"""


def many():
    """A plan of 300 things, of which 210 are new."""
    document = case("whole-account")
    create = next(step for step in document["steps"] if step["address"] == "agent.nights")
    names = [f"{kind}.desk-{n}" for n in range(100) for kind in ("agent", "number", "webhook")]
    document["resources"] = [
        {
            "address": name,
            "label": "",
            "parent": None if name.startswith("agent") else f"agent.{name.partition('.')[2]}",
        }
        for name in names
    ]
    document["steps"] = [
        {**create, "address": name, "risks": ["spends"] * name.startswith("number"),
         "token": f"buy:{name}@{HEX}" if name.startswith("number") else None}
        for name in names[:210]
    ]  # fmt: skip
    return document


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Each case as a file."""
    folder = tmp_path_factory.mktemp("pages")
    documents = {name: case(name) for name in CASES} | {"many": many()}
    for name, document in documents.items():
        (folder / f"{name}.html").write_text(plan_html(document), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


NAMES = [*CASES, "many"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_can_be_read(page, pages, name, width, dark):
    page.open(pages / f"{name}.html", width=width, dark=dark)
    for folded in (True, False):
        assert page.run("document.documentElement.scrollWidth") == width
        assert page.run(CONTRAST) == []
        if folded:
            page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.problems == []
    assert {url.partition(":")[0] for url in page.requested} <= {"file", "data"}
    assert page.picture(whole=False).startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [360, 1280])
def test_every_thing_of_the_drawing_has_its_own_place(page, pages, width):
    page.open(pages / "whole-account.html", width=width)
    boxes = json.loads(
        page.run(
            "JSON.stringify([...document.querySelectorAll('.box rect')].filter(one => one.checkVisibility())"
            ".map(one => one.getBoundingClientRect()))"
        )
    )
    assert len(boxes) == 14
    for one in boxes:
        for other in boxes:
            apart = one["right"] <= other["left"] or one["bottom"] <= other["top"]
            assert one == other or apart or other["right"] <= one["left"] or other["bottom"] <= one["top"]


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_hangs_on_what_can_be_seen(page, pages, dark, media):
    page.open(pages / "whole-account.html", width=1280, dark=dark, media=media)
    assert page.run("document.querySelectorAll('.edge').length") > 5
    assert page.run(FAINT) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_two_landmarks_have_one_name(page, pages, name):
    page.open(pages / f"{name}.html", width=1280)
    names = page.run("[...document.querySelectorAll('[role=region]')].map(one => one.ariaLabel)")
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["whole-account", "everything"])
def test_the_keyboard_goes_everywhere_in_order_and_shows_where(page, pages, name):
    page.open(pages / f"{name}.html", width=1280)
    reached = []
    for _ in range(page.run(FOCUSED)[2]):
        page.press("Tab", 9)
        place, seen, _ = page.run(FOCUSED)
        assert seen
        reached.append(place)
    assert reached == sorted(set(reached))
    assert reached[0] == 0
    assert page.run("document.activeElement.tagName") == "SUMMARY", "the last is what is unmanaged"
    page.press("Enter", 13)
    assert page.run("document.activeElement.parentElement.open") is True


def test_a_thing_of_the_drawing_leads_to_its_step(page, pages):
    page.open(pages / "whole-account.html", width=1280)
    page.run(
        "[...document.querySelectorAll('a.box')].find(one => one.ariaLabel.startsWith('update: agent.support')).focus()"
    )
    step = page.run("document.activeElement.getAttribute('href').slice(1)")
    assert page.run(f"document.getElementById('{step}').parentElement.open") is False
    page.press("Enter", 13)
    assert page.run("location.hash") == f"#{step}"
    assert page.run(f"document.getElementById('{step}').parentElement.open") is True
    assert page.run(f"document.getElementById('{step}').getBoundingClientRect().top") < 900


def test_a_command_is_taken_whole_with_one_click(page, pages):
    page.open(pages / "whole-account.html", width=1280)
    assert page.run("getComputedStyle(document.querySelector('.copy')).userSelect") == "all"


def test_on_paper_nothing_is_folded_and_the_paper_is_white(page, pages):
    page.open(pages / "whole-account.html", width=794, dark=True, media="print")
    folded = "[...document.querySelectorAll('details:not([open]) > :not(summary)')]"
    heights = page.run(f"{folded}.map(one => one.getBoundingClientRect().height)")
    assert len(heights) == 7
    assert all(height > 20 for height in heights)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("document.documentElement.scrollWidth") == 794
    assert page.run(CONTRAST) == []
    assert page.paper().startswith(b"%PDF")


def test_whatever_a_page_holds_it_runs_nothing(page, tmp_path):
    """The policy of the page is the second wall: a script that got in would not run."""
    document = case("whole-account")
    whole = plan_html(document).replace(
        "<main>", "<main><script>document.title='run'</script><img src='https://evil.example/x'>"
    )
    (tmp_path / "holed.html").write_text(whole, encoding="utf-8")
    page.open(tmp_path / "holed.html", width=1280)
    assert page.run("document.title") == "Plan of acme-support/default"
    assert page.problems
