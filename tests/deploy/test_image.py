"""The image: what hadolint says, and what it must not forget."""

import re
from pathlib import Path

from packages import DEPLOY, ROOT, load, must, ran, settled, tool

DOCKERFILE = DEPLOY / "Dockerfile"
INSTRUCTION = re.compile(r"^([A-Z]+) (.*)$", re.MULTILINE)


def last_stage() -> str:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    return text[text.rindex("\nFROM ") :]


def test_hadolint_finds_nothing() -> None:
    must(tool("hadolint"), "--failure-threshold", "style", DOCKERFILE)


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text().replace("--no-install-recommends", ""))
    assert ran(tool("hadolint"), "--failure-threshold", "style", bad).returncode != 0


def test_the_program_runs_as_an_account_without_rights() -> None:
    users = [value for name, value in INSTRUCTION.findall(last_stage()) if name == "USER"]
    assert users == ["10001:10001"]


def test_nothing_of_the_build_is_in_the_image() -> None:
    copies = [value for name, value in INSTRUCTION.findall(last_stage()) if name == "COPY"]
    assert len(copies) == 2
    assert copies[0].startswith("--from=build /out/cfa-gateway ")
    assert "cargo" not in last_stage()


def test_its_settings_exist(tmp_path: Path) -> None:
    [env] = [value for name, value in INSTRUCTION.findall(last_stage()) if name == "ENV"]
    shown = settled(dict(pair.split("=", 1) for pair in env.split()), tmp_path)
    assert (shown["server"]["listen"], shown["server"]["monitoring_listen"]) == ("0.0.0.0:8080", "0.0.0.0:9464")


def test_what_the_build_needs_is_sent_to_it_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    manifest = (ROOT / "Cargo.toml").read_text()
    members = re.findall(r'^    "([a-z/-]+)",$', manifest, re.MULTILINE)
    assert members
    for needed in {member.split("/")[0] for member in members} | {"Cargo.lock", "Cargo.toml", "LICENSE"}:
        assert f"!{needed}" in ignored
    assert ignored.index("*") < ignored.index("!Cargo.toml")


def test_the_base_has_the_toolchain_of_the_project() -> None:
    channel = re.search(r'channel = "(\d+\.\d+)', (ROOT / "rust-toolchain.toml").read_text())
    assert channel
    assert f"ARG BUILDER=rust:{channel[1]}-bookworm" in DOCKERFILE.read_text()


def test_the_compose_file_builds_it() -> None:
    build = load(DEPLOY / "compose.yaml")["services"]["gateway"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]) == DOCKERFILE
