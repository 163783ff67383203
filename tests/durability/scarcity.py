# SPDX-License-Identifier: Apache-2.0
"""R7: something that the system gives runs out under load. What is sent meanwhile, what may be answered, and what must hold afterwards."""
from kinglet_server import eventually

from .checker import assert_books, assert_holds
from .history import EVERYTHING, VIEWS, Mix
from .load import health, wait_until_stored

MIX = Mix(rows=(1, 100), sources=EVERYTHING.sources, keyed=0.7, bad=0.05, wait=0.02, packed=0.5)


def assert_clear_answers(history):
    """Nothing but refusals that say what is missing, or that the server is behind."""
    texts = {(a.status, a.text) for r in list(history.requests.values()) for a in list(r.attempts) if a.status not in (200, 202, None)}
    assert all(status in (429, 503) for status, _ in texts), texts
    assert all("/db/" not in text and "error" in text for _, text in texts), texts
    return texts


def assert_well_again(server, ws, load):
    """There is enough again, and nothing new is sent: all accepted rows are stored once, the books say so, and the server is ready."""
    load.stop()
    load.join()
    wait_until_stored(server)
    assert_clear_answers(load.history)
    assert_holds(ws, load.history)
    assert_books(ws, sorted(VIEWS))
    assert server.process.poll() is None
    assert eventually(lambda: health(server)["status"] == "ready"), health(server)
