#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our printed SQL with its source in the engine's own parser (EXPLAIN AST). Run by hand at engine upgrades:

  KINGLET_SQL_PAIRS=pairs.tsv build/bin/sql_test --gtest_filter=Parser.WritesPairsForTheEngine
  tools/compare_sql_trees.py LIBCHDB.so pairs.tsv

Prints each pair whose trees differ, what we refuse and the engine accepts, and the reverse; exits 1 if trees differ.
"""
import ctypes
import os
import re
import sys

P = ctypes.c_void_p


def load(path):
    lib = ctypes.CDLL(path)
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
    return lib


def tree(lib, conn, sql):
    """The engine's tree of a query, or an error. Texts that start with FROM are read as an alias by EXPLAIN: wrap all."""
    text = f"EXPLAIN AST SELECT * FROM (\n{sql}\n)".encode()
    result = lib.chdb_query_n(conn[0], text, len(text), b"TSVRaw", 6)
    error = lib.chdb_result_error(result)
    size = lib.chdb_result_length(result)
    out = ctypes.string_at(lib.chdb_result_buffer(result), size).decode("utf-8", "replace") if size else ""
    lib.chdb_destroy_query_result(result)
    if error:
        return None, error.decode("utf-8", "replace")[:150]
    # The text of literals before `::` keeps the user's blanks; nothing else does.
    return re.sub(r"(Literal \\?')([\[(].*)$", lambda m: m[1] + m[2].replace(" ", ""), out, flags=re.M), None


def main():
    lib = load(os.path.realpath(sys.argv[1]))
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)  # the engine reads its standard input
    arguments = [b"clickhouse", b"--implicit_select=0"]
    conn = lib.chdb_connect(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))
    same = different = stricter = looser = 0
    for line in open(sys.argv[2], encoding="utf-8"):
        source, ours = line.rstrip("\n").split("\t")
        ours = ours.replace("\x02", "\n").replace("\x03", "\t")
        source = source.replace("\\n", "\n").rstrip(";")
        theirs, error = tree(lib, conn, source)
        if ours.startswith("refused: "):
            if theirs is not None:
                stricter += 1
                print(f"STRICTER {source}\n    {ours}")
            continue
        if theirs is None:
            if "FORMAT" in source or "SETTINGS" in source:
                continue
            looser += 1
            print(f"LOOSER   {source}\n    {error}")
            continue
        mine, error = tree(lib, conn, ours)
        if mine == theirs:
            same += 1
            continue
        different += 1
        print(f"DIFFERS  {source}\n    {ours}\n    {error or ''}")
        if mine:
            left, right = theirs.split("\n"), mine.split("\n")
            for a, b in zip(left + [""] * 99, right):
                if a != b:
                    print(f"    engine: {a.strip()}\n    ours:   {b.strip()}")
                    break
    print(f"{same} equal, {different} different, {stricter} refused by us only, {looser} accepted by us only")
    sys.stdout.flush()
    os._exit(1 if different else 0)


main()
