# SPDX-License-Identifier: Apache-2.0
"""The engine alone: libchdb in this process, its streaming insert and nothing else. Commands are JSON lines on standard input.

{"sql": …}                                                            runs a statement
{"insert": "INSERT INTO …", "format": …, "bodies": […], "inserts": N, "streams": S}   N inserts in all, each of the bytes of one body,
                                                                      on S connections; answers wall and CPU seconds
"""
import ctypes
import json
import os
import pathlib
import resource
import sys
import threading
import time

os.environ.setdefault("KINGLET_CACHE", str(pathlib.Path.home() / ".cache" / "kinglet"))
# The engine would read rows from standard input: it gets /dev/null, and the commands come from a copy.
commands = os.fdopen(os.dup(0))
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
P = ctypes.c_void_p


class Engine:
    def __init__(self, folder):
        path = sorted(pathlib.Path(os.environ["KINGLET_CACHE"]).glob("libchdb-*/**/libchdb.so"))[-1]
        lib = self.lib = ctypes.CDLL(str(path))
        lib.chdb_set_signal_handlers_enabled(0)
        for name, result, arguments in (
                ("chdb_connect", ctypes.POINTER(P), [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]),
                ("chdb_query_n", P, [P, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]),
                ("chdb_result_buffer", P, [P]), ("chdb_result_length", ctypes.c_size_t, [P]),
                ("chdb_result_error", ctypes.c_char_p, [P]), ("chdb_destroy_query_result", None, [P]),
                ("chdb_stream_insert_n", P, [P, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]),
                ("chdb_stream_append", ctypes.c_int, [P, ctypes.c_char_p, ctypes.c_size_t]),
                ("chdb_stream_insert_error", ctypes.c_char_p, [P]),
                ("chdb_stream_done", P, [P]), ("chdb_destroy_insert_stream", None, [P])):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        self.arguments = [b"clickhouse", b"--path=" + folder.encode()]
        self.connections = []

    def connection(self, number):
        while len(self.connections) <= number:
            made = self.lib.chdb_connect(len(self.arguments), (ctypes.c_char_p * len(self.arguments))(*self.arguments))
            if not made or not made[0]:
                raise RuntimeError("libchdb did not open its folder")
            self.connections.append(made)
        return self.connections[number][0]

    def sql(self, text):
        lib, text = self.lib, text.encode()
        result = lib.chdb_query_n(self.connection(0), text, len(text), b"TSVRaw", 6)
        try:
            error = lib.chdb_result_error(result)
            if error:
                raise RuntimeError(error.decode(errors="replace"))
            size = lib.chdb_result_length(result)
            return ctypes.string_at(lib.chdb_result_buffer(result), size).decode() if size else ""
        finally:
            lib.chdb_destroy_query_result(result)

    def insert(self, connection, statement, form, body):
        lib = self.lib
        stream = lib.chdb_stream_insert_n(connection, statement, len(statement), form, len(form))
        result = None
        try:
            # 1 MiB at a time, as a client would stream it.
            for at in range(0, len(body), 1 << 20):
                if lib.chdb_stream_append(stream, body[at:at + (1 << 20)], min(1 << 20, len(body) - at)):
                    raise RuntimeError((lib.chdb_stream_insert_error(stream) or b"?").decode(errors="replace"))
            result = lib.chdb_stream_done(stream)
            error = lib.chdb_result_error(result)
            if error:
                raise RuntimeError(error.decode(errors="replace"))
        finally:
            if result:
                lib.chdb_destroy_query_result(result)
            lib.chdb_destroy_insert_stream(stream)


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_inserts(engine, command):
    bodies = [pathlib.Path(path).read_bytes() for path in command["bodies"]]
    statement, form = command["insert"].encode(), command["format"].encode()
    count, streams, faults = command["inserts"], command.get("streams", 1), []
    for number in range(streams):
        engine.connection(number)

    def work(number):
        try:
            for i in range(number, count, streams):
                engine.insert(engine.connection(number), statement, form, bodies[i % len(bodies)])
        except RuntimeError as error:
            faults.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(streams)]
    begun, before = time.monotonic(), cpu()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(faults[0])
    return {"seconds": time.monotonic() - begun, "cpu_seconds": cpu() - before}


def main():
    engine = Engine(sys.argv[1])
    for line in commands:
        command = json.loads(line)
        try:
            answer = run_inserts(engine, command) if "insert" in command else {"text": engine.sql(command["sql"])}
        except RuntimeError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)
    os._exit(0)  # leaving with open connections crashes libchdb


main()
