"""The state of the OPCOs, and the log: who did what, to search and to take home."""

import csv
import io
import json

from conftest import Enter, Staff
from manners import Manner


def test_the_opcos_tell_how_they_are_and_lead_to_what_waits_for_them(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    visit = enter(staff["lecteur", manner.language])
    visit.go("/")
    visit.section("/opcos")
    visit.look("opcos")
    for drawn in ("latency", "backlog"):
        chart = visit.page.locator(f"section[aria-labelledby={drawn}] svg")
        assert "AFDAS" in (chart.get_attribute("aria-label") or "").upper()
        assert chart.locator("rect").count()
    rows = visit.page.locator("main tbody tr")
    assert rows.count() == 11
    silent = rows.filter(has=visit.page.get_by_role("link", name="AFDAS"))
    assert visit.say("silence", "silence") in silent.inner_text().lower()
    silent.get_by_role("link", name="AFDAS").click()
    assert visit.page.locator("main tbody tr").count() >= 4


def test_the_log_is_searched_read_and_exported(enter: Enter, staff: Staff, manner: Manner) -> None:
    visit = enter(staff["auditeur", manner.language])
    visit.go("/")
    visit.section("/audit")
    visit.look("audit")
    visit.field("Quoi (début)", "What (start)").fill("person.signed_in")
    visit.button("Chercher", "Search").click()
    kinds = visit.page.locator("main tbody td:nth-child(3)").all_inner_texts()
    assert kinds
    assert all("person.signed_in" in kind for kind in kinds)
    visit.look("audit-persons")
    visit.field("Quoi (début)", "What (start)").fill("delivery.rejected")
    visit.button("Chercher", "Search").click()
    visit.page.locator("main tbody details summary").first.click()
    visit.look("audit-deliveries")
    name, sheet = visit.download(visit.link("CSV", "CSV", exact=True))
    assert name.endswith(".csv")
    assert any("delivery." in cell for row in csv.reader(io.StringIO(sheet.decode("utf-8-sig"))) for cell in row)
    name, lines = visit.download(visit.link("NDJSON", "NDJSON", exact=True))
    assert name.endswith(".ndjson")
    assert all(json.loads(line)["kind"].startswith("delivery.rejected") for line in lines.decode().splitlines())
    visit.page.locator("main tbody td:nth-child(5) a").first.click()
    visit.look("delivery-of-an-auditor")
