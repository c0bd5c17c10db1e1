"""A witness of logs (C2SP tlog-witness) that remembers sizes and cosigns whatever goes on from there."""

import base64
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = "temoin.essai/python"
AT = 1_790_000_000


class Witness:
    """Listens on a free port of this machine."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.private = Ed25519PrivateKey.generate()
        self.lock = threading.Lock()
        public = b"\4" + self.private.public_key().public_bytes_raw()
        self.id = sha256(NAME.encode() + b"\n" + public).digest()[:4]
        self.key = f"{NAME}+{self.id.hex()}+{base64.b64encode(public).decode()}"
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                with witness.lock:
                    status, answer = witness.shown(body) if self.path == "/add-checkpoint" else (404, "")
                self.send_response(status)
                self.send_header("content-length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def shown(self, body: str) -> tuple[int, str]:
        head, note = body.split("\n\n", 1)
        text = note.rsplit("\n\n", 1)[0] + "\n"
        origin, size = text.split("\n")[:2]
        seen = self.sizes.get(origin, 0)
        if head.split("\n")[0] != f"old {seen}":
            return 409, f"{seen}\n"
        self.sizes[origin] = int(size)
        signature = self.private.sign(f"cosignature/v1\ntime {AT}\n{text}".encode())
        line = base64.b64encode(self.id + AT.to_bytes(8, "big") + signature).decode()
        return 200, f"\u2014 {NAME} {line}\n"

    def settings(self) -> str:
        """The section of a gateway that shows it every checkpoint at once."""
        return (
            '[proof]\nevery_s = 1\n[proof.outside]\nallow_http = true\nallowed_networks = ["127.0.0.0/8"]\n'
            f'[proof.witness.python]\nurl = "{self.url}"\nkey = "{self.key}"\nevery_s = 1\n'
        )

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
