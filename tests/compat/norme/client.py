"""The norm's routes as methods: two identities, both versions, JSON and multipart, lists of one page or many."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from .answers import Answer, Pages
from .endpoints import Endpoint
from .tokens import Software, Tokens

# Nobody looks on for longer than this before asking again, whatever was said.
IMPATIENCE_S = 2.0
# A list this long is a fault of who answers.
PAGES_MAX = 200

Json = dict[str, Any]

# A call without any of the norm's headers.
BARE: dict[str, None] = dict.fromkeys(("Authorization", "X-API-KEY", "EDITEUR", "LOGICIEL", "VERSION"))


@dataclass(frozen=True)
class File:
    """A file that goes with a payload."""

    name: str
    content: bytes
    media_type: str = "application/pdf"


@dataclass(frozen=True)
class Editor:
    """Who made the calling software. A value is text, or bytes for clients that put accents in headers."""

    editeur: str | bytes = "Essai de compatibilite"
    logiciel: str | bytes = "norme"
    version: str | bytes = "1.0.0"


class Norme:
    """A client of one OPCO with one CFA key.

    A call that was refused raises `Refused`; `call` gives any answer as it came. `patience_s` is how long an answer
    "503, come back later" is followed: an OPCO gives none, a gateway that waits for an OPCO does.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        software: Software,
        cle_cfa: str,
        *,
        editor: Editor = Editor(),
        key_header: str = "X-API-KEY",
        key_only: bool = False,
        patience_s: float = 0,
    ) -> None:
        self.endpoint = endpoint
        self.cle_cfa = cle_cfa
        self.patience_s = patience_s
        self.key_only = key_only
        self.key_header = key_header
        self.editor = editor
        self.http = httpx.Client(timeout=60, follow_redirects=False, trust_env=False)
        self.tokens = Tokens(self.http, endpoint, software)

    def close(self) -> None:
        self.http.close()

    # Calls

    def headers(self) -> dict[str, str | bytes | None]:
        """Returns the headers of a business call."""
        headers: dict[str, str | bytes | None] = {
            self.key_header: self.cle_cfa,
            "EDITEUR": self.editor.editeur,
            "LOGICIEL": self.editor.logiciel,
            "VERSION": self.editor.version,
            "Accept": "application/json",
        }
        if not self.key_only:
            headers["Authorization"] = f"Bearer {self.tokens.bearer()}"
        return headers

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        parts: dict[str, Any] | None = None,
        headers: Mapping[str, str | bytes | None] | None = None,
    ) -> Answer:
        """Makes one call; a 401 gets a new token and one replay. A header given as None is left out."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()

        def once() -> Answer:
            sent = {**(self.headers() if headers is not BARE else {}), **(headers or {})}
            if content is not None:
                sent = {"Content-Type": "application/json", **sent}
            kept = [(name.encode(), _bytes(value)) for name, value in sent.items() if value is not None]
            answer = self.http.request(
                method, self.endpoint.base + path, params=query, content=content, files=parts, headers=kept
            )
            return Answer(answer.status_code, answer.headers, answer.text, f"{method} {path}")

        answer = once()
        if answer.status == 401 and not self.key_only and headers is None:
            self.tokens.forget()
            answer = once()
        until = time.monotonic() + self.patience_s
        while answer.status == 503 and "retry-after" in answer.headers:
            pause = min(float(answer.headers["retry-after"]), IMPATIENCE_S)
            if time.monotonic() + pause > until:
                break
            time.sleep(pause)
            answer = once()
        return answer

    def parts(self, name: str, payload: Json, file: File | None) -> dict[str, Any]:
        """Returns a multipart body: a named part of JSON without a content type of its own, and `fichier`."""
        parts: dict[str, Any] = {name: (None, json.dumps(payload, ensure_ascii=False).encode())}
        if file is not None:
            parts["fichier"] = (file.name, file.content, file.media_type)
        return parts

    # Reads

    def status(self) -> Json:
        return dict(self.call("GET", "/v1/status").taken())

    def cle_info(self, siren: str, key: str | None = None) -> Json:
        query = {"siren": siren, "XAPIKEY": key or self.cle_cfa}
        return dict(self.call("GET", "/v2/cfakeyinfo", query=query).taken())

    def etats(self, version: int = 1) -> list[Json]:
        """Returns the states of all the CFA's dossiers: a bare array in V1, pages in V2."""
        if version == 1:
            listed = self.call("GET", "/v1/dossiers/etats").taken()
            if not isinstance(listed, list):
                raise TypeError(f"V1 states are a bare array, not {type(listed).__name__}")
            return listed
        return self._pages("/v2/dossiers/etats", "EtatDossierResult")

    def factures_etats(self) -> list[Json]:
        return self._pages("/v2/factures/etats", "factures")

    def _pages(self, path: str, name: str) -> list[Json]:
        pages = Pages(name)
        for number in range(1, PAGES_MAX + 1):
            if not pages.add(self.call("GET", path, query={"numeroPage": str(number)}).taken()):
                return pages.items
        raise TypeError(f"{path} has more than {PAGES_MAX} pages")

    def dossier(self, numero_interne: str, version: int = 1) -> Json:
        query = {"numeroInterne": numero_interne}
        return dict(self.call("GET", f"/v{version}/dossiers", query=query).taken())

    def dossiers(self, numeros: list[str]) -> list[Json]:
        query = {"numerosInternes": ",".join(numeros)}
        return list(self.call("GET", "/v1/dossiers/liste", query=query).taken())

    # Writes

    def post_dossier(self, cerfa: Json, version: int = 1) -> Json:
        return dict(self.call("POST", f"/v{version}/dossiers", body={"cerfa": cerfa}).taken())

    def post_convention(self, convention: Json, file: File) -> Json:
        parts = self.parts("convention", convention, file)
        return dict(self.call("POST", "/v1/conventions", parts=parts).taken())

    def post_facture(self, facture: Json, file: File) -> Json:
        parts = self.parts("facture", facture, file)
        return dict(self.call("POST", f"/v1/{self.endpoint.path_factures}", parts=parts).taken())

    def post_document(self, infos: Json, file: File) -> Json:
        parts = self.parts("infosFichier", infos, file)
        return dict(self.call("POST", "/v1/documents", parts=parts).taken())

    def post_certificat(self, certificat: Json, file: File | None = None) -> Json:
        parts = self.parts("certificat", certificat, file)
        return dict(self.call("POST", "/v2/certificats", parts=parts).taken())

    def post_rupture(self, rupture: Json) -> Json:
        return dict(self.call("POST", "/v2/dossiers/rupture/employeur", body=rupture).taken())


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
