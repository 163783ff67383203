# SPDX-License-Identifier: Apache-2.0
"""P13, the other way: an answer of 10 GB, streamed out. Resident memory of the gateway over time must stay flat, under 512 MB.

One query whose rows the engine makes, asked for in the formats that stream (JSON is made whole, within --response-bytes-max), the limit lifted; a peer that reads as fast as
it can, and one that stops reading for some seconds: what waits for it may not gather in the gateway."""
import argparse
import socket
import time
import urllib.parse

from kinglet_bench import ROOT, MemoryWatch, Server, cpu_seconds, print_table, record

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--gigabytes", type=float, default=10)
parser.add_argument("--samples", type=int, default=200, help="of memory that are kept")
parser.add_argument("--pause", type=float, default=5, help="seconds in which the peer does not read, once")
options = parser.parse_args()

LIMIT_MB = 512
# About 150 bytes a row as JSON.
COLUMNS = ("number AS id, toString(cityHash64(number)) AS visitor, number % 7 AS kind, number / 3 AS amount, "
           "concat('https://www.example.com/products/', toString(number % 100003)) AS url, toDateTime(number) AS at")
BYTES_A_ROW = {"CSV": 105, "JSONEachRow": 165}  # about


def receive(server, sql, received):
    """Reads the whole answer; the time from the question to its first byte, and its last bytes."""
    host, port = server.url.split("//")[1].split(":")
    peer = socket.create_connection((host, int(port)), timeout=600)
    target = "/v0/sql?" + urllib.parse.urlencode({"q": sql})
    begun = time.monotonic()
    peer.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {server.token}\r\nConnection: close\r\n\r\n".encode())
    first, tail, room = None, b"", bytearray(1 << 20)
    paused = False
    while size := peer.recv_into(room):
        if first is None:
            first = time.monotonic() - begun
            if not room.startswith(b"HTTP/1.1 200"):
                raise SystemExit(bytes(room[:size]).decode())
        received[0] += size
        tail = (tail + bytes(room[max(0, size - 64):size]))[-64:]
        if not paused and received[0] > options.gigabytes * 1e9 / 2:
            paused = True
            time.sleep(options.pause)  # sleep: the slow reader is the scenario
    peer.close()
    return first, tail


figures, table = {}, []
for form, size in BYTES_A_ROW.items():
    rows = round(options.gigabytes * 1e9 / size)
    with Server(options.bin, flags=["--response-bytes-max", str(1 << 40), "--query-seconds-max", "3600"]) as server:
        received = [0]
        cpu = cpu_seconds(server.process.pid)
        with MemoryWatch(server, received) as watch:
            first, tail = receive(server, f"SELECT {COLUMNS} FROM numbers({rows}) FORMAT {form}", received)
            seconds = time.monotonic() - watch.started
        cpu = cpu_seconds(server.process.pid) - cpu
        if not tail.endswith(b"0\r\n\r\n"):
            raise SystemExit(f"{form}: the answer was cut: {tail}")
        peak = max(sample[2] for sample in watch.seen)
        step = max(1, len(watch.seen) // options.samples)
        figures[form] = {"received_gb": round(received[0] / 1e9, 2), "rows": rows, "seconds": round(seconds, 1), "first_byte_ms": round(first * 1e3, 1),
                         "gateway_cpu_us_per_row": round(cpu * 1e6 / rows, 3), "gateway_mb_peak": peak, "engine_mb_peak": max(sample[3] for sample in watch.seen),
                         "samples": {"columns": ["seconds", "received_mb", "gateway_mb", "engine_mb"], "rows": watch.seen[::step]}}
        table.append([form, f"{received[0] / 1e9:.1f} GB", f"{seconds:.1f} s", f"{rows / seconds / 1e6:.2f} M rows/s", f"{first * 1e3:.0f} ms", f"{peak:.0f} MB",
                      "yes" if peak < LIMIT_MB else "NO"])

print_table("One answer, streamed out", ["format", "received", "time", "rows", "first byte", "peak", f"under {LIMIT_MB} MB"], table)
figures["goal"] = {"gateway_mb_max": LIMIT_MB}
figures["met"] = all(figures[form]["gateway_mb_peak"] < LIMIT_MB for form in BYTES_A_ROW)
record("stream_out", figures)
