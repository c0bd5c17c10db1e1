"""What comes back: an answer, the texts of a refusal whatever its shape, a page whatever its wrapping."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

# The keys under which OPCOs put their words, in the order the norm's description gives them. It names `Description`
# beside `description` and, elsewhere, errors in Pascal case: the first letter's case is ignored in all of them.
TEXT_KEYS = ("description", "message", "comment", "error_description", "error")
ITEM_KEYS = ("code", "description", "message")


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, its JSON read once."""

    status: int
    headers: httpx.Headers
    text: str
    request: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def is_taken(self) -> bool:
        return self.status in (200, 201)

    def taken(self) -> Any:
        """Returns the JSON of an answer that says yes, or raises the refusal."""
        if not self.is_taken:
            raise Refused(self)
        return self.json if self.text else {}


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.status = answer.status
        self.texts = texts(answer.text)
        later = answer.headers.get("retry-after")
        told = f"{answer.status} (again in {later} s)" if later else str(answer.status)
        super().__init__(f"{answer.request}: {told} {answer.text[:500]}")


def texts(body: str) -> list[str]:
    """Collects every word of an error body: the top level first, then each item of `errors`."""
    try:
        value = json.loads(body)
    except ValueError:
        return [body] if body.strip() else []
    if not isinstance(value, dict):
        return []
    read = _uncapped(value)
    found = [read[key] for key in TEXT_KEYS if isinstance(read.get(key), str)]
    for item in filter(lambda one: isinstance(one, dict), read.get("errors") or []):
        words = _uncapped(item)
        found += [str(words[key]) for key in ITEM_KEYS if words.get(key)]
    return found


def _uncapped(value: dict[str, Any]) -> dict[str, Any]:
    return {key[:1].lower() + key[1:]: one for key, one in value.items()}


class PageRepeated(Exception):
    """A list that gives the same page again would never end."""


@dataclass
class Pages:
    """A V2 list being collected: stops at `total` or at an empty page, refuses a page seen before."""

    name: str
    items: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, body: Any) -> bool:
        """Takes one page; returns whether another must be asked."""
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        page = body[self.name]
        if not page:
            return False
        mark = json.dumps(page, sort_keys=True)
        if mark in self.seen:
            raise PageRepeated(self.name)
        self.seen.add(mark)
        self.items += page
        return len(self.items) < int(body["total"])
