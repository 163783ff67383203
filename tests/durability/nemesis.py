# SPDX-License-Identifier: Apache-2.0
"""Rounds of load and of kill -9 or of power cuts. Each round has its own seed, and stands in the attempts of the history."""
import os
import pathlib
import random
import signal
import time

from kinglet_server import eventually

from .checker import assert_books, assert_holds
from .load import health, wait_until_stored

# Which process dies. "again": the server, and once more while it starts.
KINDS = {"server": 6, "engine": 6, "both": 3, "again": 1}
# The power goes; with "again" once more while the server starts.
POWER_CUTS = {"power": 4, "power again": 1}


def children(pid):
    """Processes whose parent is `pid`: the engines of a server."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if path.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def kill_engines(server):
    """kill -9 of every engine, started or starting; answers how many there were."""
    killed = 0
    for pid in children(server.process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            pass
    return killed


def _kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _tasks(pid):
    """The states of its threads, as in proc_pid_stat(5)."""
    return [p.read_text().rpartition(")")[2].split()[0] for p in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]


def cut_power(server, disk, process=None):
    """`process`: one that is still starting. All stands still before the disk is cut off: a sync that runs at that moment may end well
    although nothing came of it (measured), and a machine without power could not answer for it."""
    process = process or server.process
    server.running = False
    process.send_signal(signal.SIGSTOP)
    engines = children(process.pid)
    for pid in (process.pid, *engines):
        os.kill(pid, signal.SIGSTOP)
        # D: in a system call that is not broken off; it stops at its end.
        assert eventually(lambda: set(_tasks(pid)) <= set("TtDXZ"), 5), _tasks(pid)
    disk.cut()
    process.kill()
    process.wait()
    _kill_all(engines)
    disk.restore()


class Rounds:
    """Kills processes of `server` while `load` runs, or with `disk` cuts its power. What happened is in `kinds`, `worst_start` and `starts`."""

    def __init__(self, ws, load, seed, requests_a_round=80, check_every=25, disk=None):
        self.ws, self.server, self.load, self.seed, self.disk = ws, ws.server, load, seed, disk
        self.step, self.check_every, self.chances = requests_a_round, check_every, POWER_CUTS if disk else KINDS
        self.kinds, self.starts, self.worst_start, self.worst_drain, self.checked = dict.fromkeys(self.chances, 0), 0, 0.0, 0.0, 0

    def run(self, rounds):
        for number in range(1, rounds + 1):
            try:
                self._one(number)
                if number % self.check_every == 0 or number == rounds:
                    self.check()
            except AssertionError as error:
                raise AssertionError(f"seed {self.seed}, round {number} of {rounds} ({self.kinds}): {error}\n"
                                     f"the server's log ends with:\n{self.server.log_text()[-3000:]}") from None

    def _one(self, number):
        choose = random.Random(f"{self.seed}/{number}")
        with self.load.lock:
            self.load.history.round = number
        self.load.release(self.step)
        # Anywhere between the first bytes of this round and a little behind its end.
        self.load.wait_for(max(0, self.load.released - choose.randrange(2 * self.step)))
        time.sleep(choose.random() ** 2 * 0.2)  # sleep: the moment of death varies
        kind = choose.choices(list(self.chances), list(self.chances.values()))[0]
        if kind == "engine":
            # Between two engines of a server there is none to kill.
            if not kill_engines(self.server):
                kind = "server"
        elif kind == "both" and choose.random() < 0.5:
            kill_engines(self.server)
            time.sleep(choose.random() * 0.05)  # sleep: the moment of death varies
        self.kinds[kind] += 1
        if kind == "engine":
            return
        if self.disk:
            cut_power(self.server, self.disk)
            if kind == "power again":
                half = self.server.launch()
                time.sleep(choose.random() * 1.5)  # sleep: the moment of death varies
                cut_power(self.server, self.disk, half)
        else:
            engines = children(self.server.process.pid) if kind == "both" else []
            self.server.kill()
            _kill_all(engines)
            if kind == "again":
                half = self.server.launch()
                time.sleep(choose.random() * 0.5)  # sleep: the moment of death varies
                half.kill()
                half.wait()
        begun = time.monotonic()
        self.server.start()
        self.starts += 1
        self.worst_start = max(self.worst_start, time.monotonic() - begun)

    def check(self):
        """Everything that was released comes to its end; then the rows of all requests since the last check are compared."""
        self.load.wait_for(self.load.released, 120)
        begun = time.monotonic()
        wait_until_stored(self.server, 120)
        self.worst_drain = max(self.worst_drain, time.monotonic() - begun)
        assert_holds(self.ws, self.load.history, self.checked)
        with self.load.lock:
            sources = sorted({r.source for r in self.load.history.requests.values()})
        assert_books(self.ws, sources)
        self.checked = self.load.first + self.load.next

    def figures(self):
        history = self.load.history
        states = {s: len(history.of_state(s)) for s in ("acknowledged", "refused", "unanswered")}
        return {**{(f"cuts of {k}" if self.disk else f"kills of {k}"): v for k, v in self.kinds.items()}, "starts": self.starts,
                "worst start (s)": round(self.worst_start, 2), "worst time until all is stored (s)": round(self.worst_drain, 2),
                "requests": len(history.requests), **states, "rows acknowledged": history.acknowledged_rows,
                "retries of clients": history.retries, "repeats of answered requests": history.duplicates}
