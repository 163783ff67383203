# SPDX-License-Identifier: Apache-2.0
"""Our parser and resolver against the engine's own (attacks.md S16, S17): every query that we accept means the same there.

sql_differential makes the queries and compares; this file lends it the engine. KINGLET_SQL_QUERIES sets how many.
"""
import ctypes
import json
import os
import pathlib
import struct
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("KINGLET_BIN_DIR") or ROOT / "build" / "bin") / "sql_differential"
QUERIES = int(os.environ.get("KINGLET_SQL_QUERIES", "20000"))
SEED = int(os.environ.get("KINGLET_SQL_SEED", "1"))
P = ctypes.c_void_p


def libchdb():
    cache = pathlib.Path(os.environ.get("KINGLET_CACHE") or pathlib.Path.home() / ".cache" / "kinglet")
    found = sorted(cache.glob("libchdb-*/**/libchdb.so"))
    if not found:
        pytest.skip(f"no libchdb in {cache}: ./dev test fetches it")
    return found[-1]


class Engine:
    """libchdb in this process, one connection."""

    def __init__(self, path):
        lib = self.lib = ctypes.CDLL(str(path))
        lib.chdb_connect.restype = ctypes.POINTER(P)
        lib.chdb_connect.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
        lib.chdb_query_n.restype = P
        lib.chdb_query_n.argtypes = [P, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        lib.chdb_result_buffer.restype = P
        lib.chdb_result_buffer.argtypes = [P]
        lib.chdb_result_length.restype = ctypes.c_size_t
        lib.chdb_result_length.argtypes = [P]
        lib.chdb_result_error.restype = ctypes.c_char_p
        lib.chdb_result_error.argtypes = [P]
        lib.chdb_destroy_query_result.argtypes = [P]
        arguments = [b"clickhouse", b"--implicit_select=0", b"--max_execution_time=30", b"--max_memory_usage=500000000",
                     b"--max_threads=1", b"--max_query_size=1048576"]
        self.connection = lib.chdb_connect(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))

    def run(self, sql):
        """(failed, text)"""
        lib = self.lib
        result = lib.chdb_query_n(self.connection[0], sql, len(sql), b"TSVRaw", 6)
        error = lib.chdb_result_error(result)
        size = lib.chdb_result_length(result)
        text = error if error else ctypes.string_at(lib.chdb_result_buffer(result), size) if size else b""
        lib.chdb_destroy_query_result(result)
        return bool(error), text


def serve(program, engine):
    """Answers the program's questions; returns its report."""
    def number():
        return struct.unpack("<I", program.stdout.read(4))[0]

    while count := number():
        texts = [program.stdout.read(number()) for _ in range(count)]
        for text in texts:
            failed, answer = engine.run(text)
            program.stdin.write(struct.pack("<?I", failed, len(answer)) + answer)
        program.stdin.flush()
    return program.stdout.read()


def main(report_path):
    """In a process of its own: libchdb takes over signals and standard input."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    engine = Engine(libchdb())
    program = subprocess.Popen([str(PROGRAM), str(SEED), str(QUERIES)], cwd=ROOT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    report = serve(program, engine)
    program.stdin.close()
    pathlib.Path(report_path).write_bytes(report)
    os._exit(program.wait())  # the engine's threads are not waited for


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    libchdb()
    path = tmp_path_factory.mktemp("sql") / "report.json"
    subprocess.run([sys.executable, __file__, str(path)], check=True, timeout=60 + QUERIES / 50)
    return json.loads(path.read_text(errors="replace"))


def shown(findings, kinds):
    return "\n\n".join(f"{f['kind']}: {f['detail']}\n  query:   {f['source']!r}\n  printed: {f['printed']!r}"
                       for f in findings if f["kind"] in kinds)


def test_enough_is_compared(report):
    print({k: v for k, v in report.items() if k not in ("findings", "looser")})
    assert report["compared"] >= QUERIES
    assert report["same_meaning"] > QUERIES / 8
    assert report["query_trees"] > QUERIES / 200


def test_the_engine_finds_what_we_found(report):
    kinds = ("setup", "disagreement", "round trip")
    assert not sum(report["counts"].get(k, 0) for k in kinds), shown(report["findings"], kinds)


def test_the_engine_reads_what_we_print(report):
    kinds = ("engine refuses", "engine refuses print")
    assert not sum(report["counts"].get(k, 0) for k in kinds), shown(report["findings"], kinds)


def test_what_we_print_means_what_was_written(report):
    kinds = ("other meaning",)
    assert not report["counts"].get(kinds[0], 0), shown(report["findings"], kinds)


def test_nothing_hidden_shows_after_analysis(report):
    """APPLY and functions passed by name are seen only in the query tree."""
    kinds = ("function after analysis", "table after analysis")
    assert not sum(report["counts"].get(k, 0) for k in kinds), shown(report["findings"], kinds)


if __name__ == "__main__":
    main(sys.argv[1])
