"""One process of the program: started, told apart by its id, stopped politely and then not."""

import json
import subprocess
from pathlib import Path
from typing import Any

from .wait import until

STOP_S = 30


class Process:
    """A running `cfa-gateway` command that says its address on standard output (`--format json`)."""

    def __init__(self, name: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        self.said: dict[str, Any] = {}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.child = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        try:
            self.address = until(f"{name} says its address", self._address) or ""
        except BaseException:
            self.stop()
            raise

    def _address(self) -> str | None:
        for line in self.out.read_text(errors="replace").splitlines():
            if '"address"' in line and line.startswith("{"):
                said = json.loads(line)
                if str(said.get("address", "")).startswith("http://"):
                    self.said = said
                    return str(said["address"])
        if self.child.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
        return None

    def tail(self) -> str:
        text = self.out.read_text(errors="replace") + self.err.read_text(errors="replace")
        return "\n".join(text.splitlines()[-40:])

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
