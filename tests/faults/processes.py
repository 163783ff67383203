# SPDX-License-Identifier: Apache-2.0
"""Processes of a server under test: their states, and an engine program that can be made to start late."""
import os
import pathlib
import stat
import subprocess

from kinglet_server import binary, eventually


def alive(pid):
    """False for a process that is gone, or ended and not yet collected by its parent."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(pid, seconds):
    return eventually(lambda: not alive(pid), seconds)


def serve(*arguments, environment=None, timeout=30):
    """`kinglet serve` that is expected to end by itself."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KINGLET_") or k in ("KINGLET_LIBCHDB", "KINGLET_CACHE")}
    return subprocess.run([str(binary()), "serve", *map(str, arguments)], env={**clean, **(environment or {})}, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout)


class HeldEngine:
    """An engine program that waits before it starts for as long as `held` is there: --engine-binary `path`."""

    def __init__(self, folder):
        self.held, self.path = folder / "held", folder / "engine"
        self.path.write_text(f'#!/bin/sh\nwhile [ -e "{self.held}" ]; do sleep 0.02; done\n'
                             f'exec "{binary().parent / "kinglet-engine"}" "$@"\n')
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def hold(self):
        self.held.touch()

    def release(self):
        self.held.unlink(missing_ok=True)
