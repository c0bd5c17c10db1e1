"""Verifies an evidence file, offline: `verify_evidence.py FILE KEY…`. Written from docs/proof.md alone."""

import base64
import json
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MEMBERS = ["format", "network", "delivery", "made_at_ms", "events", "salt", "rotations", "checkpoint", "signer"]
FIELDS = ["network", "position", "event", "at_ms", "kind", "delivery", "dossier", "actor", "data"]
FIELDS += ["content_hash", "answer_hash"]


class Refused(Exception):
    """The file proves nothing, and why."""


def need(holds: bool, why: str) -> None:
    if not holds:
        raise Refused(why)


def b64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "base64 is not written as it must be")
    return data


def signed_by(key: str, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(b64(key.split("+", 2)[2])[1:]).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Checkpoint:
    """A signed note, and what its text says."""

    def __init__(self, note: str, origin: str) -> None:
        text, lines = note.rsplit("\n\n", 1)
        self.message = f"{text}\n".encode()
        told = text.split("\n")
        need(len(told) in (5, 6) and told[0] == origin, "a checkpoint of another log")
        self.size, self.root = int(told[1]), b64(told[2])
        self.next_key = told[5].removeprefix("next-key ") if len(told) == 6 else None
        need(lines.endswith("\n"), "a note that does not end")
        self.signatures = []
        for line in lines[:-1].split("\n"):
            dash, name, data = line.split(" ")
            need(dash == "\u2014", "a line that is no signature")
            self.signatures.append((name, b64(data)[:4], b64(data)[4:]))

    def signed_by(self, key: str) -> bool:
        name, named, public = key.split("+", 2)
        need(sha256(name.encode() + b"\n" + b64(public)).digest()[:4].hex() == named, "a key that is not its own name")
        found = [signature for who, which, signature in self.signatures if (who, which.hex()) == (name, named)]
        return bool(found) and all(signed_by(key, self.message, one) for one in found)


def leaf(entry: dict[str, Any]) -> bytes:
    fields = [None if entry[name] is None else str(entry[name]).encode() for name in FIELDS]
    written = [b"-," if field is None else b"%d:%s," % (len(field), field) for field in fields]
    return sha256(b"\0cfa-gateway/event/1\n" + b"".join(written)).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_of(size: int, index: int, leaf_hash: bytes, proof: list[bytes]) -> bytes:
    """RFC 9162 §2.1.3.2, as the tree branches: recursion from the root down."""
    if size == 1:
        need(not proof, "a proof too long")
        return leaf_hash
    need(bool(proof), "a proof too short")
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        return node(root_of(left, index, leaf_hash, proof[:-1]), proof[-1])
    return node(proof[-1], root_of(size - left, index - left, leaf_hash, proof[:-1]))


def roots_of(old: int, new: int, whole: bytes | None, proof: list[bytes]) -> tuple[bytes, bytes]:
    """RFC 9162 §2.1.4.1: the roots of the old and of the new tree. `whole` is the old root while it is all of it."""
    if old == new:
        if whole is not None:
            need(not proof, "a proof too long")
            return whole, whole
        need(len(proof) == 1, "a proof of the wrong length")
        return proof[0], proof[0]
    need(bool(proof), "a proof too short")
    left = 1 << (new - 1).bit_length() - 1
    if old <= left:
        before, after = roots_of(old, left, whole, proof[:-1])
        return before, node(after, proof[-1])
    before, after = roots_of(old - left, new - left, None, proof[:-1])
    return node(proof[-1], before), node(proof[-1], after)


def verify(file: bytes, trusted: list[str]) -> dict[str, Any]:
    """Returns what the file says, once all of it is verified."""
    try:
        return verified(file, list(trusted))
    except Refused:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise Refused(f"not an evidence file: {error}") from error


def verified(file: bytes, trusted: list[str]) -> dict[str, Any]:
    parted = re.fullmatch(rb'(.*),\n  "signature": "([A-Za-z0-9+/]{86}==)"\n}\n', file, re.DOTALL)
    if parted is None:
        raise Refused("no signature at its end")
    evidence: dict[str, Any] = json.loads(parted[1] + b"\n}")
    need(list(evidence) == MEMBERS and evidence["format"] == "cfa-gateway/evidence/1", "another format")
    origin = f"cfa-gateway/{evidence['network']}"
    checkpoint, before = Checkpoint(evidence["checkpoint"], origin), 0
    need(bool(evidence["events"]), "no event")
    for event in evidence["events"]:
        entry, proof = event["entry"], [bytes.fromhex(one) for one in event["proof"]]
        need(list(entry) == FIELDS, "another form of event")
        ours = entry["network"] == evidence["network"] and entry["delivery"] == evidence["delivery"]
        need(ours and before < entry["position"] <= checkpoint.size, "an event out of place")
        before = entry["position"]
        root = root_of(checkpoint.size, before - 1, leaf(entry), proof)
        need(root == checkpoint.root, f"event {before} is not in the tree")
    for rotation in evidence["rotations"]:
        old = Checkpoint(rotation["checkpoint"], origin)
        proof = [bytes.fromhex(one) for one in rotation["consistency"]]
        roots = roots_of(old.size, checkpoint.size, old.root, proof)
        need(old.size > 0 and roots == (old.root, checkpoint.root), "the log was rewritten")
        need(old.next_key is not None and old.signed_by(old.next_key), "a rotation without its key")
        if any(old.signed_by(key) for key in trusted):
            trusted.append(str(old.next_key))
    signer = evidence["signer"]
    need(signer in trusted, "signed by a stranger")
    need(checkpoint.signed_by(signer), "the checkpoint is not signed")
    need(signed_by(signer, parted[1], b64(parted[2].decode())), "the file was changed")
    return evidence


if __name__ == "__main__":
    try:
        proven = verify(Path(sys.argv[1]).read_bytes(), sys.argv[2:])
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    for event in proven["events"]:
        print(event["entry"]["position"], event["entry"]["at_ms"], event["entry"]["kind"])
