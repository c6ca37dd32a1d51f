"""A small server that speaks the file API of the Hugging Face Hub."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLDER_COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@dataclass
class HubRepository:
    """A dataset on the server; `files` by revision, `trouble` by path.

    Troubles of a file: "short" announces more than it sends, "damaged" sends other bytes,
    "interrupted" breaks off the first time.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    older_files: dict[str, bytes] = field(default_factory=dict)
    access: str = "open"
    lfs: frozenset[str] = frozenset()
    trouble: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return commit and files of a revision."""
        if revision in ("main", COMMIT):
            return COMMIT, self.files
        if revision in ("v1", OLDER_COMMIT):
            return OLDER_COMMIT, self.older_files
        return None


@dataclass
class HubServer:
    """Where the server listens, what it holds, and what it was asked."""

    endpoint: str
    repositories: dict[str, HubRepository]
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    broken: bool = False
    created: list[dict[str, object]] = field(default_factory=list)

    def paths(self, method: str) -> list[str]:
        """Return the paths that were asked for with a method."""
        return [path for asked, path, _ in self.requests if asked == method]


@contextmanager
def hub_server(repositories: dict[str, HubRepository]) -> Iterator[HubServer]:
    """Serve repositories on a free port of this machine until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = HubServer(f"http://127.0.0.1:{server.server_port}", repositories)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _entry(path: str, content: bytes, is_lfs: bool) -> dict[str, object]:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git}
    if is_lfs:
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    @property
    def hub(self) -> HubServer:
        return self.server.hub  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        """Take what a client writes: a new repository, or the files of a commit as they are."""
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.hub.requests.append(("POST", path, self.headers.get("authorization")))
        parts = path.removeprefix("/api/").split("/")
        if parts[0] == "validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif self.headers.get("authorization") != "Bearer good":
            self._refuse(HTTPStatus.FORBIDDEN, "Forbidden")
        elif parts[:2] == ["repos", "create"]:
            self._create(json.loads(body))
        elif parts[3] == "preupload":
            asked = json.loads(body)["files"]
            files = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for f in asked]  # fmt: skip
            self._send_json({"files": files})
        else:
            self._commit("/".join(parts[1:3]), body)

    def _create(self, asked: dict[str, object]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        page = {"url": f"{self.hub.endpoint}/datasets/{name}", "name": name}
        if name in self.hub.repositories:
            self._send_json(page, HTTPStatus.CONFLICT)
            return
        self.hub.created.append(asked)
        self.hub.repositories[name] = HubRepository()
        self._send_json(page)

    def _commit(self, name: str, body: bytes) -> None:
        files = self.hub.repositories[name].files
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        page = f"{self.hub.endpoint}/datasets/{name}/commit/{COMMIT}"
        self._send_json({"commitUrl": page, "commitOid": COMMIT})

    def _send_json(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        headers = {"Content-Type": "application/json"}
        self._send(status, json.dumps(content).encode(), headers)

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = self.headers.get("authorization")
        self.hub.requests.append((self.command, path, token))
        if self.hub.broken:
            self._send(HTTPStatus.NOT_FOUND, b"", {})
            return
        parts = path.removeprefix("/api").strip("/").split("/")
        repository = self.hub.repositories.get("/".join(parts[1:3]))
        if repository is None or (repository.access == "private" and token != "Bearer good"):
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound")
        elif path.startswith("/api/"):
            self._describe(repository, parts[3:])
        else:
            self._send_file(repository, parts[4], "/".join(parts[5:]), token)

    def _describe(self, repository: HubRepository, rest: list[str]) -> None:
        found = repository.at(rest[1] if rest else "main")
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
            return
        commit, files = found
        content: object = {"id": "org/name", "sha": commit, "siblings": []}
        if rest and rest[0] == "tree":
            content = [_entry(path, data, path in repository.lfs) for path, data in files.items()]
        headers = {"Content-Type": "application/json"}
        self._send(HTTPStatus.OK, json.dumps(content).encode(), headers)

    def _send_file(
        self, repository: HubRepository, revision: str, path: str, token: str | None
    ) -> None:
        commit, files = repository.at(revision) or ("", {})
        if repository.access == "gated" and token != "Bearer good":
            self._refuse(HTTPStatus.FORBIDDEN, "GatedRepo")
            return
        if path not in files:
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound")
            return
        content = files[path]
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        trouble = repository.trouble.get(path, "")
        if trouble == "interrupted" and self.command == "GET":
            del repository.trouble[path]
        self._send_content(trouble, content, headers)

    def _send_content(self, trouble: str, content: bytes, headers: dict[str, str]) -> None:
        begin = int(self.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        status = HTTPStatus.PARTIAL_CONTENT if begin else HTTPStatus.OK
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if self.command == "HEAD" or not trouble:
            self._send(status, content[begin:], headers)
        elif trouble == "short":
            self._send(status, content[: len(content) // 2], headers)
        elif trouble == "damaged":
            self._send(status, content[:-1] + bytes([content[-1] ^ 1]), headers)
        elif trouble == "interrupted":
            self._send(status, content[begin:-9], headers | {"Content-Length": str(len(content))})
            self.close_connection = True

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
