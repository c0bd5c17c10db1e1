"""The morning of who keeps deliveries moving: what is stuck, why, and what to do about it."""

import csv
import io
import re
from urllib.parse import parse_qs, urlsplit

from conftest import Enter, Staff
from manners import Manner
from stage.wait import until
from visit import Visit


def number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


def counted(visit: Visit) -> int:
    """Returns how many deliveries the list says there are."""
    return number(visit.page.get_by_role("status").first.inner_text())


def test_today_tells_what_is_stuck_and_leads_to_it(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    visit.go("/")
    visit.look("today")
    main = visit.page.locator("main").inner_text()
    for said in (
        visit.say("Aucune clé CFA active", "No active CFA key"),
        visit.say("Qui doit agir", "Who must act"),
        "AFDAS",
    ):
        assert said.lower() in main.lower(), f"{said} is not told"
    # Figures of who must act lead further down; those of the reasons lead to the list they count.
    cards = visit.page.locator("ul.cards").first.locator(".figure a")
    assert cards.count() >= 2
    cards.first.click()
    assert urlsplit(visit.page.url).fragment.startswith("stuck-")
    stuck = visit.page.locator("table.stacked td.number a").first
    told = number(stuck.inner_text())
    assert told > 0
    stuck.click()
    assert urlsplit(visit.page.url).path == "/deliveries"
    assert counted(visit) == told == visit.page.locator("main tbody tr").count()
    visit.look("stuck")


def test_a_cause_leads_to_its_deliveries_to_one_of_them_and_to_what_was_done_and_by_whom(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    person = staff["gestionnaire", manner.language]
    visit = enter(person)
    visit.go("/")
    visit.link("À corriger, par cause", "To fix, by cause").click()
    visit.look("to-fix")
    cause = visit.page.locator("ol.causes > li").filter(has_text=visit.say("mandat", "mandate")).first
    size = number(cause.locator("strong").first.inner_text())
    cause.locator(".headline a").click()
    assert counted(visit) == size
    visit.look("to-fix-cause")
    visit.page.locator("main tbody td:first-child a").first.click()
    visit.look("delivery-held")

    why = visit.say("mandat reçu par courrier", "mandate came by post")
    visit.field("Action", "Action").select_option("complete")
    visit.page.locator("#mandate").fill("M-2026-17")
    visit.page.locator("#signed_on").fill("2026-08-01")
    visit.page.locator("#reason").fill(why)
    visit.button("Faire", "Do it").click()
    history = visit.page.locator("ol.timeline")
    assert history.get_by_text(person.name).count(), history.inner_text()
    history.locator("details").last.wait_for()
    visit.page.evaluate("for (const one of document.querySelectorAll('.timeline details')) one.open = true")
    assert history.get_by_text(why).count(), history.inner_text()
    visit.look("delivery-released")


def test_what_a_state_does_not_allow_is_refused_with_a_reason(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    visit.go("/deliveries?status=held&reason=no_key")
    visit.page.locator("main tbody td:first-child a").first.click()
    visit.field("Action", "Action").select_option("retry")
    visit.page.locator("#reason").fill(" ")
    visit.refusals = 1
    visit.button("Faire", "Do it").click()
    assert visit.page.get_by_role("alert").is_visible()
    visit.look("delivery-refused-act")


def test_a_refused_delivery_tells_the_words_of_the_opco(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    visit.go("/deliveries?status=rejected")
    visit.page.locator("main tbody td:first-child a").first.click()
    fault = visit.page.locator("section[aria-labelledby=fault]")
    assert fault.is_visible()
    visit.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    visit.look("delivery-rejected")


def test_a_whole_cause_is_acted_upon_after_it_was_counted_with_a_reason(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    visit.go("/to-fix")
    cause = visit.page.locator("ol.causes > li").filter(has_text="OPCO Santé")
    size = number(cause.locator("strong").first.inner_text())
    visit.link("Agir sur toutes", "Act on all", within=cause).click()
    visit.look("bulk-new")
    visit.field("Que faire", "What to do").select_option("cancel")
    visit.button("Continuer", "Go on").click()
    assert f"× {size}" in visit.page.title()
    visit.look("bulk-preview")
    visit.page.locator("#reason").fill(visit.say("déposés sur le portail", "filed on the portal"))
    visit.button("Lancer", "Begin").click()
    visit.look("bulk-running")

    def done() -> int:
        visit.page.reload()
        return number(visit.page.locator("ul.cards .figure").first.inner_text())

    until("all are cancelled", done, size.__eq__)
    visit.look("bulk-over")


def test_filters_live_in_the_address_lists_are_kept_columns_chosen_and_sheets_taken_home(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    visit.go("/")
    visit.section("/deliveries")
    everything = counted(visit)
    visit.look("deliveries")

    visit.field("État", "Status").select_option("held")
    visit.page.locator("details.choice summary").click()
    columns = visit.page.locator("details.choice")
    columns.get_by_label(visit.say("Pourquoi", "Why")).check()
    columns.get_by_label(visit.say("Site", "Site")).uncheck()
    visit.button("Filtrer", "Filter").click()
    asked = parse_qs(urlsplit(visit.page.url).query)
    assert asked["status"] == ["held"]
    assert "why" in asked["columns"]
    assert "site" not in asked["columns"]
    held = counted(visit)
    assert 0 < held < everything
    headings = visit.page.locator("main thead").inner_text()
    assert visit.say("Pourquoi", "Why") in headings
    assert "Site" not in headings
    visit.look("deliveries-held")

    name, sheet = visit.download(visit.link("Exporter en CSV", "Export as CSV"))
    assert name == "livraisons.csv"
    text = sheet.decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
    assert len(rows) == held
    assert visit.say("Pourquoi", "Why") in head

    kept = visit.say("Retenues", "Held back")
    visit.page.locator("details.saved summary").click()
    visit.page.locator("#view_name").fill(kept)
    visit.button("Garder", "Keep").click()
    visit.go("/deliveries")
    visit.page.locator("details.saved summary").click()
    visit.look("deliveries-views")
    visit.link(kept, kept, exact=True).click()
    assert parse_qs(urlsplit(visit.page.url).query)["status"] == ["held"]
    assert counted(visit) == held
    visit.page.locator("details.saved summary").click()
    visit.button(f"Supprimer la vue {kept}", f"Remove the view {kept}").click()
    assert not visit.page.locator("details.saved").get_by_role("link", name=kept).count()


def test_the_keyboard_does_everything_and_one_sees_where_it_is(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["gestionnaire", manner.language])
    press = visit.page.keyboard.press
    visit.go("/deliveries")
    press("Tab")
    skip = visit.focused()
    assert skip["href"] == "#content"
    assert skip["inside"], "the way past the navigation is seen when it has the focus"
    press("Enter")
    assert visit.focused()["name"] == "main"

    links = [one.get_attribute("href") for one in visit.page.locator("main tbody td:first-child a").all()]
    for key, expected in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        press(key)
        focus = visit.focused()
        assert focus["href"] == links[expected]
        assert focus["ring"], "the focus has no ring"
        assert focus["inside"], "what has the focus is not on the screen"
    visit.look("deliveries-keys")

    press("?")
    dialog = visit.page.get_by_role("dialog", name=visit.say("Touches", "Keys"))
    assert dialog.is_visible()
    visit.look("keys-told")
    press("Escape")
    assert not dialog.is_visible()
    press("/")
    assert visit.focused()["name"] == "input"
    press("j")
    assert visit.page.locator("#text").input_value() == "j", "who writes is left alone"
    visit.page.locator("#text").fill("")
    visit.page.locator("main tbody td:first-child a").first.focus()
    press("Enter")
    visit.page.wait_for_url("**/deliveries/*")
    visit.look("delivery")
