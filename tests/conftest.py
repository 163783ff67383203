# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the black-box tests: one server for all, one workspace for each module, extra servers on demand."""
import pytest
import requests

from kinglet_server import Server


@pytest.fixture(scope="session")
def server():
    """The shared server. Imports by URL may read from loopback, where the tests serve their files."""
    running = Server(flags=["--flush-interval-ms", "100", "--import-private-addresses"])
    yield running
    # S17: whatever the tests asked, the engine read it as the gateway did.
    metrics = requests.get(running.url + "/metrics", timeout=30).text
    running.remove()
    assert "\nkinglet_sql_disagreements_total 0\n" in metrics


@pytest.fixture(scope="module")
def ws(server):
    """An empty workspace for the module."""
    return server.workspace()


@pytest.fixture
def new_workspace(server):
    """Makes empty workspaces: new_workspace()."""
    return server.workspace


@pytest.fixture
def start_server():
    """Starts servers of a test's own: start_server(flags=[…]); its end removes them."""
    servers = []

    def start(**arguments):
        servers.append(Server(**arguments))
        return servers[-1]

    yield start
    for one in servers:
        one.remove()
