"""Dossiers and their money, as who bills them looks at it."""

import csv
import io
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

from conftest import Enter, Staff
from manners import Manner
from scene import Scene


def test_a_dossier_leads_to_its_schedule_and_to_what_was_paid(
    enter: Enter, staff: Staff, scene: Scene, manner: Manner
) -> None:
    visit = enter(staff["facturation", manner.language])
    visit.go("/")
    visit.section("/dossiers")
    visit.look("dossiers")
    visit.field("État", "State").select_option("ENGAGE")
    visit.field("Numéro ou DECA", "Number or DECA").fill(scene.numero)
    visit.button("Filtrer", "Filter").click()
    rows = visit.page.locator("main tbody tr")
    assert rows.count() == 1
    visit.look("dossiers-one")
    rows.locator("a").first.click()
    visit.look("dossier")
    invoices = visit.page.locator("section[aria-labelledby=invoices] tbody tr")
    assert invoices.count() == 2
    assert invoices.get_by_text(visit.say("Réglée", "Paid"), exact=True).count() == 1
    paid = visit.page.locator("section[aria-labelledby=money] .card").filter(has_text=visit.say("Réglé", "Paid"))
    assert re.search(r"[1-9]", paid.inner_text()), paid.inner_text()
    invoices.first.get_by_role("link").click()
    visit.look("delivery-of-an-invoice")


def test_the_money_is_drawn_told_in_words_and_taken_home_as_a_sheet(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["facturation", manner.language])
    visit.go("/")
    visit.section("/money")
    visit.look("money")

    # Of it, the morning tells what is blocked here: in the cards, and by cause.
    visit.section("/")
    whole = visit.page.locator("a[href='#blocked']").inner_text()
    blocked = visit.page.locator("section[aria-labelledby=blocked]")
    assert whole in blocked.inner_text()
    visit.look("today-money")
    blocked.locator("tbody a").first.click()
    assert parse_qs(urlsplit(visit.page.url).query)["kind"] == ["facture"]
    visit.section("/money")
    drawing = visit.page.locator("section[aria-labelledby=months] svg")
    assert drawing.get_attribute("role") == "img"
    assert drawing.get_attribute("aria-label")
    visit.page.get_by_text(visit.say("Les mêmes chiffres en tableau", "The same figures as a table")).click()
    table = visit.page.locator("section[aria-labelledby=months] table")
    bars = drawing.locator("rect title")
    told = [one.text_content() or "" for one in bars.all()]
    assert len(told) == 3 * table.locator("tbody tr").count()
    assert told[0].split(": ")[1] in table.inner_text(), "the table tells what is drawn"

    name, sheet = visit.download(visit.link("XLSX", "XLSX", exact=True))
    assert name.endswith(".xlsx")
    with zipfile.ZipFile(io.BytesIO(sheet)) as book:
        assert book.testzip() is None
        assert "xl/workbook.xml" in book.namelist()
    name, sheet = visit.download(visit.link("CSV", "CSV", exact=True))
    assert name.endswith(".csv")
    assert len(list(csv.reader(io.StringIO(sheet.decode("utf-8-sig"))))) > 1

    visit.field("Échéances ouvertes du", "Opening from").fill("2031-01-01")
    visit.button("Filtrer", "Filter").click()
    visit.look("money-of-no-month")
