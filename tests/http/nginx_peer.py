# SPDX-License-Identifier: Apache-2.0
"""A real nginx (package nginx-light): a plain server, and a proxy in front of a Kinglet."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

CONFIG = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
  access_log off; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0; client_header_timeout 2s; client_body_timeout 2s;
  upstream kinglet {{ server {upstream}; keepalive 8; }}
  server {{ listen 127.0.0.1:{plain}; location / {{ return 200 "$request_method $request_uri"; }} }}
  server {{
    listen 127.0.0.1:{proxy};
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
    location / {{ proxy_pass http://kinglet; }}
    location /tokens {{ return 403 "not through this door"; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """`plain` answers every request itself; `proxy` passes all but /tokens to the Kinglet at `upstream` (host:port)."""

    def __init__(self, upstream):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            assert not os.environ.get("CI"), "nginx (package nginx-light) is missing"
            pytest.skip("nginx (package nginx-light) is missing")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kinglet-nginx-"))
        plain, proxy = free_port(), free_port()
        (self.folder / "nginx.conf").write_text(CONFIG.format(folder=self.folder, plain=plain, proxy=proxy, upstream=upstream))
        self.plain, self.proxy = f"http://127.0.0.1:{plain}", f"http://127.0.0.1:{proxy}"
        self.process = subprocess.Popen([program, "-c", self.folder / "nginx.conf", "-p", self.folder, "-e", self.folder / "error.log"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        for port in (plain, proxy):
            while True:
                assert self.process.poll() is None, (self.folder / "error.log").read_text()
                assert time.monotonic() < end, "nginx does not listen"
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.01)  # sleep: between two looks

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
