"""Signing in: with password and device, for the first time, and out again."""

from urllib.parse import urlsplit

from conftest import Enter, Staff
from manners import Manner
from persons import PASSWORD, invited
from scene import Scene
from visit import Visit


def path(visit: Visit) -> str:
    return urlsplit(visit.page.url).path


def give_password(visit: Visit, email: str, password: str) -> None:
    visit.field("Adresse électronique", "E-mail address").fill(email)
    visit.field("Mot de passe", "Password").fill(password)
    visit.button("Se connecter", "Sign in").click()


def give_code(visit: Visit, code: str) -> None:
    visit.page.locator("#code").fill(code)
    visit.page.locator("main form button").click()


def test_a_person_signs_in_with_password_and_code_comes_where_they_wanted_and_signs_out(
    enter: Enter, scene: Scene, staff: Staff, manner: Manner
) -> None:
    person = staff["lecteur", manner.language]
    visit = enter()
    visit.go("/dossiers")
    assert path(visit) == "/login"
    visit.look("login")

    visit.refusals = 1
    give_password(visit, person.email, "quatre tasses vertes")
    assert visit.page.get_by_role("alert").is_visible()
    visit.look("login-wrong")

    give_password(visit, person.email, PASSWORD)
    visit.look("login-code")
    visit.refusals = 1
    give_code(visit, "000000")
    assert visit.page.get_by_role("alert").is_visible()
    visit.look("login-code-wrong")

    give_code(visit, person.code())
    assert path(visit) == "/dossiers"
    visit.look("dossiers-of-a-reader")

    _, address = invited(scene.gateway, "lecteur", manner.language, "Lise Petit")
    code = urlsplit(address).fragment
    visit.go(f"/invitation#{code}")
    visit.look("invitation-signed-in")
    visit.button("Se déconnecter et continuer", "Sign out and go on").click()
    assert visit.page.locator("#code").input_value() == code, "the code goes along"
    visit.go("/dossiers")
    assert path(visit) == "/login", "the session is over"


def test_who_was_invited_chooses_a_password_and_sets_a_device_up_before_anything_else(
    enter: Enter, scene: Scene, manner: Manner
) -> None:
    person, address = invited(scene.gateway, "gestionnaire", manner.language, "Nina Faure")
    visit = enter()
    code = urlsplit(address).fragment
    visit.go(f"/invitation#{code}")
    assert visit.page.locator("#code").input_value() == code, "the code comes from the address"
    assert not urlsplit(visit.page.url).fragment, "and leaves it"
    visit.look("invitation")

    def choose(password: str, again: str) -> None:
        visit.page.locator("#password").fill(password)
        visit.page.locator("#again").fill(again)
        visit.button("Enregistrer", "Save").click()

    visit.refusals = 1
    choose(PASSWORD, "trois tasses bleues")
    assert visit.page.get_by_role("alert").is_visible()
    visit.look("invitation-refused")
    choose(PASSWORD, PASSWORD)

    give_password(visit, person.email, PASSWORD)
    assert path(visit) == "/account/second-factor"
    visit.look("second-factor")
    visit.go("/deliveries")
    assert path(visit) == "/account/second-factor", "nothing is shown before"
    person.secret = visit.page.locator("main p code").inner_text()
    visit.refusals = 1
    give_code(visit, "000000")
    assert visit.page.get_by_role("alert").is_visible()
    assert visit.page.locator("main p code").inner_text() == person.secret, "a wrong code changes no secret"
    give_code(visit, person.code())
    assert visit.page.locator("ul.codes li").count() == 10
    visit.look("recovery-codes")
    visit.link("C'est fait", "Done").click()
    assert path(visit) == "/"
