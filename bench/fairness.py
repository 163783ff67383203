# SPDX-License-Identifier: Apache-2.0
"""Fairness at the gateway (attacks.md I13): a token that asks ten times what it may, beside one that keeps to its limit, both
appending single events to data sources of their own.

The modest one sends `--rate` events a second on one connection at even times (late replies do not slow it down: a request's time
counts from when it was due) and its p50 and p99 are taken alone and beside the greedy one, in turn. The greedy one is wrk with a pause
between requests; its 429s are counted. Goal: the modest one's p99 grows by less than 20 %."""
import argparse
import multiprocessing
import re
import socket
import subprocess
import tempfile
import time
import urllib.parse

from kinglet_bench import ROOT, Server, print_table, record, rounded

SCHEMA = "SCHEMA >\n    `a` UInt64 `json:$.a`,\n    `b` String `json:$.b`\n\nENGINE MergeTree\nENGINE_SORTING_KEY a\n"
ROW = b'{"a":1,"b":"a modest event of the usual size, nothing special"}\n'
GREEDY_CONNECTIONS = 20

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=9)
parser.add_argument("--seconds", type=int, default=5)
parser.add_argument("--limit", type=int, default=200, help="requests a second of a token")
parser.add_argument("--rate", type=int, default=150, help="of the modest token")
parser.add_argument("--cores", default="0")
parser.add_argument("--load-cores", default="1")
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()


def modest(url, token, seconds, results):
    """Sends at even times; puts (sorted times in us, other statuses than 202)."""
    at = urllib.parse.urlsplit(url)
    peer = socket.create_connection((at.hostname, at.port), timeout=60)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = (f"POST /v0/events?name=modest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(ROW)}\r\n\r\n").encode() + ROW
    times, others = [], 0
    due = time.perf_counter() + 0.05
    for _ in range(options.rate * seconds):
        while (rest := due - time.perf_counter()) > 0:
            time.sleep(rest)  # sleep: the pace is part of the scenario
        peer.sendall(request)
        reply = peer.recv(65536)
        while b"}" not in reply:
            piece = peer.recv(65536)
            if not piece:
                raise SystemExit("the server closed the connection")
            reply += piece
        times.append((time.perf_counter() - due) * 1e6)
        others += not reply.startswith(b"HTTP/1.1 202 ")
        due += 1 / options.rate
    results.put((sorted(times), others))


def run(server, tokens, beside):
    greedy = None
    if beside:
        script = tempfile.NamedTemporaryFile("w", suffix=".lua")
        pause = GREEDY_CONNECTIONS * 1_000 // (10 * options.limit)
        script.write(f"wrk.method = 'POST'\nwrk.body = [[{ROW.decode()}]]\nwrk.headers['Authorization'] = 'Bearer {tokens['greedy']}'\n"
                     f"function delay() return {pause} end\n")
        script.flush()
        greedy = subprocess.Popen(["taskset", "-c", options.load_cores, "wrk", "-t1", f"-c{GREEDY_CONNECTIONS}", f"-d{options.seconds + 2}s", "-s", script.name,
                                   server.url + "/v0/events?name=greedy"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)  # sleep: the greedy one uses up its first second's allowance
    results = multiprocessing.Queue()
    one = multiprocessing.Process(target=modest, args=(server.url, tokens["modest"], options.seconds, results))
    one.start()
    times, others = results.get(timeout=options.seconds + 60)
    one.join()
    found = {"p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100], "not_202": others}
    if greedy:
        out, _ = greedy.communicate()
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        found["greedy_per_second"] = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
        found["greedy_refused"] = int(refused[1]) / int(re.search(r"(\d+) requests in", out)[1]) if refused else 0.0
    return found


subprocess.run(["taskset", "-pc", options.load_cores, str(multiprocessing.current_process().pid)], check=True, stdout=subprocess.DEVNULL)
with Server(options.bin, cores=options.cores, flags=["--token-requests-per-second", str(options.limit)]) as server:
    server.deploy({f"datasources/{name}.datasource": f"TOKEN {name} APPEND\n\n{SCHEMA}" for name in ("modest", "greedy")})
    tokens = {}
    for name in ("modest", "greedy"):
        tokens[name] = re.search(r'"token":\s*"([^"]+)"', server.get(f"/v0/tokens/{name}").decode())[1]
    run(server, tokens, True)  # to warm up
    alone, beside = [], []
    for _ in range(options.runs):
        alone.append(run(server, tokens, False))
        beside.append(run(server, tokens, True))

figures = {"limit_per_second": options.limit, "modest_per_second": options.rate}
for name, runs in (("alone", alone), ("beside_greedy", beside)):
    figures[name] = {k: rounded([r[k] for r in runs]) for k in runs[0]}
figures["p99_growth"] = rounded([b["p99_us"] / a["p99_us"] - 1 for a, b in zip(alone, beside)])
print_table("modest token", ["", "p50 us", "p99 us"], [[n, figures[n]["p50_us"]["median"], figures[n]["p99_us"]["median"]] for n in ("alone", "beside_greedy")])
if options.no_record:
    print(figures)
else:
    record("fairness", figures)
