# SPDX-License-Identifier: Apache-2.0
"""Rounds of load and of kill -9. Each round has its own seed, and stands in the attempts of the history."""
import os
import pathlib
import random
import signal
import time

from .checker import assert_books, assert_holds
from .load import health, wait_until_stored

# Which process dies. "again": the server, and once more while it starts.
KINDS = {"server": 6, "engine": 6, "both": 3, "again": 1}


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


class Rounds:
    """Kills processes of `server` while `load` runs. What happened is in `kinds`, `worst_start` and `starts`."""

    def __init__(self, ws, load, seed, requests_a_round=80, check_every=25):
        self.ws, self.server, self.load, self.seed = ws, ws.server, load, seed
        self.step, self.check_every = requests_a_round, check_every
        self.kinds, self.starts, self.worst_start, self.worst_drain, self.checked = dict.fromkeys(KINDS, 0), 0, 0.0, 0.0, 0

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
        kind = choose.choices(list(KINDS), list(KINDS.values()))[0]
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
        engines = children(self.server.process.pid) if kind == "both" else []
        self.server.kill()
        for pid in engines:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
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
        return {**{f"kills of {k}": v for k, v in self.kinds.items()}, "starts": self.starts,
                "worst start (s)": round(self.worst_start, 2), "worst time until all is stored (s)": round(self.worst_drain, 2),
                "requests": len(history.requests), **states, "rows acknowledged": history.acknowledged_rows,
                "retries of clients": history.retries, "repeats of answered requests": history.duplicates}
