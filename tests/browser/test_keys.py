"""The CFA keys, as who keeps them looks at them: what ends, what is tried, what takes over."""

from conftest import Enter, Staff
from manners import Manner


def test_a_key_that_ends_is_seen_and_the_next_one_is_kept_tried_and_put_to_use(
    enter: Enter, staff: Staff, manner: Manner
) -> None:
    visit = enter(staff["cles", manner.language])
    visit.go("/")
    ending = visit.page.locator("section[aria-labelledby=keys] li")
    assert ending.count() == 1
    visit.section("/keys")
    visit.look("keys")
    visit.page.locator("table.grid").get_by_role("link", name=visit.say("expire dans", "ends in")).first.click()
    visit.look("key-ending")

    visit.section("/keys")
    system = visit.page.locator("#new-system")
    system.select_option(system.locator("option").filter(has_text="AKTO").first.get_attribute("value"))
    visit.page.locator("#new-key").fill("la-cle-suivante")
    visit.page.locator("#new-referent").fill("Claire Adam")
    visit.button("Garder cette clé", "Keep this key").click()
    visit.look("key-staged")
    visit.button("Essayer chez l'OPCO", "Try at the OPCO").click()
    assert visit.page.get_by_role("status").is_visible()
    visit.look("key-tried")
    # What the key in use does for the other journeys must go on: the next one stays staged.
    assert visit.button("Mettre en service", "Put to use").is_visible()
    visit.page.locator("summary").filter(has_text=visit.say("Retirer cette clé", "Retire this key")).click()
    visit.page.locator("#reason-retire").fill("essai")
    visit.button("Retirer pour toujours", "Retire for good").click()
    assert not visit.button("Mettre en service", "Put to use").count()
    visit.look("key-retired")
