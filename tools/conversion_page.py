#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/conversion.md: how JSON values become column values, with the table of differences from the engine's own reader, written from
tests/engine/conversion_rules.py. --check: is it fresh? Every line of the table is a test (tests/engine/test_conversion.py)."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "engine"))
import conversion_rules  # noqa: E402

PAGE = ROOT / "docs" / "conversion.md"

HEAD = """<!-- The table is written by tools/conversion_page.py from tests/engine/conversion_rules.py; edit those. -->
# How values become columns

A row is stored whole or goes whole into the quarantine of its data source, with a reason for each column that did not fit. Nothing is
wrapped, saturated or guessed: a value is stored as it was meant, or not at all. Kinglet converts itself and hands the engine typed
blocks; the engine's own JSON reader is more lenient, and sometimes wrong.

What both take is the same, bit for bit: `tests/engine/test_conversion.py` sends edge cases and random values of every type through both
({types} types; `KINGLET_CONVERSION_VALUES` sets how many) and refuses every difference that is not in the table below, every line of it
that no longer holds, and every example that is not as written.

| Column | Takes |
| --- | --- |
| Int, UInt | whole numbers in range, however written; 128 and 256 bits also as text; UInt8 also `true`, `false` |
| Float32, Float64, BFloat16 | numbers in range, rounded to the nearest float (BFloat16: cut) |
| Decimal | numbers and texts of numbers; digits behind the scale are cut; too many before the point are refused |
| Bool | `true`, `false`, 0, 1 |
| String, FixedString | texts; numbers and booleans as written; objects and arrays as compact JSON |
| Date, Date32 | `"2024-02-29"` |
| DateTime | `"2024-02-29 12:34:56"`, with `T`, fraction (cut), `Z` or offset; without an offset in the column's time zone, else UTC; whole epoch seconds |
| DateTime64(p) | the same with up to nine digits of fraction; a whole number is ticks, one with a fraction is seconds |
| UUID, IPv4, IPv6, Enum | their texts (IPv6 also an IPv4 address); Enum also a member's number |
| Time, Time64(p) | `"12:34:56"`, up to 999 hours, with sign and fraction |
| Nullable | NULL for `null` and for a missing key |
| Array, Map, Tuple, Nested, Point | arrays and objects whose every element fits; Nested is an array of objects, which the engine's reader does not take |
| JSON | objects; integers from -2^63 to 2^64-1; typed paths as columns of their type |

A local time that occurs twice (the end of summer time) is the earlier one. Years after 2037 follow the rule of their zone.

## Where the engine's own reader (JSONEachRow, version 26.7) does otherwise

| Types | Value | Here | The engine | Why | For example |
| --- | --- | --- | --- | --- | --- |
"""


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return "`" + cell(text) + "`" if text else "empty"


def types_of(rule):
    """The families among all types of the tests that the rule is about."""
    import conversion_values
    kinds = list(dict.fromkeys(kind for kind, _, _ in conversion_values.cases(1, 0)))
    plain = [kind for kind in kinds if conversion_rules.bare(kind) == kind]
    families = list(dict.fromkeys(kind.split("(")[0] for kind in plain))
    covered = list(dict.fromkeys(kind.split("(")[0] for kind in plain if rule.types(kind)))
    return "all" if len(covered) >= len(families) - 1 else ", ".join(covered)


def page():
    import conversion_values
    out = HEAD.format(types=len({kind for kind, _, _ in conversion_values.cases(1, 0)}))
    for rule in conversion_rules.RULES:
        kind, text, here, engine = rule.examples[0]
        out += (f"| {cell(types_of(rule))} | {cell(rule.what)} | {cell(rule.here_does)} | {cell(rule.engine_does)} | {cell(rule.why)} | "
                f"{code(text)} into {code(kind)}: {code(here) if here != 'refused' else 'refused'}; {code(engine) if engine != 'refused' else 'refused'} |\n")
    out += """
Floats, texts and FixedStrings stand in the examples as the hexadecimal of their stored bytes, times as the stored number.
"""
    return out


def check():
    fresh = PAGE.exists() and PAGE.read_text() == page()
    return [] if fresh else ["docs/conversion.md is not what tests/engine/conversion_rules.py says; tools/conversion_page.py writes it"]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        problems = check()
        print("\n".join(problems))
        sys.exit(bool(problems))
    PAGE.write_text(page())
