"""Verifies an evidence file, offline: `verify_evidence.py FILE KEY…`. Written from docs/proof.md alone.

A key is the log's, or a witness's, which must then have seen the log."""

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
ANCHORED = [*MEMBERS[:-1], "anchors", "signer"]
ANCHOR = ["checkpoint", "consistency", "cosignatures", "timestamp"]
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


def consistent(old: Checkpoint, new: Checkpoint, proof: list[str]) -> None:
    roots = roots_of(old.size, new.size, old.root, [bytes.fromhex(one) for one in proof])
    need(old.size > 0 and roots == (old.root, new.root), "the log was rewritten")


def seen_by(witness: str, evidence: dict[str, Any]) -> list[tuple[int, int]]:
    """Returns each size of the log that a witness saw, and when it says so, in seconds."""
    name, named, public = witness.split("+", 2)
    need(b64(public)[:1] == b"\4", "not the key of a witness")
    need(sha256(name.encode() + b"\n" + b64(public)).digest()[:4].hex() == named, "a key that is not its own name")
    seen = []
    for anchor in evidence.get("anchors", []):
        checkpoint = Checkpoint(anchor["checkpoint"], f"cfa-gateway/{evidence['network']}")
        for line in anchor["cosignatures"]:
            dash, who, data = line.split(" ")
            if (dash, who, b64(data)[:4].hex()) != ("\u2014", name, named):
                continue
            at = int.from_bytes(b64(data)[4:12], "big")
            message = f"cosignature/v1\ntime {at}\n".encode() + checkpoint.message
            need(signed_by(witness, message, b64(data)[12:]), "a cosignature that is false")
            seen.append((checkpoint.size, at))
    return seen


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
    anchored = evidence.get("format") == "cfa-gateway/evidence/2"
    need(anchored or evidence["format"] == "cfa-gateway/evidence/1", "another format")
    need(list(evidence) == (ANCHORED if anchored else MEMBERS), "other members")
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
        consistent(old, checkpoint, rotation["consistency"])
        need(old.next_key is not None and old.signed_by(old.next_key), "a rotation without its key")
        if any(old.signed_by(key) for key in trusted):
            trusted.append(str(old.next_key))
    size = 0
    for anchor in evidence.get("anchors", []):
        old = Checkpoint(anchor["checkpoint"], origin)
        need(list(anchor) == ANCHOR and bool(anchor["cosignatures"] or anchor["timestamp"]), "an anchor of nobody")
        need(old.size > size, "an anchor out of place")
        size = old.size
        consistent(old, checkpoint, anchor["consistency"])
    signer = evidence["signer"]
    need(signer in trusted, "signed by a stranger")
    need(checkpoint.signed_by(signer), "the checkpoint is not signed")
    need(signed_by(signer, parted[1], b64(parted[2].decode())), "the file was changed")
    return evidence


if __name__ == "__main__":
    try:
        witnesses = [key for key in sys.argv[2:] if b64(key.split("+", 2)[2])[:1] == b"\4"]
        proven = verify(Path(sys.argv[1]).read_bytes(), [key for key in sys.argv[2:] if key not in witnesses])
        for witness in witnesses:
            need(bool(seen_by(witness, proven)), "a witness that saw nothing")
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    for event in proven["events"]:
        print(event["entry"]["position"], event["entry"]["at_ms"], event["entry"]["kind"])
