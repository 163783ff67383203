# SPDX-License-Identifier: Apache-2.0
"""System calls of a running process that fail: strace's fault injection."""
import contextlib
import signal
import subprocess

import pytest

from kinglet_server import eventually


def _traced(pid):
    with open(f"/proc/{pid}/status") as file:
        return "TracerPid:\t0\n" not in file.read()


@contextlib.contextmanager
def failing(pid, calls, error, when):
    """While it lasts, `calls` of every thread of `pid` fail with `error`; `when` is strace's, as in 3+2: from the third, every second."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}", "-p", str(pid)]
    try:
        tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    try:
        if not eventually(lambda: _traced(pid) or tracer.poll() is not None) or tracer.poll() is not None:
            pytest.skip(f"strace cannot attach here: {tracer.stderr.read().strip() if tracer.poll() is not None else 'no answer'}")
        yield
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)  # detaches; the process goes on
        tracer.wait(20)
        tracer.stderr.close()
