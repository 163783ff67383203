# SPDX-License-Identifier: Apache-2.0
"""P13: one request with a body of 10 GB, streamed in. Resident memory of the gateway over time must stay flat, under 512 MB.

Rows of P1 (7 columns, about 145 bytes), varied, made once in a block of some megabytes and sent again and again: as they are, in
chunks, and as zstd frames that the gateway decompresses. The answer comes when the engine has every row."""
import argparse
import ctypes
import ctypes.util
import json
import socket
import time

from ingest_rows import NARROW, data_source, narrow_body
from kinglet_bench import ROOT, MemoryWatch, Server, cpu_seconds, print_table, record, resident_mb

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--gigabytes", type=float, default=10, help="of text, before compression")
parser.add_argument("--samples", type=int, default=200, help="of memory that are kept")
options = parser.parse_args()

BLOCK_ROWS = 200_000
SEND_BYTES = 1 << 20
LIMIT_MB = 512


def zstd(data):
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    size = library.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


def stream(server, block, times, headers, sent):
    """One chunked request; its answer."""
    host, port = server.url.split("//")[1].split(":")
    peer = socket.create_connection((host, int(port)), timeout=600)
    lines = ["POST /v0/events?name=rows&wait=true HTTP/1.1", "Host: bench", f"Authorization: Bearer {server.token}",
             "Transfer-Encoding: chunked", *headers]
    peer.sendall("\r\n".join([*lines, "", ""]).encode())
    pieces = [block[i:i + SEND_BYTES] for i in range(0, len(block), SEND_BYTES)]
    framed = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    try:
        for _ in range(times):
            for piece, frame in zip(pieces, framed):
                peer.sendall(frame)
                sent[0] += len(piece)
        peer.sendall(b"0\r\n\r\n")
    except ConnectionError:
        pass  # the server had enough: its answer says why
    reply = b""
    while b"\r\n\r\n" not in reply or not reply.rstrip().endswith(b"}"):
        piece = peer.recv(65536)
        if not piece:
            break
        reply += piece
    peer.close()
    return reply.decode()


text = narrow_body(BLOCK_ROWS).encode()
times = max(1, round(options.gigabytes * 1e9 / len(text)))
figures, table = {}, []
for name, block, headers in (("chunked", text, []), ("zstd", zstd(text), ["Content-Encoding: zstd"])):
    with Server(options.bin) as server:
        server.deploy({"datasources/rows.datasource": data_source(NARROW, "time")})
        sent = [0]
        idle = resident_mb(server.process.pid)
        cpu = cpu_seconds(server.process.pid)
        with MemoryWatch(server, sent) as watch:
            reply = stream(server, block, times, headers, sent)
            seconds = time.monotonic() - watch.started
        cpu = cpu_seconds(server.process.pid) - cpu
        status = int(reply.split(" ")[1])
        rows = json.loads(reply.split("\r\n\r\n", 1)[1])
        if status not in (200, 202) or rows["successful_rows"] != times * BLOCK_ROWS:
            raise SystemExit(reply)
        peak = max(sample[2] for sample in watch.seen)
        half = [sample[2] for sample in watch.seen[len(watch.seen) // 2:]]
        step = max(1, len(watch.seen) // options.samples)
        figures[name] = {
            "text_gb": round(times * len(text) / 1e9, 2), "sent_gb": round(sent[0] / 1e9, 3), "rows": rows["successful_rows"],
            "seconds": round(seconds, 1), "rows_per_second": round(rows["successful_rows"] / seconds),
            "gateway_cpu_us_per_row": round(cpu * 1e6 / rows["successful_rows"], 3),
            "gateway_mb": {"idle": round(idle, 1), "peak": peak, "second_half_max": max(half)},
            "engine_mb_peak": max(sample[3] for sample in watch.seen),
            "samples": {"columns": ["seconds", "sent_mb", "gateway_mb", "engine_mb"], "rows": watch.seen[::step]},
        }
        table.append([name, f"{times * len(text) / 1e9:.1f} GB", f"{seconds:.1f} s", f"{rows['successful_rows'] / seconds / 1e6:.2f} M rows/s",
                      f"{idle:.0f} MB", f"{peak:.0f} MB", "yes" if peak < LIMIT_MB else "NO"])

print_table("One body, streamed in", ["form", "text", "time", "rows", "idle", "peak", f"under {LIMIT_MB} MB"], table)
figures["goal"] = {"gateway_mb_max": LIMIT_MB}
figures["met"] = all(figures[name]["gateway_mb"]["peak"] < LIMIT_MB for name in ("chunked", "zstd"))
record("stream_in", figures)
