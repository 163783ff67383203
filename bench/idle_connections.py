# SPDX-License-Identifier: Apache-2.0
"""Idle keep-alive connections (attacks.md I9): what each holds of the server's memory, what they cost in CPU, and whether others
are answered as fast beside them as without. Each idle connection has made a request; they come from several addresses of
127.0.0.0/8, as one address has 28,000 ports.

Latency is wrk's (eight connections, GET /version, on `--load-cores`), taken without, with and again without the idle ones. Needs the
right to raise the limit of open files (root) beyond about half of the hard limit."""
import argparse
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import time
import urllib.parse

from kinglet_bench import ROOT, Server, cpu_seconds, record, resident_mb

REQUEST = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
PER_ADDRESS = 10_000

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--connections", type=int, default=50_000)
parser.add_argument("--runs", type=int, default=5, help="of wrk, in each state")
parser.add_argument("--seconds", type=int, default=3, help="a run of wrk")
parser.add_argument("--cores", default="0")
parser.add_argument("--load-cores", default="1")
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()

limit = options.connections + 2_000
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


def latencies(server):
    """{p50, p99, rate}: medians of the runs, in microseconds and requests a second."""
    found = []
    for _ in range(options.runs):
        out = subprocess.run(["taskset", "-c", options.load_cores, "wrk", "-t1", "-c8", f"-d{options.seconds}s", "--latency", server.url + "/version"],
                             capture_output=True, text=True, check=True).stdout
        scale = {"us": 1, "ms": 1_000, "s": 1_000_000}
        p50, p99 = (float(v) * scale[u] for v, u in re.findall(r"(?:50|99)%\s+([\d.]+)(us|ms|s)", out))
        found.append((p50, p99, float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])))
    return {name: {"median": statistics.median(v), "min": min(v), "max": max(v)}
            for name, v in zip(("p50_us", "p99_us", "requests_per_second"), zip(*found))}


def kernel_pages():
    """Memory of TCP's own buffers, in pages, of the whole machine."""
    return int(re.search(r"TCP:.* mem (\d+)", pathlib.Path("/proc/net/sockstat").read_text())[1])


def idle_cpu(pid, seconds=5):
    before = cpu_seconds(pid)
    time.sleep(seconds)  # sleep: idleness is what is measured
    return (cpu_seconds(pid) - before) / seconds


with Server(options.bin, cores=options.cores, flags=["--keep-alive-timeout-ms", "3600000", "--connections-max", str(options.connections + 500)]) as server:
    pid = server.process.pid
    at = urllib.parse.urlsplit(server.url)
    without = latencies(server)
    cpu_without = idle_cpu(pid)
    before, pages_before = resident_mb(pid), kernel_pages()
    idle, began = [], time.monotonic()
    for i in range(options.connections):
        one = socket.socket()
        one.bind((f"127.0.{i // PER_ADDRESS + 1}.1", 0))
        one.connect((at.hostname, at.port))
        one.sendall(REQUEST)
        if not one.recv(4096).startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"connection {i} was refused")
        idle.append(one)
    opened_in = time.monotonic() - began
    time.sleep(2)  # sleep: the sweeper takes the buffers back
    grown_mb = resident_mb(pid) - before
    pages = kernel_pages() - pages_before
    cpu_with = idle_cpu(pid)
    beside = latencies(server)
    later_mb = resident_mb(pid) - before
    good = 0
    for one in idle:  # each still works
        one.sendall(REQUEST)
    for one in idle:
        good += one.recv(4096).startswith(b"HTTP/1.1 200 ")
    began = time.monotonic()
    for one in idle:
        one.close()
    while server.metrics()["kinglet_http_connections_open"] > 10:
        if time.monotonic() - began > 120:
            raise SystemExit("connections that their peers closed are still open")
        time.sleep(0.01)  # sleep: between two looks
    closed_in = time.monotonic() - began
    again = latencies(server)
    figures = {"connections": options.connections, "opened_per_second": round(options.connections / opened_in),
               "closed_per_second": round(options.connections / closed_in),
               "bytes_per_idle_connection": round(grown_mb * 1_048_576 / options.connections),
               "resident_mb_without": round(before, 1), "resident_mb_grown": round(grown_mb, 1), "resident_mb_grown_after_load": round(later_mb, 1),
               "kernel_pages_grown": pages, "still_good": good,
               "cpu_share_without": round(cpu_without, 4), "cpu_share_with": round(cpu_with, 4),
               "others_without": without, "others_beside_idle": beside, "others_without_again": again}
if options.no_record:
    print(figures)
else:
    record("idle_connections", figures)
