# SPDX-License-Identifier: Apache-2.0
"""attacks.md I9: many idle keep-alive connections hold little memory, and others are served. bench/idle_connections.py measures
50,000 of them."""
from kinglet_server import eventually
from raw_http import Raw

IDLE = 2_000
BYTES_EACH_MAX = 10_000  # of the server's memory; what it is: bench/idle_connections.py
VERSION = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"


def resident_bytes(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def connections(server):
    text = server.admin.session.get(server.url + "/metrics", timeout=30).text
    return next(int(float(line.split()[1])) for line in text.splitlines() if line.startswith("kinglet_http_connections_open "))


def test_i9_idle_connections_hold_little_memory(start_server):
    server = start_server()
    pid = server.ready["pid"]
    with Raw(server.url) as warm:
        for _ in range(100):
            warm.send(VERSION)
            assert warm.reply().status == 200
    before = resident_bytes(pid)
    idle = []
    for i in range(IDLE):
        raw = Raw(server.url, f"127.0.0.{2 + i % 8}")
        raw.send(VERSION)
        assert raw.reply().status == 200
        idle.append(raw)
    assert connections(server) >= IDLE
    assert eventually(lambda: resident_bytes(pid) - before < IDLE * BYTES_EACH_MAX), (resident_bytes(pid) - before) / IDLE
    workspace = server.default_workspace()
    assert workspace.value("SELECT 1") == 1
    for raw in idle[::50]:  # each is still good
        raw.send(VERSION)
        assert raw.reply().status == 200
    for raw in idle:
        raw.close()
    assert eventually(lambda: connections(server) < 10)
