"""People of the dashboard who sign in at a provider of identities: a real one, npm's `oidc-provider`."""

import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from stage.process import Process
from stage.wait import until

CLIENT, SECRET = "cfa-gateway", "un secret: +&%/="
# What a browser says of a form of the page itself.
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
HOPS_MAX = 12
SETTINGS = """
[server]
listen = "127.0.0.1:0"
monitoring_listen = "127.0.0.1:0"
[database]
url = "sqlite:gateway.db"
[master_key]
file = "master.key"
[admin]
listen = "127.0.0.1:0"
[admin.oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret = "{secret}"
label = "le réseau d'essai"
"""


@dataclass
class Desk:
    """A control plane, and the commands beside it."""

    binary: Path
    folder: Path
    environment: dict[str, str]
    address: str

    def admin(self, *words: str) -> str:
        command = [str(self.binary), "admin", *words, "--config", "gateway.toml", "--format", "json"]
        where, known = self.folder, self.environment
        done = subprocess.run(command, cwd=where, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def invite(self, email: str) -> None:
        self.admin("person", "create", "--name", email.split("@")[0], "--email", email, "--role", "admin")


@pytest.fixture(scope="module")
def provider(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = os.environ.get("OIDC_PROVIDER", "")
    if not folder:
        pytest.skip("no Node.js")
    command = ["node", str(Path(folder) / "provider.js"), CLIENT, SECRET]
    running = Process("provider", command, tmp_path_factory.mktemp("provider"), environment)
    yield running.address
    running.stop()


@pytest.fixture(scope="module")
def desk(
    binary: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory, provider: str
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "gateway.toml").write_text(SETTINGS.format(issuer=provider, client=CLIENT, secret=SECRET))
    made = Desk(binary, folder, environment, "")
    made.admin("network", "create", "--name", "Réseau d'essai")
    command = [str(binary), "serve", "--roles=admin", "--config", "gateway.toml", "--format", "json"]
    out = folder / "desk.out"
    with out.open("wb") as said, (folder / "desk.err").open("wb") as err:
        nothing = subprocess.DEVNULL
        child = subprocess.Popen(command, cwd=folder, env=environment, stdin=nothing, stdout=said, stderr=err)

    def address() -> str:
        assert child.poll() is None, (folder / "desk.err").read_text()
        told = [json.loads(line) for line in out.read_text().splitlines() if line.startswith("{")]
        return next((str(line["admin"]) for line in told if line.get("admin")), "")

    try:
        made.address = until("the desk says its address", address)
        yield made
    finally:
        child.terminate()
        child.wait(30)


def browser(desk: Desk) -> httpx.Client:
    headers = {**SAME_ORIGIN, "accept": "text/html"}
    return httpx.Client(base_url=desk.address, headers=headers, timeout=60, trust_env=False)


def through(http: httpx.Client, path: str, login: str) -> httpx.Response:
    """Goes to the provider and back as a browser would, giving an address where it asks for one."""
    answer = http.get(path)
    for _ in range(HOPS_MAX):
        if answer.is_redirect:
            where = urljoin(str(answer.url), answer.headers["location"])
            answer = http.get(where)
        elif 'name="prompt"' in answer.text or "forms[0].submit" in answer.text:
            action = html.unescape(re.findall(r'<form[^>]* action="([^"]+)"', answer.text)[0])
            fields = {name: html.unescape(value) for name, value in hidden(answer.text)}
            answer = http.post(urljoin(str(answer.url), action), data={**fields, "login": login, "password": "x"})
        else:
            return answer
    raise AssertionError(f"no end of redirections: {answer.url}")


def hidden(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)


def test_whoever_was_invited_signs_in_at_the_provider_and_needs_no_password(desk: Desk) -> None:
    desk.invite("zoe@cfa.example")
    with browser(desk) as http:
        assert "le réseau d&#39;essai" in (page := http.get("/login").text) or "le réseau d'essai" in page
        arrived = through(http, "/login/oidc?next=/people", "zoe@cfa.example")
        assert (arrived.status_code, arrived.url.path) == (200, "/people"), arrived.text
        assert "zoe@cfa.example" in arrived.text
        # The question is answered: its cookie is gone, and the same answer again is nobody's.
        assert "cfa_question" not in http.cookies
    with browser(desk) as http:
        again = through(http, "/login/oidc", "zoe@cfa.example")
        assert (again.status_code, again.url.path) == (200, "/")


def test_who_has_no_account_or_an_address_nobody_verified_is_refused(desk: Desk) -> None:
    desk.invite("unverified.lea@cfa.example")
    for login in ("personne@cfa.example", "unverified.lea@cfa.example"):
        with browser(desk) as http:
            refused = through(http, "/login/oidc", login)
            assert refused.status_code == 400, refused.text
            assert http.get("/people").is_redirect, "nobody is signed in"


def test_an_answer_is_taken_once_and_from_the_browser_that_asked(desk: Desk) -> None:
    desk.invite("noe@cfa.example")
    with browser(desk) as http, browser(desk) as other:
        answer = through_until_back(http, "noe@cfa.example")
        stolen = other.get(answer)
        assert stolen.status_code == 400, "another browser has no question"
        other.get("/login/oidc")
        text, sign = other.cookies["cfa_question"].split(".")
        other.cookies.set("cfa_question", f"{text[:-4]}AAAA.{sign}")
        forged = other.get(answer)
        assert forged.status_code == 400, "what the browser keeps is not its own to write"
        other.get("/login/oidc")
        mixed = other.get(answer)
        assert mixed.status_code == 400, "nor has it this one"
        assert http.get(answer).headers["location"] == "/"
        assert http.get(answer).status_code == 400, "a question is answered once"


def through_until_back(http: httpx.Client, login: str) -> str:
    """Returns the address the provider sends the browser back to, without going there."""
    answer = http.get("/login/oidc")
    for _ in range(HOPS_MAX):
        if answer.is_redirect:
            where = urljoin(str(answer.url), answer.headers["location"])
            if urlsplit(where).path == "/login/oidc/back":
                assert set(parse_qs(urlsplit(where).query)) >= {"code", "state"}
                return where
            answer = http.get(where)
        else:
            action = html.unescape(re.findall(r'<form[^>]* action="([^"]+)"', answer.text)[0])
            fields = dict(hidden(answer.text))
            answer = http.post(urljoin(str(answer.url), action), data={**fields, "login": login, "password": "x"})
    raise AssertionError(f"no way back: {answer.url}")


def test_a_sensitive_act_asks_the_provider_again(desk: Desk) -> None:
    desk.invite("ana@cfa.example")
    with browser(desk) as http:
        people = through(http, "/login/oidc?next=/people", "ana@cfa.example").text
        fields = {"name": "Tom", "email": "tom@cfa.example", "language": "fr", "role": "lecteur", "reason": "essai"}
        csrf = re.findall(r'name="csrf" value="([^"]+)"', people)[0]
        asked = http.post("/people", data={**fields, "csrf": csrf})
        assert asked.headers.get("location", "").startswith("/confirm"), asked.text
        assert "/confirm/oidc" in http.get("/confirm").text
        back = through(http, "/confirm/oidc?next=/people", "ana@cfa.example")
        assert (back.status_code, back.url.path) == (200, "/people")
        done = http.post("/people", data={**fields, "csrf": csrf})
        assert not done.headers.get("location", "").startswith("/confirm"), done.headers
        # Somebody else at the provider confirms nothing here.
        other = through(http, "/confirm/oidc?next=/people", "zoe@cfa.example")
        assert other.status_code == 400, other.text


def test_who_is_known_in_several_networks_says_in_which(desk: Desk) -> None:
    """Last: from here on there are two networks, and the commands must name one."""
    desk.invite("ines@cfa.example")
    desk.invite("max@cfa.example")
    desk.admin("network", "create", "--name", "Autre réseau")
    words = ["person", "create", "--name", "Inès", "--email", "ines@cfa.example", "--role", "admin"]
    desk.admin(*words, "--network", "Autre réseau")
    for name in ("Autre réseau", "Réseau d'essai"):
        with browser(desk) as http:
            asked = through(http, "/login/oidc?next=/people", "ines@cfa.example")
            assert asked.status_code == 200, asked.text
            assert http.get("/people").is_redirect, "nobody is signed in yet"
            buttons = re.findall(r'name="network" value="([^"]+)">([^<]+)</button>', asked.text)
            known = {html.unescape(shown): network for network, shown in buttons}
            assert set(known) == {"Autre réseau", "Réseau d'essai"}, asked.text
            chosen = {"network": known[name], "next": "/people"}
            with browser(desk) as stranger:
                assert stranger.post("/login/oidc/network", data=chosen).status_code == 400, "it was offered nothing"
            kept = httpx.Cookies(http.cookies)
            arrived = http.post("/login/oidc/network", data=chosen)
            assert arrived.headers["location"] == "/people", arrived.text
            people = http.get("/people").text
            assert ("max@cfa.example" in people) == (name == "Réseau d'essai"), "the other network's people"
            # The answer is used up, for every network that was offered with it.
            with browser(desk) as thief:
                thief.cookies.update(kept)
                for network in known.values():
                    again = thief.post("/login/oidc/network", data={"network": network})
                    assert again.status_code == 400, again.text
    with browser(desk) as http:
        through(http, "/login/oidc", "ines@cfa.example")
        foreign = http.post("/login/oidc/network", data={"network": "01900000-0000-7000-8000-000000000000"})
        assert foreign.status_code == 400, "a network where nobody of that address has an account"
