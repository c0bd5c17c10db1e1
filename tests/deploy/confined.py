"""Runs a program under the filter of system calls of the systemd unit: one that is not allowed kills it.

python confined.py FILE PROGRAM ARGUMENT…    FILE: the calls that are allowed, one a line
"""

import ctypes
import os
import re
import shutil
import sys
from ctypes.util import find_library
from pathlib import Path

from packages import UNIT, must

KILL_PROCESS = 0x80000000
ALLOW = 0x7FFF0000


def members(of: str) -> set[str]:
    """Returns the system calls of a set of systemd's, and of the sets in it."""
    lines = must("systemd-analyze", "syscall-filter", "--no-pager", of).splitlines()[1:]
    names = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return set().union(*(members(name) if name.startswith("@") else {name} for name in names))


def confinement(file: Path) -> tuple[str, ...]:
    """Returns the words before a command that confine it as the unit does; none where there are no tools for it."""
    if find_library("seccomp") is None or shutil.which("systemd-analyze") is None:
        return ()
    allowed: set[str] = set()
    for taken_away, sets in re.findall(r"^SystemCallFilter=(~?)(.*)$", UNIT.read_text(), re.MULTILINE):
        named: set[str] = set().union(*(members(name) for name in sets.split()))
        allowed = allowed - named if taken_away else allowed | named
    assert "connect" in allowed
    assert "chown" not in allowed
    if os.geteuid() == 0:
        # As root, and only then, SQLite gives its files to whoever owns the database.
        allowed.add("fchown")
    file.write_text("\n".join(sorted(allowed)))
    return (sys.executable, __file__, str(file))


def main() -> None:
    """Builds the filter, loads it, becomes the program."""
    lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(KILL_PROCESS)))
    for name in Path(sys.argv[1]).read_text().split():
        number = lib.seccomp_syscall_resolve_name(name.encode())
        # A call of another kind of machine has no number here.
        if number >= 0 and lib.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), ctypes.c_int(number), 0) != 0:
            sys.exit(f"{name} cannot be allowed")
    if lib.seccomp_load(context) != 0:
        sys.exit("the filter does not load")
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
