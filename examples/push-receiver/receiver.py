#!/usr/bin/env python3
"""A receiver of Longline's offline push, to begin from: it checks signatures, drops what comes again, and prints.

    echo "k1 $(openssl rand -hex 32)" > secrets; chmod 600 secrets
    python3 receiver.py --listen 127.0.0.1:8080 --secrets secrets
    gateway --push-endpoint http://127.0.0.1:8080/longline --push-secret-file secrets

Where it prints, call APNs, FCM or whoever sends a text message. `docs/push.md` says what is in an event, and what each
answer means. `python3 receiver.py --test vector.txt` checks the signature of the vector.
"""

import argparse
import collections
import hashlib
import hmac
import http.server
import json
import sys
import time

AGE_S_MAX = 300
BODY_BYTES_MAX = 4 * 1024 * 1024
# What was told lately. The sender repeats what it does not know to have arrived; keep ids for a day, in a store, where it matters.
SEEN_MAX = 100_000


def read_secrets(path):
    """A line a secret: its name, a space, the secret."""
    with open(path, encoding="ascii") as lines:
        return dict(line.split() for line in lines if line.strip())


def is_signed(secrets, headers, body, now_s):
    """Whether one of the headers `Longline-Signature` was made with a secret of ours, and lately."""
    for header in headers:
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        secret = secrets.get(parts.get("kid"))
        signed_s = parts.get("t", "")
        if secret is None or not signed_s.isdigit() or abs(now_s - int(signed_s)) > AGE_S_MAX:
            continue
        expected = hmac.new(secret.encode(), signed_s.encode() + b"." + body, hashlib.sha256)
        if hmac.compare_digest(expected.hexdigest(), parts.get("v1", "")):
            return True
    return False


def tell(event):
    """Tells the devices of a user. Returns the tokens that their provider does not know any more."""
    print(json.dumps(event, ensure_ascii=False), flush=True)
    return []


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secrets = {}
    seen = collections.OrderedDict()

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            self.close_connection = True
            return self.answer(413, {})
        body = self.rfile.read(length)
        signatures = self.headers.get_all("Longline-Signature", [])
        if not is_signed(self.secrets, signatures, body, time.time()):
            return self.answer(401, {"error": "no signature of ours"})
        gone = []
        for event in json.loads(body)["events"]:
            if event["id"] not in self.seen:
                gone += tell(event)
                self.seen[event["id"]] = None
        while len(self.seen) > SEEN_MAX:
            self.seen.popitem(last=False)
        self.answer(200, {"gone": gone})

    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def check(path):
    """The vector that every receiver should pass: with its time it is signed; an hour later, or with another byte, not."""
    with open(path, encoding="utf-8") as lines:
        vector = dict(line.rstrip("\n").split(": ", 1) for line in lines if ": " in line)
    name, secret = vector["secret"].split()
    header, body = vector["Longline-Signature"], vector["body"].encode()
    now_s = int(vector["now"])
    secrets = {name: secret}
    assert is_signed(secrets, [header], body, now_s)
    assert is_signed(secrets, ["t=1,kid=other,v1=00", header], body, now_s + AGE_S_MAX - 60)
    assert not is_signed(secrets, [header], body, now_s + 3600)
    assert not is_signed(secrets, [header], body + b" ", now_s)
    assert not is_signed({name: secret[::-1]}, [header], body, now_s)
    assert not is_signed(secrets, [], body, now_s)
    assert not is_signed(secrets, ["nonsense", "t=x,kid=k1,v1=y"], body, now_s)
    print("ok")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--listen", default="127.0.0.1:8080")
    parser.add_argument("--secrets")
    parser.add_argument("--test", metavar="VECTOR")
    args = parser.parse_args()
    if args.test:
        return check(args.test)
    if not args.secrets:
        sys.exit("give --secrets: the file that the gateway has as --push-secret-file")
    Receiver.secrets = read_secrets(args.secrets)
    host, port = args.listen.rsplit(":", 1)
    server = http.server.ThreadingHTTPServer((host, int(port)), Receiver)
    print(f"listening on {host}:{server.server_address[1]}", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
