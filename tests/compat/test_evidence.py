"""Evidence files of the gateway, before a verifier that was written from their description alone."""

import base64
import json
import random
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from norme.payloads import Apprenti, Contrat
from stage.gateway import Gateway
from stage.wait import until
from stage.witness import AT, Witness
from verify_evidence import Refused, seen_by, verify


def stranger(name: str) -> str:
    """Returns a key of this name that nobody has."""
    public = b"\1" + Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    named = sha256(name.encode() + b"\n" + public).digest()[:4].hex()
    return f"{name}+{named}+{base64.b64encode(public).decode()}"


def audit(gateway: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(gateway.binary), "audit", *words, "--config", "gateway.toml", "--format", "json"]
    where, known = gateway.folder, gateway.environment
    return subprocess.run(command, cwd=where, env=known, capture_output=True, text=True, timeout=60, check=False)


def published(gateway: Gateway) -> list[str]:
    told = audit(gateway, "key")
    assert told.returncode == 0, told.stderr
    return [json.loads(line)["key"] for line in told.stdout.splitlines()]


def evidence(gateway: Gateway, delivery: str) -> bytes:
    answer = gateway.http.get(f"/api/v1/deliveries/{delivery}/preuve")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture
def contract(gateway: Gateway, apprenti: Iterator[Apprenti], tmp_path: Path) -> tuple[str, Path]:
    """A contract that an OPCO has, and its delivery."""
    start = date.today().replace(day=1)
    contrat = Contrat(next(apprenti), debut=start, employeur_siret=gateway.employeurs["akto"])
    body = {"cerfa": contrat.cerfa()}
    answer = gateway.http.post("/api/v1/dossiers", json=body)
    assert answer.status_code == 202, answer.text
    delivery = str(answer.json()["id"])

    def delivered() -> bool:
        return bool(gateway.http.get(f"/api/v1/deliveries/{delivery}").json()["status"] == "delivered")

    until("it is delivered", delivered)
    file = tmp_path / "contrat.json"
    file.write_text(json.dumps(body))
    return delivery, file


def test_a_file_holds_for_whoever_has_the_key_and_tells_the_whole_life(
    gateway: Gateway, contract: tuple[str, Path], tmp_path: Path
) -> None:
    delivery, content = contract
    file = evidence(gateway, delivery)
    kinds = [event["entry"]["kind"] for event in verify(file, published(gateway))["events"]]
    assert kinds[0] == "delivery.accepted"
    assert "delivery.delivered" in kinds
    path = tmp_path / "preuve.json"
    path.write_bytes(file)
    key = ("--trusted-key", published(gateway)[-1])
    own = audit(gateway, "verify", str(path), *key, "--content", str(content))
    assert own.returncode == 0, own.stdout + own.stderr
    assert json.loads(own.stdout)["content"], "the contract is found in it"
    assert audit(gateway, "verify", str(path)).returncode == 3
    content.write_text(content.read_text().replace("cerfa", "cerfb"))
    assert audit(gateway, "verify", str(path), *key, "--content", str(content)).returncode == 1


def test_a_termination_is_known_by_its_content_as_a_contract_is(
    gateway: Gateway, apprenti: Iterator[Apprenti], tmp_path: Path
) -> None:
    start = date.today().replace(day=1)
    contrat = Contrat(next(apprenti), debut=start, employeur_siret=gateway.employeurs["akto"])
    first = gateway.http.post("/api/v1/dossiers", json={"cerfa": contrat.cerfa()}).json()["id"]
    unnamed = {"cerfa": {"numeroInterne": None, "numeroExterne": None, "numeroDeca": None}}
    rupture = {**contrat.rupture(unnamed, start), "livraison_contrat": first}
    accepted = gateway.http.post("/api/v1/ruptures", json=rupture)
    assert accepted.status_code == 202, accepted.text
    path, content = tmp_path / "preuve.json", tmp_path / "rupture.json"

    def proven() -> bool:
        answer = gateway.http.get(f"/api/v1/deliveries/{accepted.json()['id']}/preuve")
        path.write_bytes(answer.content)
        return bool(answer.status_code == 200)

    until("its log is sealed", proven)
    key = ("--trusted-key", published(gateway)[-1])
    content.write_text(json.dumps(rupture))
    own = audit(gateway, "verify", str(path), *key, "--content", str(content))
    assert own.returncode == 0, own.stdout + own.stderr
    content.write_text(json.dumps({**rupture, "remarque": "une autre"}))
    assert audit(gateway, "verify", str(path), *key, "--content", str(content)).returncode == 1


