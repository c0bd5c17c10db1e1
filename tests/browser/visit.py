"""A person before their browser: goes from page to page, and each page is looked at with the eyes of all."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

from known import KNOWN
from manners import Manner

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Words that French has and English has not, and the other way round; a text of the other language says so (`lang`).
FRENCH = "le la les des du une est pas pour avec dans sur cette été chez livraison livraisons dossier-en-double"
ENGLISH = "the of and with was were you your this that is are has not delivery deliveries"
# What a reader of the page's own structure sees.
STRUCTURE = """(foreign) => {
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const first = document.querySelector(focusable);
  const shown = (node) => !node.parentElement.closest("pre, code, script, style, title, option, [hidden]");
  const own = (node) => node.parentElement.closest("[lang]") === document.documentElement;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const word = new RegExp(`(?<![\\\\p{L}'’-])(${foreign.split(" ").join("|")})(?![\\\\p{L}-])`, "iu");
  const foreigners = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (own(node) && shown(node) && word.test(node.data)) foreigners.push(node.data.trim().slice(0, 120));
  }
  const wide = [...document.querySelectorAll("main *, header *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.right > document.documentElement.clientWidth + 1 && !one.closest(".scroll, pre, svg") && box.width > 1;
  });
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: [...document.querySelectorAll("h1")].map((one) => one.textContent.trim()),
    width: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
    wide: wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 160)),
    skip: first?.matches("a.skip") && document.querySelector(first.getAttribute("href"))?.localName,
    foreigners,
  };
}"""
AXE_RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.map(({ id, help, nodes }) => (
    { id, help, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`) }
  ));
}"""


class Visit:
    """One browser window of one person, in one manner."""

    def __init__(self, context: BrowserContext, desk: str, manner: Manner, pictures: Path) -> None:
        self.context, self.desk, self.manner = context, desk, manner
        self.pictures = pictures / manner.name
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.page: Page = context.new_page()
        self.say = manner.say
        self.wrong: list[str] = []
        # A page that refuses says so with its status, which a browser tells on its console.
        self.refusals = 0
        self.host = urlsplit(desk).netloc
        context.on("request", self._asked)
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error in the page: {error}"))

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.wrong.append(f"asked another host: {request.url}")

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            if self.refusals and "status of 400" in message.text:
                self.refusals -= 1
            else:
                self.wrong.append(f"console: {message.text}")

    # Moving about

    def go(self, path: str) -> None:
        answer = self.page.goto(self.desk + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"

    def link(self, fr: str, en: str, *, within: Locator | None = None, exact: bool = False) -> Locator:
        return (within or self.page).get_by_role("link", name=self.say(fr, en), exact=exact).first

    def button(self, fr: str, en: str, *, within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=self.say(fr, en), exact=True).first

    def field(self, fr: str, en: str) -> Locator:
        return self.page.get_by_label(self.say(fr, en), exact=True).first

    def section(self, path: str) -> None:
        """Follows the navigation to a section."""
        self.page.locator(f"header nav a[href^='{path}']").first.click()

    def download(self, link: Locator) -> tuple[str, bytes]:
        """Clicks on what is handed out, and returns its name and its bytes."""
        with self.page.expect_download() as waiting:
            link.click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    # Looking

    def look(self, name: str) -> None:
        """Checks the page that is open and keeps its picture under a name."""
        self.page.wait_for_load_state()
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)
        foreign = FRENCH if self.manner.language == "en" else ENGLISH
        seen = self.page.evaluate(STRUCTURE, foreign)
        wrong = [*self.wrong, *structure(seen, self.manner.language), *self._audit(name)]
        self.wrong.clear()
        assert not wrong, f"{name} ({self.manner.name}, {self.page.url}):\n" + "\n".join(wrong)

    def _audit(self, name: str) -> list[str]:
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE)
        violations: list[dict[str, Any]] = self.page.evaluate(AXE_RUN, TAGS)
        excused = {rule for page, rule in KNOWN if page == name}
        told = [
            f"axe: {one['id']}: {one['help']}\n" + "\n".join(f"  {node}" for node in one["nodes"])
            for one in violations
            if one["id"] not in excused
        ]
        broken = {one["id"] for one in violations}
        return told + [f"known.py excuses {rule}, which is no longer broken" for rule in excused - broken]

    def focused(self) -> dict[str, Any]:
        """Returns what has the focus, and whether one sees it."""
        seen = self.page.evaluate(
            """() => {
              const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
              return {
                name: one.localName, text: one.textContent.trim(), href: one.getAttribute("href"),
                ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                inside: box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
              };
            }"""
        )
        return dict(seen)

    def close(self) -> None:
        self.context.close()
        assert not self.wrong, "\n".join(self.wrong)


def structure(seen: dict[str, Any], language: str) -> list[str]:
    """Returns what is wrong with how a page is built."""
    wrong = []
    if seen["lang"] != language:
        wrong.append(f"the page says it is in {seen['lang']!r}")
    if len(seen["headings"]) != 1 or seen["title"] != f"{seen['headings'][0]} · CFA Gateway":
        wrong.append(f"the title {seen['title']!r} does not tell the page {seen['headings']}")
    if seen["width"] > seen["room"]:
        wrong.append(f"{seen['width']} px wide where there are {seen['room']}: {json.dumps(seen['wide'], indent=1)}")
    if seen["skip"] != "main":
        wrong.append("the first thing a keyboard reaches does not skip to the content")
    wrong += [f"in the other language: {text!r}" for text in seen["foreigners"][:5]]
    return wrong
