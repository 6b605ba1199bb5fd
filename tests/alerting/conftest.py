"""A real HTTP server on the loopback that keeps what it is sent."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr

from resources.settings import Settings


@dataclass
class Inbox:
    """What has arrived, oldest first; `status` is what the server answers with."""

    port: int
    status: int = 200
    received: list[dict[str, str]] = field(default_factory=list)
    password: str = "pass-no-one-knows"
    token: str = "T0k3n-of-the-hook"

    @property
    def url(self) -> str:
        return f"json://robot:{self.password}@127.0.0.1:{self.port}/{self.token}"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.received]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A service that takes messages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if kept.status == 200:
                kept.received.append({"title": body["title"], "body": body["message"]})
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Inbox(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def alerted(tmp_path: Path) -> Callable[..., Settings]:
    """Make settings whose alerts go to these addresses."""

    def make(*urls: str) -> Settings:
        given = SecretStr(" ".join(urls)) if urls else None
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return Settings(home=home, alert_urls=given, dagster_url="http://dagster.example")

    return make