def test_a_witness_that_saw_the_log_is_in_the_file_and_another_is_not(
    gateway: Gateway, contract: tuple[str, Path], witness: Witness, tmp_path: Path
) -> None:
    keys, path = published(gateway), tmp_path / "preuve.json"

    def seen() -> list[tuple[int, int]]:
        path.write_bytes(evidence(gateway, contract[0]))
        return seen_by(witness.key, verify(path.read_bytes(), keys))

    until("the witness saw the contract", lambda: bool(seen()))
    assert all(at == AT for _, at in seen())
    key = ("--trusted-key", keys[-1])
    own = audit(gateway, "verify", str(path), *key, "--witness", witness.key)
    assert own.returncode == 0, own.stdout + own.stderr
    told = json.loads(own.stdout)["witnesses"][0]
    assert (told["name"], told["verdict"], told["size"]) == (witness.key.split("+")[0], "seen", seen()[0][0])
    other = Witness()
    other.stop()
    assert audit(gateway, "verify", str(path), *key, "--witness", other.key).returncode == 1
    assert seen_by(other.key, verify(path.read_bytes(), keys)) == []
    assert audit(gateway, "verify", str(path), *key, "--timestamp-ca", str(path)).returncode != 0
    vouchers = audit(gateway, "vouchers")
    assert vouchers.returncode == 0, vouchers.stdout + vouchers.stderr
    assert witness.key in [json.loads(line)["key"] for line in vouchers.stdout.splitlines()]
    settled = audit(gateway, "settle", "--witness", witness.key, "--reason", "essai")
    assert settled.returncode == 1, "there is nothing to settle"
    # Held against a line that was changed, whoever signs the file.
    altered = json.loads(path.read_bytes())
    for anchor in altered["anchors"]:
        anchor["checkpoint"] = anchor["checkpoint"].replace("\ndate 2", "\ndate 3")
    with pytest.raises(Refused, match="false"):
        seen_by(witness.key, altered)


def test_a_file_with_any_one_byte_changed_is_refused(gateway: Gateway, contract: tuple[str, Path]) -> None:
    file, keys = evidence(gateway, contract[0]), published(gateway)
    verify(file, keys)
    chance = random.Random(20260901)
    # A tenth of all bytes, the signature and what is around it whole; the gateway's own tests try every byte.
    places = {*chance.sample(range(len(file)), len(file) // 10), *range(len(file) - 120, len(file))}
    for place in sorted(places):
        altered = bytearray(file)
        altered[place] ^= 1 << chance.randrange(8)
        with pytest.raises(Refused):
            verify(bytes(altered), keys)
    for other in (file[:-1], file + b"\n", file.replace(b"\n  ", b"\n   ", 1), file[:1] + b" " + file[1:]):
        with pytest.raises(Refused):
            verify(other, keys)


def test_what_a_stranger_signs_is_refused_whatever_it_says(gateway: Gateway, contract: tuple[str, Path]) -> None:
    file, keys = evidence(gateway, contract[0]), published(gateway)
    with pytest.raises(Refused, match="stranger"):
        verify(file, [stranger(keys[0].split("+")[0])])
    with pytest.raises(Refused, match="stranger"):
        verify(file, [])
    body = re.fullmatch(rb'(.*,\n  "signature": ")[^"]*("\n}\n)', file, re.DOTALL)
    assert body is not None
    forged = Ed25519PrivateKey.generate().sign(body[1])
    with pytest.raises(Refused, match="changed"):
        verify(body[1] + base64.b64encode(forged) + body[2], keys)


def test_a_key_that_follows_another_is_trusted_through_it(gateway: Gateway, contract: tuple[str, Path]) -> None:
    early, before = evidence(gateway, contract[0]), published(gateway)
    turned = audit(gateway, "rotate", "--reason", "essai")
    assert turned.returncode == 0, turned.stderr
    keys = published(gateway)
    assert len(keys) == len(before) + 1
    late = evidence(gateway, contract[0])
    for key in keys:
        told: dict[str, Any] = verify(late, [key])
        assert told["rotations"]
    verify(early, before)
    with pytest.raises(Refused):
        verify(early, keys[-1:])
    with pytest.raises(Refused):
        verify(late.replace(b"next-key", b"next_key"), before)


def test_the_whole_database_is_as_it_was_sealed(gateway: Gateway, contract: tuple[str, Path], tmp_path: Path) -> None:
    kept = tmp_path / "preuve.json"
    kept.write_bytes(evidence(gateway, contract[0]))
    audited = audit(gateway, "verify", "--store", "--checkpoint", str(kept))
    assert audited.returncode == 0, audited.stdout + audited.stderr
    logs = [json.loads(line) for line in audited.stdout.splitlines()]
    assert [log["findings"] for log in logs] == [[], []], "the network's log and the gateway's own"
    assert any(log["events"] > 0 for log in logs)
    kept.write_text(kept.read_text().replace(logs[-1]["network"], "01900000-0000-7000-8000-000000000000"))
    assert audit(gateway, "verify", "--store", "--checkpoint", str(kept)).returncode == 1
