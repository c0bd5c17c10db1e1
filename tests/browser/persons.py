"""People of the dashboard: invited by the command line, enrolled as a browser would, with the codes of their device."""

import base64
import hmac
import re
import struct
import time
from dataclasses import dataclass, field

import httpx

from stage.gateway import Gateway

PASSWORD = "trois tasses vertes"
STEP_S = 30
# What a browser says of a form of the page itself.
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


@dataclass
class Person:
    """Somebody with an account."""

    name: str
    email: str
    role: str
    language: str
    cookies: dict[str, str]
    # The second factor, as their device keeps it.
    secret: str = ""
    recovery: list[str] = field(default_factory=list)

    def code(self, steps: int = 0) -> str:
        """Returns what the device shows now, or some steps later: a code serves once, those beside it too."""
        return totp(self.secret, int(time.time()) // STEP_S + steps)


def totp(secret: str, step: int) -> str:
    """Returns a code of RFC 6238."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    tag = hmac.digest(key, struct.pack(">Q", step), "sha1")
    (number,) = struct.unpack_from(">I", tag, tag[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def invited(gateway: Gateway, role: str, language: str, name: str) -> tuple[Person, str]:
    """Returns somebody who has an invitation, and its address."""
    email = f"{name.split()[0].lower()}.{role}.{language}@cfa.example"
    made = gateway.admin(
        *("person", "create", "--name", name, "--email", email, "--role", role, "--language", language)
    )
    return Person(name, email, role, language, {}), str(made[0]["invitation"])


def found(pattern: str, page: str) -> list[str]:
    said = re.findall(pattern, page)
    assert said, f"no {pattern} in:\n{page}"
    return [str(one) for one in said]


def signed_in(desk: str, person: Person, invitation: str) -> Person:
    """Chooses a password and sets the second factor up; the session stays in the person's cookies."""
    code = invitation.split("#", 1)[1]
    with httpx.Client(base_url=desk, headers=SAME_ORIGIN, timeout=60, trust_env=False) as http:

        def post(path: str, status: int, **fields: str) -> str:
            answer = http.post(path, data=fields)
            assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
            return answer.text

        post("/invitation", 303, code=code, password=PASSWORD, again=PASSWORD)
        post("/login", 303, email=person.email, password=PASSWORD)
        form = http.get("/account/second-factor").raise_for_status().text
        (person.secret,) = set(found(r'name="secret" value="([A-Z2-7]+)"', form))
        csrf = found(r'name="csrf" value="([^"]+)"', form)[0]
        # The code before this one: the one of now still serves to sign in.
        shown = post("/account/second-factor", 200, csrf=csrf, secret=person.secret, code=person.code(-1))
        person.recovery = found(r"<li><code>([^<]+)</code></li>", shown)
        person.cookies = dict(http.cookies)
    return person


def elsewhere(desk: str, person: Person) -> httpx.Client:
    """Signs the person in on another machine, with one of their recovery codes."""
    http = httpx.Client(base_url=desk, headers=SAME_ORIGIN, timeout=60, trust_env=False)
    code, *person.recovery = person.recovery
    for path, fields in (("/login", {"email": person.email, "password": PASSWORD}), ("/login/code", {"code": code})):
        answer = http.post(path, data=fields)
        assert answer.status_code == 303, f"{path}: {answer.status_code} {answer.text}"
    return http
