# SPDX-License-Identifier: Apache-2.0
"""Bytes to a server and what comes back: for requests that no client library would send."""
import json
import socket
import struct
import urllib.parse

PATIENCE_SECONDS = 30


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def error(self):
        return json.loads(self.body)["error"]

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Raw:
    """One connection. `url` is a server's; `source` another address of 127.0.0.0/8 to come from."""

    def __init__(self, url, source=None):
        at = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port), PATIENCE_SECONDS,
                                               source_address=(source, 0) if source else None)
        self.received = b""
        self.closed = False

    def send(self, *pieces):
        """False when the server takes no more."""
        try:
            for piece in pieces:
                self.socket.sendall(piece if isinstance(piece, bytes) else piece.encode())
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    def receive(self):
        """More bytes; False at the end. Raises when nothing comes for a long time."""
        if self.closed:
            return False
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            more = b""
        self.received += more
        self.closed = self.closed or not more
        return bool(more)

    def rest(self):
        """Everything up to the end of the connection."""
        while self.receive():
            pass
        return self.received

    def reply(self, to_head=False):
        """The next reply; None when the connection ends before it is whole."""
        while b"\r\n\r\n" not in self.received:
            if not self.receive():
                return None
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        if 100 <= status < 200:
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(self._line(), 16)
                body += self._bytes(size)
                self._line()
                if size == 0:
                    return Reply(status, headers, body)
        size = 0 if to_head or status in (204, 304) else int(headers.get("content-length", 0))
        return Reply(status, headers, self._bytes(size))

    def replies(self):
        """All replies up to the end of the connection."""
        found = []
        while (one := self.reply()) is not None:
            found.append(one)
        return found

    def _line(self):
        while b"\r\n" not in self.received:
            assert self.receive(), "the reply is cut"
        line, self.received = self.received.split(b"\r\n", 1)
        return line

    def _bytes(self, size):
        while len(self.received) < size:
            assert self.receive(), "the reply is cut"
        body, self.received = self.received[:size], self.received[size:]
        return body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def exchange(url, *pieces):
    """All replies to these bytes, for connections that the server closes."""
    with Raw(url) as raw:
        raw.send(*pieces)
        return raw.replies()


def append_head(ws, name, *headers, **query):
    """The head of an append without its framing and the empty line."""
    query = urllib.parse.urlencode({"name": name, **query})
    lines = [f"POST /v0/events?{query} HTTP/1.1", "Host: kinglet.test", f"Authorization: Bearer {ws.token}", *headers]
    return "\r\n".join(lines) + "\r\n"
