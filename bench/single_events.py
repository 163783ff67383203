# SPDX-License-Identifier: Apache-2.0
"""Single events (limits.md P3): one event a POST over 64 keep-alive connections, answered 202 after fsync, against nginx answering the
same requests with a constant. Server and engine, and nginx, on `--cores` in turn; the load generator (bench/load.cc) on `--load-cores`."""
import argparse
import pathlib
import socket
import subprocess
import tempfile

import ingest_rows
from kinglet_bench import ROOT, Server, cpu_seconds, free_port, load_generator, print_table, record, rounded, run_load, until

SYNCS = 'kinglet_spool_sync_seconds_bucket{le="+Inf"}'
GOAL_RATIO, GOAL_P99_MS = 0.4, 10

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--seconds", type=float, default=8)
parser.add_argument("--connections", type=int, default=64)
parser.add_argument("--cores", default="0")
parser.add_argument("--load-cores", default="1")
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()

NGINX = """daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; master_process off;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{{"successful_rows":1,"quarantined_rows":0}}'; }} }}
}}
"""


class Nginx:
    def __init__(self, folder):
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=self.port))
        self.process = subprocess.Popen(["taskset", "-c", options.cores, "nginx", "-p", folder, "-c", config], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        until(lambda: self.process.poll() is not None or self.listens(), "nginx does not listen")
        if self.process.poll() is not None:
            raise SystemExit("nginx did not start")
        return self

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def measure(url, pids, target, **more):
    before = [cpu_seconds(pid) for pid in pids]
    said = run_load(load, url, [target], cores=options.load_cores, bodies=[body], connections=options.connections, seconds=options.seconds,
                    warm_seconds=0.5, **more)
    used = [cpu_seconds(pid) - was for pid, was in zip(pids, before)]
    if set(said["statuses"]) - {"200", "202"}:
        raise SystemExit(f"refused requests: {said['statuses']}")
    answered = sum(said["statuses"].values())
    return {"requests_per_second": said["requests_per_second"], "p50_ms": said["p50_ms"], "p99_ms": said["p99_ms"], "max_ms": said["max_ms"],
            "cpu_us_a_request": sum(used) / answered * 1e6, "load_cpu_us_a_request": said["cpu_seconds"] / answered * 1e6}, answered


load = load_generator(options.bin)
runs = {"kinglet": [], "nginx": []}
syncs = []
with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as made, Nginx(pathlib.Path(made)) as nginx, \
        Server(options.bin, cores=options.cores, flags=["--io-threads", "1"]) as server:
    body = pathlib.Path(made) / "event.ndjson"
    body.write_text(ingest_rows.narrow_body(1))
    server.deploy({"datasources/events.datasource": ingest_rows.data_source(ingest_rows.NARROW, "kind, time")})
    headers = [f"Authorization: Bearer {server.token}"]
    accepted = 0
    for run in range(options.runs):
        was = server.metrics()[SYNCS]
        figures, answered = measure(server.url, server.pids(), "/v0/events?name=events", headers=headers)
        accepted += answered
        figures["syncs_a_request"] = (server.metrics()[SYNCS] - was) / answered
        runs["kinglet"].append(figures)
        figures, _ = measure(nginx.url, [nginx.process.pid], "/v0/events?name=events", headers=headers)
        runs["nginx"].append(figures)
        print(f"  run {run + 1}: " + ", ".join(f"{k} {v[-1]['requests_per_second']:,.0f}/s p99 {v[-1]['p99_ms']:.2f} ms" for k, v in runs.items()), flush=True)
    table = server.table("events")
    until(lambda: int(server.engine(f"SELECT count() FROM {table}")) >= accepted, f"fewer than the {accepted} acknowledged events are stored", pause=0.1)
    stored = int(server.engine(f"SELECT count() FROM {table}"))
    if stored != accepted:
        raise SystemExit(f"{accepted} events were acknowledged, {stored} are stored")

out = {name: {key: rounded([value[key] for value in values]) for key in values[0]} for name, values in runs.items()}
ratio = rounded([k["requests_per_second"] / n["requests_per_second"] for k, n in zip(runs["kinglet"], runs["nginx"])], 3)
p99 = out["kinglet"]["p99_ms"]["median"]
out |= {"connections": options.connections, "cores": options.cores, "load_cores": options.load_cores, "acknowledged_and_stored": accepted,
        "ratio": {**ratio, "goal": GOAL_RATIO, "met": ratio["median"] >= GOAL_RATIO}, "p99_goal_ms": GOAL_P99_MS, "p99_met": p99 < GOAL_P99_MS}
if not options.no_record:
    record("single_events", out)
print_table(f"Single events, {options.connections} connections, 202 after fsync", ["", "requests/s", "p50 ms", "p99 ms", "CPU us", "load CPU us", "fsyncs a request"],
            [[name, f"{out[name]['requests_per_second']['median']:,.0f}", out[name]["p50_ms"]["median"], out[name]["p99_ms"]["median"],
              out[name]["cpu_us_a_request"]["median"], out[name]["load_cpu_us_a_request"]["median"],
              out[name].get("syncs_a_request", {}).get("median", "")] for name in runs])
print_table("P3", ["figure", "goal", "verdict"],
            [[f"{ratio['median']}x nginx ({ratio['min']}-{ratio['max']})", f">= {GOAL_RATIO}x", "met" if out["ratio"]["met"] else "MISSED"],
             [f"p99 {p99} ms", f"< {GOAL_P99_MS} ms", "met" if out["p99_met"] else "MISSED"]])
