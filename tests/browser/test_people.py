"""Who may use the dashboard, and one's own account."""

from dataclasses import replace
from urllib.parse import urlsplit

from conftest import Enter, Staff
from manners import Manner
from persons import elsewhere
from scene import Scene


def test_an_administrator_invites_changes_a_role_takes_it_away_and_closes_the_account(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    visit = enter(staff["admin", manner.language])
    visit.go("/")
    visit.section("/people")
    visit.look("people")
    visit.field("Nom", "Name").fill("   ")
    visit.field("Adresse électronique", "E-mail address").fill("paul@cfa")
    visit.refusals = 1
    visit.button("Inviter", "Invite").click()
    assert visit.page.locator("[aria-invalid=true]").count() == 2, "both are told at once"
    visit.look("people-refused")
    visit.page.get_by_role("alert").get_by_role("link").last.click()
    assert visit.field("Adresse électronique", "E-mail address").evaluate("one => one === document.activeElement")
    name = visit.say("Paul Neuf", "Paula New")
    visit.field("Nom", "Name").fill(name)
    visit.field("Adresse électronique", "E-mail address").fill(f"paul.{manner.language}@cfa.example")
    visit.field("Rôle", "Role").select_option("lecteur")
    visit.button("Inviter", "Invite").click()
    said = visit.page.locator(".notice.done")
    assert "/invitation#" in said.inner_text()
    visit.look("people-invited")

    visit.link(name, name, exact=True).click()
    visit.look("person")
    visit.field("Rôle", "Role").select_option("auditeur")
    visit.button("Donner ce rôle", "Give this role").click()
    roles = visit.page.locator("main ul li")
    assert roles.count() == 2
    visit.look("person-two-roles")
    reader = roles.filter(has_text=visit.say("Lecteur", "Reader"))
    reader.locator("summary").click()
    reader.locator("input[name='reason']").fill("essai")
    visit.button("Retirer", "Take away", within=reader).click()
    assert roles.count() == 1
    visit.page.locator("summary").filter(has_text=visit.say("Fermer le compte", "Close the account")).click()
    visit.page.locator("#reason-disable").fill("essai")
    visit.button("Désactiver", "Disable").click()
    assert visit.button("Réactiver", "Enable").is_visible()
    visit.look("person-disabled")


def test_a_person_changes_the_language_and_ends_a_session_left_open(
    enter: Enter, staff: Staff, scene: Scene, manner: Manner
) -> None:
    person = staff["lecteur", manner.language]
    left_open = elsewhere(scene.desk, person)
    assert left_open.get("/account").status_code == 200
    visit = enter(person)
    visit.go("/")
    visit.page.locator("header").get_by_role("link", name=person.name).click()
    visit.look("account")
    sessions = visit.page.locator("section[aria-labelledby=sessions]")
    ends = sessions.get_by_role("button", name=visit.say("Fermer", "End"))
    while ends.count():
        ends.first.click()
    assert sessions.locator("tbody tr").count() == 1
    assert left_open.get("/account").status_code == 303, "a session that was ended is over"
    left_open.close()

    other = "en" if manner.language == "fr" else "fr"
    visit.field("Langue des pages", "Language of the pages").select_option(other)
    visit.button("Changer", "Change").click()
    assert urlsplit(visit.page.url).path == "/account"
    visit.manner = replace(manner, language=other)
    visit.look("account-other-language")
    visit.page.locator("#language").select_option(manner.language)
    visit.page.locator("form[action='/account/language'] button").click()
    visit.manner = manner
    visit.look("account-back")
