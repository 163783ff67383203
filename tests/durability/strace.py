# SPDX-License-Identifier: Apache-2.0
"""System calls of a running process that fail: strace's fault injection."""
import contextlib
import signal
import subprocess

import pytest

from kinglet_server import eventually


def _traced(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return "TracerPid:\t0\n" not in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return True  # killed already


@contextlib.contextmanager
def _tracing(pid, calls, injected):
    """strace on every thread of `pid`; ends with the block."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{injected}", "-p", str(pid)]
    try:
        tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("strace is not installed")
    try:
        if not eventually(lambda: tracer.poll() is not None or _traced(pid)) or tracer.poll() not in (None, 0):
            pytest.skip(f"strace cannot attach here: {tracer.stderr.read().strip() if tracer.poll() is not None else 'no answer'}")
        yield tracer
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)  # detaches; the process goes on
        try:
            tracer.wait(5)
        except subprocess.TimeoutExpired:  # it waits for threads of a process that is gone; its end lets all others go on
            tracer.kill()
            tracer.wait()
        tracer.stderr.close()


@contextlib.contextmanager
def failing(pid, calls, error, when):
    """While it lasts, `calls` of every thread of `pid` fail with `error`; `when` is strace's, as in 3+2: from the third, every second."""
    with _tracing(pid, calls, f"error={error}:when={when}"):
        yield


@contextlib.contextmanager
def killed_at(pid, calls, when):
    """`pid` is killed as it enters the `when`th of `calls` of one of its threads. Gives a function that
    waits a little for that: calls are counted by thread, so it may not come."""
    with _tracing(pid, calls, f"signal=SIGKILL:when={when}") as tracer:
        yield lambda: eventually(lambda: tracer.poll() is not None, 2)
