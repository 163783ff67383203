# SPDX-License-Identifier: Apache-2.0
"""Clients that send the requests of a history, and what a test asks the server about itself meanwhile."""
import http.client
import pathlib
import threading
import time
import urllib.parse

import requests

from kinglet_server import eventually

from .history import PROJECT, VIEWS, History, Mix, parse_counts

# Nothing of the request was kept, or nothing can be said of it; either way a client sends it again.
AGAIN = (408, 429, 500, 503, 507)
# Of these: the answer promises that nothing was kept.
NOTHING_KEPT = (429, 503, 507)


class Load:
    """Sends requests of `mix` by `connections` clients, numbered from `first`, `count` of them (None: until stop()), no more than are
    `released` (None: all). A request with a key is sent again until it is acknowledged; one without is sent once. While the server is
    known to be down, clients wait."""

    def __init__(self, workspace, count=None, mix=Mix(), connections=8, released=None, first=0, history=None, patience=30):
        self.workspace, self.count, self.mix, self.first, self.patience = workspace, count, mix, first, patience
        self.history = history or History()
        self.lock = self.history.lock
        self.next, self.ended, self.released = 0, 0, released
        self.faults, self.stopping = [], False
        self.threads = [threading.Thread(target=self._run, args=(c,), daemon=True) for c in range(connections)]
        for thread in self.threads:
            thread.start()

    # ---- what a test says --------------------------------------------------------------------------------------------

    def release(self, more):
        """Lets `more` requests go."""
        with self.lock:
            self.released += more
            self.lock.notify_all()

    def release_all(self):
        with self.lock:
            self.released = None
            self.lock.notify_all()

    def wait_for(self, ended, seconds=60):
        """Until so many requests are acknowledged or given up."""
        self.wait_until(lambda: self.ended >= ended, seconds, lambda: f"only {self.ended} of {ended} requests came to an end")

    def wait_until(self, condition, seconds=60, message=lambda: "what the test waits for did not happen"):
        with self.lock:
            reached = self.lock.wait_for(lambda: self.faults or condition(), seconds)
        assert not self.faults, "\n".join(self.faults)
        assert reached, message()

    def stop(self):
        """Nothing is sent again, nothing new is begun."""
        with self.lock:
            self.stopping = True
            self.lock.notify_all()

    def join(self, seconds=90):
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        assert not self.faults, "\n".join(self.faults)
        open_ = [str(r) for r in self.history.of_state("unsent")]
        assert not any(t.is_alive() for t in self.threads), "requests were still without an answer:\n" + "\n".join(open_[:5])

    def numbers(self, *states):
        """Which requests ended so: acknowledged, stored, refused or unanswered."""
        return {r.number for r in self.history.of_state(*states)}

    # ---- the clients -------------------------------------------------------------------------------------------------

    def _take(self, client):
        with self.lock:
            def end():
                return self.stopping or self.next == self.count

            self.lock.wait_for(lambda: end() or self.released is None or self.next < self.released)
            if end():
                return None
            self.next += 1
            request = self.history.new_request(self.mix, self.first + self.next - 1)
            request.client = client
            return request

    def _run(self, client):
        connection = None
        try:
            while (request := self._take(client)) is not None:
                body = request.body()
                while True:
                    connection, status, text = self._send(connection, request, body)
                    if status in (200, 202, 422):
                        self._answered(request, status, text)
                        if request.repeats == 0 or self.stopping:
                            break
                        request.repeats -= 1
                        with self.lock:
                            self.history.duplicates += 1
                        continue
                    if status is not None and status not in AGAIN:
                        raise AssertionError(f"answered with {status} {text}: {request}")
                    with self.lock:
                        again = (request.key and not self.stopping) or request.state in ("acknowledged", "stored")
                        if again and not self.stopping:
                            self.history.retries += 1
                    if not again or self.stopping:
                        if request.state == "unsent":
                            sure = all(a.status in NOTHING_KEPT for a in request.attempts)
                            self._book(request, "refused" if sure else "unanswered")
                        break
                    time.sleep(0.01)  # sleep: between two attempts
                with self.lock:
                    self.ended += 1
                    self.lock.notify_all()
        except Exception as error:  # seen by the test's thread, in wait_for() and join()
            with self.lock:
                self.faults.append(str(error) if isinstance(error, AssertionError) else repr(error))
                self.lock.notify_all()
        finally:
            if connection:
                connection.close()

    def _answered(self, request, status, text):
        if parse_counts(text) != request.counts:
            raise AssertionError(f"answered with {text}, the body has {request.counts}: {request}")
        self._book(request, "stored" if status == 422 else "acknowledged")

    def _book(self, request, state):
        with self.lock:
            request.state = state
            request.answers += 1
            self.lock.notify_all()

    def _send(self, connection, request, body):
        server = self.workspace.server
        while not server.running and not self.stopping:
            time.sleep(0.005)  # sleep: between two looks, until the nemesis has started it or the load is stopped
        headers = {"Authorization": f"Bearer {self.workspace.token}", "Content-Type": "application/x-ndjson"}
        if request.packed:
            headers["Content-Encoding"] = "gzip"
        if request.key:
            headers["Idempotency-Key"] = request.key
        path = f"/v0/events?name={request.source}" + ("&wait=true" if request.wait else "")
        begun, status, text = time.monotonic(), None, ""
        try:
            if connection is None:
                connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=self.patience)
            connection.request("POST", path, body, headers)
            reply = connection.getresponse()
            status, text = reply.status, reply.read().decode()
            if status in AGAIN:
                text += f" (Retry-After {reply.getheader('Retry-After')})"
        except (OSError, http.client.HTTPException) as error:
            status, text = None, repr(error)
            if connection:
                connection.close()
            connection = None
        with self.lock:
            self.history.attempted(request, begun, status, text)
        return connection, status, text


def workspace_of(server, project=PROJECT):
    ws = server.workspace()
    ws.must_build(project)
    return ws


def at_new_address(ws):
    """A restarted server has another port."""
    ws.base = ws.server.url
    return ws


def health(server):
    return requests.get(server.url + "/health", timeout=10).json()


def metric(server, name):
    """The value of a metric without labels; None when there is none."""
    for line in requests.get(server.url + "/metrics", timeout=30).text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def engine_pid(server):
    """The engine's process; waits while it is between two."""
    return eventually(lambda: health(server)["engine"]["pid"], 10)


def wait_until_stored(server, seconds=60):
    """Until nothing that was accepted waits for the engine."""
    assert eventually(lambda: health(server)["spool"]["bytes"] == 0, seconds), health(server)


def failed_folder(server):
    return pathlib.Path(server.folder) / "db" / "spool" / "failed"


__all__ = ["AGAIN", "VIEWS", "Load", "Mix", "History", "at_new_address", "engine_pid", "failed_folder", "health", "metric",
           "wait_until_stored", "workspace_of"]
