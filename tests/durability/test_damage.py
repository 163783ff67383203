# SPDX-License-Identifier: Apache-2.0
"""A spool whose bytes are not what was written: the server starts, stores what is whole, says what it found, replays no rubbish (R4)."""
import os

import pytest

from .checker import assert_holds
from .history import Mix, generator
from .load import Load, at_new_address, failed_folder, health, wait_until_stored, workspace_of

REQUESTS, ROWS = 40, 10


def used(segment):
    """The size without the zeros that are reserved behind the last record."""
    return len(segment.read_bytes().rstrip(b"\0"))


@pytest.fixture
def killed(start_server):
    """A killed server with REQUESTS requests in one segment of its spool, sent one after the other, and their history."""
    server = start_server(flags=["--flush-interval-ms", "600000"])
    ws = workspace_of(server)
    load = Load(ws, REQUESTS, Mix(ROWS), connections=1)
    load.join()
    server.kill()
    server.flags = ["--flush-interval-ms", "50"]
    # The next segment may have been made ahead; it holds nothing yet.
    segment, *others = sorted((server.folder / "db" / "spool").glob("*.segment"), key=used, reverse=True)
    assert all(used(other) <= 64 for other in others)
    return server, ws, segment, load.history


def requests_stored(ws, history):
    """Which requests are in the table; each must be whole, and the views equal."""
    for request in history.requests.values():
        request.state = "unanswered"  # its bytes may be gone; then it is not there at all
    assert_holds(ws, history, set_aside=True)
    return sorted(r for r, in ws.rows("SELECT DISTINCT request AS r FROM events FORMAT JSON"))


def test_r4_an_untouched_spool_is_stored_whole(killed):
    server, ws, _, history = killed
    server.start()
    wait_until_stored(server)
    assert requests_stored(ws, history) == list(range(REQUESTS))


@pytest.mark.parametrize("cut", [1, 100, 700])
def test_r4_a_torn_tail_is_cut_off_and_told(killed, cut):
    """The last write did not finish: what stands before is stored."""
    server, ws, segment, history = killed
    with open(segment, "r+b") as file:
        file.truncate(used(segment) - cut)
    server.start()
    wait_until_stored(server)
    stored = requests_stored(ws, history)
    assert stored == list(range(len(stored))) and REQUESTS - 3 <= len(stored) < REQUESTS, stored
    assert "a write to the spool did not finish" in server.log_text()
    assert health(server)["status"] == "ready"


def flip(segment, at):
    with open(segment, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


def test_r4_a_bit_flipped_in_the_tail(killed):
    server, ws, segment, history = killed
    flip(segment, used(segment) - 20)
    server.start()
    wait_until_stored(server)
    assert requests_stored(ws, history) == list(range(REQUESTS - 1))
    assert "a write to the spool did not finish" in server.log_text()


def test_r4_a_bit_flipped_in_the_middle_keeps_the_file_for_a_person(killed):
    server, ws, segment, history = killed
    flip(segment, used(segment) // 2)
    server.start()
    wait_until_stored(server)
    stored = requests_stored(ws, history)
    assert stored == list(range(len(stored))) and REQUESTS * 0.3 < len(stored) < REQUESTS * 0.7, stored
    assert "a spool segment is damaged" in server.log_text()
    kept = failed_folder(server) / segment.name
    assert kept.exists() and not segment.exists()
    assert at_new_address(ws).events("events", [{"request": 1000, "n": 0, "bucket": "b", "value": 1}]).status_code == 200


def test_r4_a_file_that_is_no_segment(killed):
    server, ws, segment, history = killed
    segment.with_name("00000000000000ff.segment").write_bytes(os.urandom(10_000))
    server.start()
    wait_until_stored(server)
    assert (failed_folder(server) / "00000000000000ff.segment").exists()
    assert requests_stored(ws, history) == list(range(REQUESTS))


def test_r4_bits_flipped_at_random_never_stop_a_start(killed):
    """Sixteen flipped bits: the server starts, takes rows, and has stored no request in part."""
    random = generator(4)
    server, ws, segment, history = killed
    for _ in range(16):
        flip(segment, random.randrange(64, used(segment)))
    server.start()
    wait_until_stored(server)
    stored = requests_stored(ws, history)
    assert stored == list(range(len(stored)))
    assert at_new_address(ws).events("events", [{"request": 1000, "n": 0, "bucket": "b", "value": 1}]).status_code == 200


def crc32c(data):
    """CRC-32C (RFC 3720 B.4), bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize("version", [0, 2])
def test_r4_a_segment_of_another_version_is_refused_and_left_alone(killed, version):
    """The server says so and starts not at all: nothing of the folder changes, and the right version starts as before."""
    server, ws, segment, history = killed
    whole = segment.read_bytes()
    head = bytearray(whole[:64])
    assert int.from_bytes(head[60:], "little") == crc32c(head[:60]), "docs/formats/spool.md"
    ours, head[8] = head[8], version
    assert ours != version
    head[60:] = crc32c(head[:60]).to_bytes(4, "little")
    other = bytes(head) + whole[64:]
    segment.write_bytes(other)
    names = sorted(f.name for f in segment.parent.iterdir())
    with pytest.raises(AssertionError, match=r"the server ended with 1:(.|\n)*version"):
        server.start()
    assert segment.read_bytes() == other and sorted(f.name for f in segment.parent.iterdir()) == names
    segment.write_bytes(whole)
    server.start()
    wait_until_stored(server)
    assert requests_stored(ws, history) == list(range(REQUESTS))
