# SPDX-License-Identifier: Apache-2.0
"""Our conversion of JSON values against the engine's own JSONEachRow reader, for every type (attacks.md I3, I4, I5, I6).

The same rows go through src/rows (the program rows_convert, whose Native block the engine stores as it stores those of the server) and
through the engine's reader. What both take must be the same value, bit for bit; what they differ in must be one of the differences
of conversion_rules.py, which docs/conversion.md lists. KINGLET_CONVERSION_VALUES sets how many random values each type gets."""
import collections
import json
import os
import re
import subprocess

import pytest

import conversion_rules
import conversion_values
from conftest import BINARY

PROGRAM = BINARY.parent / "rows_convert"
REFUSED = conversion_rules.REFUSED
COUNT = int(os.environ.get("KINGLET_CONVERSION_VALUES", "120"))
SEED = int(os.environ.get("KINGLET_CONVERSION_SEED", "1"))
CASES = conversion_values.cases(SEED, COUNT)


class Pairs(list):
    """An object with its keys in order, also those that stand twice."""


def shown(value):
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {shown(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


class Reader:
    """Both ways into one engine, and out of it again as text."""

    def __init__(self, engine):
        self.engine = engine

    def ours(self, kind, raw, texts):
        """[stored text or REFUSED] for each JSON text."""
        self.engine.ok(f"CREATE OR REPLACE TABLE ws_a.ours (n UInt32, v {kind}) ENGINE = Memory")
        rows = "".join(f'{{"n":{n},"v":{text}}}\n' for n, text in enumerate(texts))
        done = subprocess.run([str(PROGRAM), kind], input=rows.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        reasons, block = done.stdout.split(b"\n", 1)
        if block:
            reply = self.engine.insert("INSERT INTO ws_a.ours", block, input_format_try_infer_dates=0, input_format_try_infer_datetimes=0)
            assert reply.status == 200, f"{kind}: the engine refuses our block: {reply.text}"
        self.reasons = {int(n): why for n, why in json.loads(reasons).items()}
        return self.stored("ours", raw, len(texts))

    def engines(self, kind, raw, texts):
        # An array of objects is no Nested to its reader, but it is an Array(Tuple).
        kind = re.sub(r"^Nested\((.*)\)$", r"Array(Tuple(\1))", kind)
        self.engine.ok(f"CREATE OR REPLACE TABLE ws_a.theirs (n UInt32, v {kind}) ENGINE = Memory")
        # A row that it skips may leave half of a Nullable(Decimal) behind, and later values move to other rows: one by one there.
        self.insert([f'{{"n":{n},"v":{text}}}\n' for n, text in enumerate(texts)], skipping=not kind.startswith("Nullable(Decimal"))
        return self.stored("theirs", raw, len(texts))

    def insert(self, rows, skipping):
        """The rows that the reader takes; what it does not skip by itself is found by halving."""
        errors = {"input_format_allow_errors_num": len(rows) + 1, "input_format_allow_errors_ratio": 1} if skipping else {}
        reply = self.engine.insert("INSERT INTO ws_a.theirs FORMAT JSONEachRow", "".join(rows).encode(), input_format_try_infer_dates=0,
                                   input_format_try_infer_datetimes=0, input_format_parallel_parsing=0, **errors)
        if reply.status == 200 or len(rows) == 1:
            return
        self.insert(rows[:len(rows) // 2], skipping)
        self.insert(rows[len(rows) // 2:], skipping)

    def stored(self, table, raw, count):
        out = [REFUSED] * count
        text = self.engine.ok(f"SELECT n, {raw.format(v='v')} AS v FROM ws_a.{table} ORDER BY n FORMAT JSONCompactEachRow",
                              output_format_json_quote_denormals=1, output_format_json_quote_decimals=1, output_format_json_quote_64bit_integers=1,
                              output_format_json_escape_forward_slashes=0)
        for line in text.splitlines():
            n, value = json.loads(line, object_pairs_hook=Pairs)
            assert out[n] is REFUSED, f"{table}: row {n} is stored twice"
            out[n] = value if isinstance(value, str) else shown(value)
        return out


@pytest.fixture(scope="module")
def reader(store):
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    return Reader(store)


used = collections.Counter()
RAW = {kind: raw for kind, raw, _ in CASES}


@pytest.mark.parametrize("kind,raw,texts", CASES, ids=[case[0] for case in CASES])
def test_values_are_what_the_engine_makes_of_them(reader, kind, raw, texts):
    ours, theirs = reader.ours(kind, raw, texts), reader.engines(kind, raw, texts)
    unknown = []
    for text, here, engine in zip(texts, ours, theirs):
        if here == engine:
            continue
        rule = conversion_rules.find(kind, text, here, engine)
        if rule is None:
            unknown.append(f"  {text}: here {here}, engine {engine}")
        else:
            used[rule.name] += 1
    assert not unknown, f"{len(unknown)} differences of {kind} that no rule explains:\n" + "\n".join(unknown[:400])
    assert sum(value != REFUSED for value in ours) >= 5, "hardly any value was taken: the generator is wrong"


EXAMPLES = [(rule.name, *example) for rule in conversion_rules.RULES for example in rule.examples]


@pytest.mark.parametrize("name,kind,text,here,engine", EXAMPLES, ids=[f"{name}: {text} into {kind}" for name, kind, text, _, _ in EXAMPLES])
def test_documented_differences_are_as_documented(reader, name, kind, text, here, engine):
    raw = RAW.get(kind) or next((raw for known, raw, _ in CASES if known.split("(")[0] == kind.split("(")[0]), "{v}")
    assert (reader.ours(kind, raw, [text]), reader.engines(kind, raw, [text])) == ([here], [engine])
    assert conversion_rules.find(kind, text, here, engine).name == name


def test_every_rule_is_met():
    """After the others: a rule that explains nothing is out of date."""
    if not used:
        pytest.skip("needs the other tests of this file")
    assert not [rule.name for rule in conversion_rules.RULES if not used[rule.name]]
