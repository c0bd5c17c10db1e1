"""The systemd unit: read by systemd itself, and held against the program's settings."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from packages import BINARY, DEPLOY, UNIT, must, ran, settled
from running import Running

# What systemd calls exposure, in tenths: 0 is nothing, 100 everything.
EXPOSURE_MAX = 15

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: systemd)"
)


def here(folder: Path, text: str | None = None) -> Path:
    """Returns the unit with a program and an account that this machine has."""
    text = (text or UNIT.read_text()).replace("/usr/local/bin/cfa-gateway", BINARY)
    unit = folder / UNIT.name
    unit.write_text(re.sub(r"^(User|Group)=.*$", r"\1=daemon", text, flags=re.MULTILINE))
    return unit


@needs_systemd
def test_systemd_reads_it_without_a_word(tmp_path: Path) -> None:
    done = ran("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", here(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_systemd_would_have_said_something(tmp_path: Path) -> None:
    bad = here(tmp_path, UNIT.read_text().replace("ProtectHome=yes", "ProtectHouse=yes"))
    done = ran("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", bad)
    assert "ProtectHouse" in done.stderr


@needs_systemd
def test_it_is_exposed_to_little() -> None:
    must("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}", UNIT)


def test_its_settings_exist(tmp_path: Path) -> None:
    shown = settled({}, tmp_path, (DEPLOY / "systemd" / "passerelle.toml").read_text())
    assert shown["server"]["monitoring_listen"] == "127.0.0.1:9464"
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert stop
    assert int(stop[1]) > shown["server"]["drain_seconds"]


def test_what_does_not_mend_itself_is_not_started_again(tmp_path: Path) -> None:
    prevented = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert prevented
    file = tmp_path / "faux.toml"
    file.write_text("[server]\nporte = 1\n")
    refused = ran(BINARY, "--config", file, "serve")
    assert str(refused.returncode) in prevented[1].split()
    misspelt = ran(BINARY, "serve", "--rôles", "api")
    assert str(misspelt.returncode) in prevented[1].split()


def test_the_account_is_made_by_the_file_beside_it() -> None:
    user = re.search(r"^User=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert user
    made = (DEPLOY / "systemd" / "cfa-gateway.sysusers.conf").read_text()
    assert f"\nu {user[1]} - " in made


@needs_systemd
def test_the_program_needs_no_system_call_that_the_unit_takes_away(running: Running, tmp_path: Path) -> None:
    if not running.confined:
        pytest.skip("libseccomp is not installed (Debian: libseccomp2)")
    # It has played every story of the demo by now, and lives.
    running.played()
    assert running.by_name["demo"].poll() is None
    # The filter is one: what it takes away kills.
    assert ran(*running.confined, "/bin/chown", "0", str(tmp_path)).returncode == -signal.SIGSYS
