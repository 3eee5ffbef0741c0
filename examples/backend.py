#!/usr/bin/env python3
"""A backend that tells users something through Longline. Nothing but Python's standard library.

    API=http://127.0.0.1:7402 KEY=llk_... python3 examples/backend.py 8 9

What is not certain to have arrived is said again with the same id, so nobody gets it twice.
"""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request

API = os.environ["API"]
KEY = os.environ["KEY"]
TRIES = 8


def call(method, path, body=None, idempotency_key=None):
    """One call, tried again while the gateway says that it may be. Returns what it answers."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    data = json.dumps(body).encode() if body is not None else None
    for attempt in range(TRIES):
        request = urllib.request.Request(API + path, data, headers, method=method)
        wait_s = min(30, 0.2 * 2**attempt) * random.random()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if error.code not in (429, 503):
                raise SystemExit(f"refused: {problem['title']}: {problem['detail']}") from None
            wait_s += float(error.headers.get("Retry-After", 0))
        except OSError:
            pass  # It may have been done: the same id makes it harmless to say it again.
        time.sleep(wait_s)
    raise SystemExit(f"{path}: no answer in {TRIES} tries")


def tell(uids, text, event, created_ms):
    """Tells each user something once, however often this is called with the same event."""
    body = {"to": uids, "account": 1, "text": text, "created_ms": created_ms}
    while body["to"]:
        told = call("POST", "/v1/system/messages", body, event)["told"]
        again = []
        for one in told:
            refusal = one.get("refusal")
            if refusal is None:
                print(f"user {one['uid']}: message {one['message_id']}")
            elif refusal["retry_after_ms"]:
                again.append(one["uid"])
            else:
                print(f"user {one['uid']}: refused: {refusal['text']}")
        body["to"] = again
        if again:
            time.sleep(1)


if __name__ == "__main__":
    users = sys.argv[1:] or sys.exit("give the uids to tell")
    now_ms = time.time_ns() // 1_000_000
    # A real backend keeps both with the event that it tells of, before it tells.
    for _ in range(2):
        tell(users, "Your parcel has arrived", f"parcel-{now_ms}", now_ms)
    for uid in users:
        print(f"user {uid}: {call('GET', f'/v1/users/{uid}/unread')['unread']} unread")
