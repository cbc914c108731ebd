"A hub on this machine: the few calls of huggingface_hub that publishing and loading a run need."

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class LocalHub:
    "Repositories as `{(kind, name): {path: bytes}}`, the requests that came as `(method, path)`, and what was asked."

    def __init__(self):
        self.repositories: dict[tuple[str, str], dict[str, bytes]] = {}
        self.created: list[dict] = []
        self.requests: list[tuple[str, str]] = []
        self.large: dict[str, bytes] = {}  # by SHA-256
        self.address = ""

    @contextmanager
    def serving(self):
        handler = type("Handler", (_Handler,), {"hub": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try: yield self
        finally: server.shutdown()

    def commit(self, kind: str, name: str) -> str:
        "An id of what the repository holds."
        files = self.repositories[kind, name]
        return hashlib.sha1(b"".join(path.encode() + files[path] for path in sorted(files))).hexdigest()

    def environment(self, home) -> dict[str, str]:
        "For a process that is to know no other hub."
        return {"HF_ENDPOINT": self.address, "HF_HOME": str(home), "HF_TOKEN": "hf_test", "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args): pass

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self._path()
        if path == "/api/repos/create":
            asked = json.loads(content)
            self.hub.created.append(asked)
            kind, name = asked.get("type", "model"), f"{asked['organization']}/{asked['name']}"
            self.hub.repositories.setdefault((kind, name), {})
            return self._json({"url": f"{self.hub.address}/{'spaces/' if kind == 'space' else ''}{name}"})
        if path == "/api/validate-yaml": return self._json({"errors": [], "warnings": []})
        if found := re.fullmatch(r"/api/(model|space)s/(.+/.+)/preupload/main", path):
            files = [{"path": each["path"], "shouldIgnore": False,
                      "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular"}
                     for each in json.loads(content)["files"]]
            return self._json({"files": files})
        if path.endswith("/info/lfs/objects/batch"):
            objects = [{**each, "actions": {"upload": {"href": f"{self.hub.address}/large/{each['oid']}"}}}
                       for each in json.loads(content)["objects"]]
            return self._json({"transfer": "basic", "objects": objects})
        if found := re.fullmatch(r"/api/(model|space)s/(.+/.+)/commit/main", path):
            return self._commit(*found.groups(), [json.loads(line) for line in content.splitlines()])
        return self._json({"error": "not found"}, 404)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self._path().rsplit("/", 1)[1]
        if hashlib.sha256(content).hexdigest() != oid: return self._json({"error": "another file"}, 400)
        self.hub.large[oid] = content
        return self._json({})

    def do_GET(self):
        path = self._path()
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            name, revision = found.groups()
            if not self._has(name, revision): return self._missing()
            return self._json({"id": name, "sha": self.hub.commit("model", name), "private": False, "siblings": [],
                               "tags": [], "downloads": 0})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/.+", path):
            return self._json([{"type": "file", "path": path, "size": len(content), **_ids(path, content)}
                               for path, content in self.hub.repositories["model", found[1]].items()])
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path): return self._file(*found.groups())
        return self._missing()

    do_HEAD = do_GET

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        return path

    def _has(self, name: str, revision: str | None) -> bool:
        if ("model", name) not in self.hub.repositories: return False
        return revision in (None, "main", self.hub.commit("model", name))

    def _commit(self, kind: str, name: str, lines: list[dict]):
        files = self.hub.repositories[kind, name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file": files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile": files[value["path"]] = self.hub.large[value["oid"]]
        commit = self.hub.commit(kind, name)
        self._json({"commitUrl": f"{self.hub.address}/{name}/commit/{commit}", "commitOid": commit})

    def _file(self, name: str, revision: str, path: str):
        content = self.hub.repositories.get(("model", name), {}).get(path)
        if content is None: return self._missing()
        ids = _ids(path, content)
        self._answer(200, content, {"ETag": f'"{ids["lfs"]["oid"] if "lfs" in ids else ids["oid"]}"',
                                    "X-Repo-Commit": self.hub.commit("model", name)})

    def _missing(self):
        self._answer(404, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})

    def _json(self, content, status: int = 200):
        self._answer(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, headers: dict[str, str]):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(content)


def _ids(path: str, content: bytes) -> dict:
    "A file's git id, and for a large one its SHA-256 as well."
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if not path.endswith(".safetensors"): return {"oid": oid}
    sha256 = hashlib.sha256(content).hexdigest()
    return {"oid": oid, "lfs": {"oid": sha256, "sha256": sha256, "size": len(content), "pointerSize": 134}}
