# SPDX-License-Identifier: Apache-2.0
"""What a client reads when the spool is full (R9): 503 with Retry-After, on a connection that goes on; nothing acknowledged is lost."""
import os
import signal

from kinglet_server import eventually
from raw_http import Raw, append_head

PROJECT = {"datasources/t.datasource": "SCHEMA >\n    `a` UInt64 `json:$.a`,\n    `b` String `json:$.b`\n\nENGINE MergeTree\nENGINE_SORTING_KEY a\n"}


def test_r9_a_full_spool_is_503_with_retry_after(start_server):
    server = start_server(flags=["--flush-interval-ms", "50", "--spool-bytes-max", "2000000"])
    workspace = server.workspace()
    workspace.must_build(PROJECT)
    rows = "".join(f'{{"a":{i},"b":"{os.urandom(100).hex()}"}}\n' for i in range(500)).encode()
    accepted, refused = 0, None
    os.kill(server.ready["engine_pid"], signal.SIGSTOP)
    try:
        with Raw(server.url) as raw:
            for _ in range(200):
                raw.send(append_head(workspace, "t"), f"Content-Length: {len(rows)}\r\n\r\n", rows)
                reply = raw.reply()
                if reply.status != 202:
                    refused = reply
                    break
                accepted += 1
            assert refused is not None and accepted > 0
            assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1 and refused.error
            assert refused.headers.get("connection") != "close"
            raw.send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.reply().status == 200, "the connection goes on"
    finally:
        os.kill(server.ready["engine_pid"], signal.SIGCONT)
    assert eventually(lambda: workspace.value("SELECT count() FROM t") == accepted * 500, 30)
    assert eventually(lambda: workspace.events("t", rows).status_code == 200), "and takes rows again"
    assert workspace.value("SELECT count() FROM t") == accepted * 500 + 500
