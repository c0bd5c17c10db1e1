"""The software's identity: OAuth2 client credentials, with a DPoP proof where the OPCO asks for one."""

import base64
import json
import secrets
import time
from dataclasses import dataclass

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from .answers import Answer
from .endpoints import Endpoint

# A token is left aside this long before its end.
MARGIN_S = 60


@dataclass(frozen=True)
class Software:
    """One pair per OPCO and per editor."""

    client_id: str
    client_secret: str


class Tokens:
    """Keeps one bearer until a minute before it expires."""

    def __init__(self, http: httpx.Client, endpoint: Endpoint, software: Software) -> None:
        self.http = http
        self.endpoint = endpoint
        self.software = software
        self.asked = 0
        self._bearer: str | None = None
        self._until = 0.0
        self._key = rsa.generate_private_key(65537, 2048) if endpoint.dpop else None

    def bearer(self) -> str:
        if self._bearer is None or time.monotonic() >= self._until:
            granted = self.ask().taken()
            self._bearer = str(granted["access_token"])
            self._until = time.monotonic() + float(granted["expires_in"]) - MARGIN_S
        return self._bearer

    def forget(self) -> None:
        self._bearer = None

    def ask(self, **changes: str) -> Answer:
        """Asks for a token; `changes` replace fields of the form, to see them refused."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.software.client_id,
            "client_secret": self.software.client_secret,
        }
        if self.endpoint.scope is not None:
            form["scope"] = self.endpoint.scope
        headers = {"Accept": "application/json"}
        if self._key is not None:
            headers["DPoP"] = proof(self._key, self.endpoint.token_url)
        self.asked += 1
        answer = self.http.post(self.endpoint.token_url, data=form | changes, headers=headers)
        return Answer(answer.status_code, answer.headers, answer.text, f"POST {self.endpoint.token_url}")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def proof(key: rsa.RSAPrivateKey, token_url: str) -> str:
    """Returns a DPoP proof (RFC 9449) of one POST to the token endpoint, with its public key inside."""
    numbers = key.public_key().public_numbers()
    jwk = {
        "kty": "RSA",
        "n": _base64url(numbers.n.to_bytes(256, "big")),
        "e": _base64url(numbers.e.to_bytes(3, "big")),
    }
    header = {"alg": "RS256", "typ": "dpop+jwt", "jwk": jwk}
    claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": token_url, "iat": int(time.time())}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64url(signature)}"
