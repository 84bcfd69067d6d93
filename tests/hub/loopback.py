"""A Hub on loopback that speaks the protocol which its client speaks, with every fault on request."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

TOKEN = "hf_loopback"
LARGE = (".safetensors", ".gz", ".png")


@dataclass
class Repo:
    """Its commits, each a whole tree, and what its branches, tags and pull requests stand for."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    refs: dict[str, str] = field(default_factory=dict[str, str])
    tags: dict[str, str] = field(default_factory=dict[str, str])

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        oid = uuid4().hex + uuid4().hex[:8]
        self.commits[oid] = files
        self.refs[ref] = oid
        return oid

    def find(self, revision: str) -> str | None:
        oid = self.refs.get(revision) or self.tags.get(revision) or revision
        return oid if oid in self.commits else None


Answer = tuple[int, dict[str, str], bytes]


class Request(BaseHTTPRequestHandler):
    """One request; `hub.fault` sees it first and may answer it."""

    hub: "Hub"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append((self.command, self.path))
        if self.hub.fault is not None and self.hub.fault(self):
            return
        self.answer(*self.hub.answer(self.command, self.path, self.headers.get("Authorization"), body, self.headers))

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, *, size: int) -> None:
        """Promise `size` bytes, send fewer, and hang up."""
        self.answer(status, {"Content-Length": str(size)} | (headers or {}), body)
        self.close_connection = True

    def log_message(self, *args: object) -> None: ...


class Hub(ThreadingHTTPServer):
    """Repositories in memory."""

    daemon_threads = True

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.fault: Callable[[Request], bool] | None = None
        super().__init__(("127.0.0.1", 0), type("BoundRequest", (Request,), {"hub": self}))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, repo: str, files: dict[str, bytes], **options: Any) -> str:
        """A commit on the main branch; returns its hash."""
        return self.repos.setdefault(repo, Repo(**options)).commit(files)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error."""

    def answer(self, method: str, path: str, authorization: str | None, body: bytes, headers: Any) -> Answer:
        split = urlsplit(path)
        path, query = unquote(split.path), parse_qs(split.query)
        allowed = authorization == f"Bearer {TOKEN}"
        if authorization and not allowed:
            return error(401, "", "Invalid credentials in Authorization header")
        if method in ("POST", "PUT") and not path.startswith("/objects/") and not allowed:
            return error(401, "", "Invalid username or password.")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return validated(json.loads(body)["content"])
        if match := re.fullmatch("/objects/(.*)", path):
            self.objects[match[1]] = body
            return reply({})
        path = re.sub(r"^(?:/api)?/datasets/", "/datasets:", path)  # the name of a data set's repository
        match = re.match(r"(?:/api/models)?/([^/]+/[^/]+?)(?:\.git)?(?:/(.*))?$", path)
        repo = self.repos.get(match[1]) if match else None
        if repo is None or (repo.private and not allowed):
            return error(404 if allowed else 401, "RepoNotFound", "Repository not found")
        assert match is not None
        return self._of_repo(match[1], repo, match[2] or "", query, body, headers)

    def _create(self, asked: dict[str, Any]) -> Answer:
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.endpoint}/{name}"}
        if name in self.repos:
            return 409, {}, json.dumps(url | {"error": "You already created this model repo"}).encode()
        self.repos[name] = Repo(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        self.repos[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        return reply(url)

    def _of_repo(self, name: str, repo: Repo, rest: str, query: dict[str, Any], body: bytes, headers: Any) -> Answer:
        action, _, of = rest.partition("/")
        if rest == "refs":
            lists = {"branches": repo.refs, "tags": repo.tags, "converts": {}}
            return reply({kind: [ref(kind, *pair) for pair in each.items()] for kind, each in lists.items()})
        if rest == "info/lfs/objects/batch":
            objects = json.loads(body)["objects"]
            return reply({"objects": [self._upload(each["oid"], each["size"]) for each in objects]})
        if action == "preupload":
            files = [{"path": f["path"], "uploadMode": mode(f["path"])} for f in json.loads(body)["files"]]
            return reply({"files": [file | {"shouldIgnore": False} for file in files]})
        revision, _, file = (of or "main").partition("/")
        if revision == "refs":  # refs/pr/1
            pull, _, file = file.partition("/")[2].partition("/")
            revision = f"refs/pr/{pull}"
        oid = repo.find(revision)
        if oid is None:
            return error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if action == "resolve":
            return resolve(file, repo.commits[oid].get(file), oid, headers.get("Range"))
        if action == "commit":
            return self._commit(name, repo, oid, body, pull="create_pr" in query)
        if action == "tag":
            repo.tags[json.loads(body)["tag"]] = oid
            return reply({})
        if action == "tree":
            tree = repo.commits[oid].items()
            return reply([{"type": "file", "path": p, "size": len(c), "oid": git_hash(c)} for p, c in tree])
        return reply({"id": name, "sha": oid, "private": repo.private, "siblings": [], "tags": [], "downloads": 0})

    def _upload(self, oid: str, size: int) -> dict[str, Any]:
        upload = {"upload": {"href": f"{self.endpoint}/objects/{oid}"}}
        return {"oid": oid, "size": size} | ({} if oid in self.objects else {"actions": upload})

    def _commit(self, name: str, repo: Repo, parent: str, body: bytes, *, pull: bool) -> Answer:
        files = dict(repo.commits[parent])
        for line in body.splitlines():
            match json.loads(line):
                case {"key": "file", "value": value}:
                    files[value["path"]] = base64.b64decode(value["content"])
                case {"key": "lfsFile", "value": value}:
                    files[value["path"]] = self.objects[value["oid"]]
                case {"key": "deletedFile", "value": value}:
                    del files[value["path"]]
                case _:
                    pass
        number = 1 + sum(ref.startswith("refs/pr/") for ref in repo.refs)
        oid = repo.commit(files, f"refs/pr/{number}" if pull else "main")
        page = f"{self.endpoint}/{name.replace(':', '/')}"
        said = {"commitOid": oid, "commitUrl": f"{page}/commit/{oid}"}
        return reply(said | ({"pullRequestUrl": f"{page}/discussions/{number}"} if pull else {}))


def resolve(path: str, content: bytes | None, commit: str, byte_range: str | None) -> Answer:
    """A file, or the part of it that is asked for, with the headers that the client goes by."""
    if content is None:
        return error(404, "EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
    headers = {"X-Repo-Commit": commit, "ETag": f'"{git_hash(content)}"', "Accept-Ranges": "bytes"}
    if path.endswith(LARGE):
        headers |= {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
    if byte_range:
        first = int(byte_range.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        return 206, headers, content[first:]
    return 200, headers, content


def validated(card: str) -> Answer:
    """What the Hub finds in a card's metadata."""
    errors = [{"message": '"license" must be one of [apache-2.0, mit]'}] if "license: nonsense" in card else []
    warnings = [] if "license:" in card else [{"message": "empty or missing license"}]
    return 400 if errors else 200, {}, json.dumps({"errors": errors, "warnings": warnings}).encode()


def mode(path: str) -> str:
    return "lfs" if path.endswith(LARGE) else "regular"


def ref(kind: str, name: str, oid: str) -> dict[str, str]:
    return {"name": name, "ref": f"refs/{'heads' if kind == 'branches' else 'tags'}/{name}", "targetCommit": oid}


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()


def reply(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps({"error": message}).encode()
    return status, {"X-Error-Code": code, "X-Error-Message": message} | (headers or {}), body


@contextmanager
def running() -> Generator[Hub]:
    """A Hub that answers until the end."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
