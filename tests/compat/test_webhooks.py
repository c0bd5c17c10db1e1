"""Events of the gateway, verified by the reference library of Standard Webhooks and by the norm's own text."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from norme.payloads import Apprenti, Contrat
from stage.gateway import Gateway
from stage.receiver import Receiver, Told
from stage.wait import until

OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Subscribed:
    """A webhook of the gateway and the receiver it tells."""

    gateway: Gateway
    receiver: Receiver
    id: str
    secret: str
    public_key: str

    def post(self, action: str, body: Any = None) -> dict[str, Any]:
        answer = self.gateway.http.post(f"/api/v1/webhooks/{self.id}/{action}", json=body)
        answer.raise_for_status()
        return dict(answer.json())

    def next(self, kind: str, after: int = 0) -> Told:
        """Returns the first event of a kind, from the n-th received on."""

        def look() -> Told | None:
            return next((told for told in self.receiver.received[after:] if event(told)["type"] == kind), None)

        found = until(f"{kind} arrives", look)
        assert found is not None
        return found


@pytest.fixture
def subscribed(gateway: Gateway) -> Iterator[Subscribed]:
    """A webhook of every event, made for one test and forgotten after it."""
    receiver = Receiver()
    made = gateway.http.post("/api/v1/webhooks", json={"url": receiver.url, "label": "ERP"}).raise_for_status().json()
    webhook = made["webhook"]
    yield Subscribed(gateway, receiver, webhook["id"], made["secret"], webhook["public_key"])
    gateway.http.delete(f"/api/v1/webhooks/{webhook['id']}").raise_for_status()
    receiver.stop()


def event(told: Told) -> dict[str, Any]:
    return dict(json.loads(told.body))


def deliver(gateway: Gateway, apprenti: Iterator[Apprenti]) -> str:
    """Sends a contract through the native API; returns its delivery."""
    start = date.today().replace(day=1)
    contrat = Contrat(next(apprenti), debut=start, employeur_siret=gateway.employeurs["akto"])
    answer = gateway.http.post("/api/v1/dossiers", json={"cerfa": contrat.cerfa()})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def signatures(told: Told, version: str) -> list[bytes]:
    """Returns the signatures of one version, of the list the header is."""
    pairs = (one.split(",", 1) for one in told.headers["webhook-signature"].split(" "))
    return [base64.b64decode(signature, validate=True) for name, signature in pairs if name == version]


def signed(told: Told) -> bytes:
    """Returns what the norm signs: id, timestamp and body, with full stops between."""
    return b".".join((told.id.encode(), told.headers["webhook-timestamp"].encode(), told.body))


def verify_v1a(public_key: str, told: Told, text: bytes) -> None:
    """Verifies the asymmetric signature by the text of Standard Webhooks: Ed25519, key `whpk_` and base64."""
    assert public_key.startswith("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_"), validate=True))
    (signature,) = signatures(told, "v1a")
    key.verify(signature, text)


def test_a_real_delivery_is_verified_by_the_reference_library(
    subscribed: Subscribed, apprenti: Iterator[Apprenti]
) -> None:
    delivery = deliver(subscribed.gateway, apprenti)
    told = subscribed.next("delivery.delivered")
    verified = Webhook(subscribed.secret).verify(told.body, told.headers)
    assert verified["data"]["delivery_id"] == delivery
    assert told.headers["content-type"] == "application/json"
    sent = datetime.fromtimestamp(int(told.headers["webhook-timestamp"]), UTC)
    assert abs(datetime.now(UTC) - sent) < timedelta(minutes=5)


def test_the_asymmetric_signature_is_verified_with_the_public_key_alone(
    subscribed: Subscribed, apprenti: Iterator[Apprenti]
) -> None:
    deliver(subscribed.gateway, apprenti)
    told = subscribed.next("delivery.delivered")
    verify_v1a(subscribed.public_key, told, signed(told))
    read = subscribed.gateway.http.get(f"/api/v1/webhooks/{subscribed.id}").raise_for_status().json()
    assert read["public_key"] == subscribed.public_key
    assert "secret" not in read, "a secret is shown once"


def test_another_secret_and_anything_altered_are_refused(subscribed: Subscribed) -> None:
    subscribed.post("test")
    told = subscribed.next("webhook.test")
    library = Webhook(subscribed.secret)
    library.verify(told.body, told.headers)
    old = str(int(told.headers["webhook-timestamp"]) - 600)
    altered = told.body.replace(b"webhook.test", b"webhook.tesT")
    assert altered != told.body
    for secret, body, changes in (
        (OTHER_SECRET, told.body, {}),
        (subscribed.secret, altered, {}),
        (subscribed.secret, told.body + b" ", {}),
        (subscribed.secret, told.body, {"webhook-id": told.id + "0"}),
        (subscribed.secret, told.body, {"webhook-timestamp": str(int(told.headers["webhook-timestamp"]) + 1)}),
        (subscribed.secret, told.body, {"webhook-timestamp": old}),
        (subscribed.secret, told.body, {"webhook-signature": "v1,AAAA"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, {**told.headers, **changes})
    with pytest.raises(InvalidSignature):
        verify_v1a(subscribed.public_key, told, signed(told) + b" ")


def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone(subscribed: Subscribed) -> None:
    rotated = subscribed.post("rotate", {"overlap_hours": 24})
    assert rotated["secret"] != subscribed.secret
    subscribed.post("test")
    told = subscribed.next("webhook.test")
    Webhook(subscribed.secret).verify(told.body, told.headers)
    Webhook(rotated["secret"]).verify(told.body, told.headers)
    assert len(signatures(told, "v1")) == 2
    last = subscribed.post("rotate", {"overlap_hours": 0})
    before = len(subscribed.receiver.received)
    subscribed.post("test")
    told = subscribed.next("webhook.test", before)
    Webhook(last["secret"]).verify(told.body, told.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(rotated["secret"]).verify(told.body, told.headers)


def test_an_event_that_was_not_taken_comes_again_with_the_same_id_and_a_new_signature(
    subscribed: Subscribed, apprenti: Iterator[Apprenti]
) -> None:
    subscribed.receiver.statuses.append(500)
    deliver(subscribed.gateway, apprenti)
    until("the event is told twice", lambda: len(subscribed.receiver.received) >= 2)
    first, second = subscribed.receiver.received[:2]
    assert first.id == second.id
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert first.body == second.body
    for told in (first, second):
        Webhook(subscribed.secret).verify(told.body, told.headers)


def test_what_is_told_is_what_the_feed_says_and_a_replay_tells_it_again(
    subscribed: Subscribed, apprenti: Iterator[Apprenti]
) -> None:
    deliver(subscribed.gateway, apprenti)
    told = event(subscribed.next("delivery.delivered"))
    position = told["data"]["position"]
    feed = subscribed.gateway.http.get(f"/api/v1/events?after={position - 1}").raise_for_status().json()
    listed = next(one for one in feed["events"] if one["position"] == position)
    assert listed["id"] == told["data"]["id"]
    assert listed["data"] == told["data"]["details"]
    before = len(subscribed.receiver.received)
    subscribed.post("replay", {"after": position - 1})
    again = subscribed.next("delivery.delivered", before)
    assert again.id == told["data"]["id"] == subscribed.receiver.received[before].id
    Webhook(subscribed.secret).verify(again.body, again.headers)
