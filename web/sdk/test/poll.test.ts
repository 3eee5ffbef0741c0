// Section 11 of `crates/wire/PROTOCOL.md`, as a connection that polls keeps it. `fetch` is a fake: it answers with what a test says.

import assert from "node:assert/strict";
import test from "node:test";
import { PollSocket } from "../src/poll.js";
import { EPOCH, message, NOW } from "./scene.js";

interface Call {
  path: string;
  body: string | undefined;
  answer: (said: object) => void;
  fail: () => void;
}

/** What follows at once has happened. */
const settled = () => new Promise((done) => setTimeout(done, 5));

class Line {
  calls: Call[] = [];
  heard: any[] = [];
  closed: number | undefined;
  socket: PollSocket;

  constructor() {
    const fetch = (url: string, init: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        assert.equal((init.headers as Record<string, string>).Authorization, "Bearer a.b.c");
        const answer = (said: object) => resolve(new Response(JSON.stringify(said)));
        const fail = () => reject(new Error("no network"));
        init.signal!.onabort = fail;
        this.calls.push({ path: url.replace("https://im.example", ""), body: init.body as string, answer, fail });
      });
    this.socket = new PollSocket("wss://im.example/v1/ws", fetch as typeof globalThis.fetch);
    this.socket.onmessage = ({ data }) => this.heard.push(JSON.parse(data));
    this.socket.onclose = ({ code }) => (this.closed = code);
  }

  /** What was called for since, once all is quiet. */
  async next(): Promise<Call> {
    await settled();
    const [call, ...more] = this.calls.splice(0);
    assert.deepEqual(more, []);
    if (!call) throw new Error("there is no call");
    return call;
  }

  async quiet(): Promise<any[]> {
    await settled();
    assert.deepEqual(this.calls, []);
    return this.heard.splice(0);
  }

  say(said: object): void {
    this.socket.send(JSON.stringify(said));
  }

  async login(login: object): Promise<Call> {
    await new Promise((done) => (this.socket.onopen = () => done(undefined)));
    this.say({ id: 1, login: { token: "a.b.c", device: "9", ...login } });
    return this.next();
  }
}

const reply = { uid: "7", generation: 3, inbox_epoch: EPOCH, inbox_head: 4, cursor: 4, server_time_ms: NOW, inbox_tail: 1 };
const page = (...rows: number[]) => ({
  sync_page: { inbox_epoch: EPOCH, inbox_head: rows.at(-1) ?? 4, messages: rows.map((row) => message(row)), inbox_tail: 1 },
});
const kinds = (heard: any[]) => heard.map((it) => Object.keys(it).find((key) => key !== "id"));

test("a device that has nothing logs in, then polls; rows are pushes, and the next poll waits until they are stored", async () => {
  const line = new Line();
  const login = await line.login({ from_head: true });
  assert.equal(login.path, "/v1/login?device=9");
  login.answer({ login_reply: reply });
  const poll = await line.next();
  assert.equal(poll.path, `/v1/poll?cursor=4&inbox_epoch=${EPOCH}&message_id=0&wait_s=25&device=9`);
  assert.deepEqual(kinds(line.heard), ["hello_reply", "login_reply"]);
  assert.equal(line.heard[1].id, 1);
  line.heard = [];
  poll.answer(page(5, 6));
  const heard = await line.quiet();
  assert.deepEqual(heard.map((it) => [it.push.previous, it.push.message.inbox_seq]), [[4, 5], [5, 6]]);
  line.say({ push_ack: { inbox_seq: 5 } });
  await line.quiet();
  line.say({ push_ack: { inbox_seq: 6 } });
  const next = await line.next();
  assert.ok(next.path.includes(`cursor=6&inbox_epoch=${EPOCH}&message_id=${message(6).message_id}`), next.path);
  next.answer(page());
  await line.next();
  assert.deepEqual(line.heard, [], "a poll that brought nothing is made again");
});

test("a device that comes back is whole after its first poll", async () => {
  const line = new Line();
  (await line.login({ cursor: 2, inbox_epoch: EPOCH, message_id: "22" })).answer({ login_reply: reply });
  const poll = await line.next();
  assert.equal(poll.path, `/v1/poll?cursor=2&inbox_epoch=${EPOCH}&message_id=22&wait_s=0&device=9`);
  poll.answer(page(3, 4));
  const heard = await line.quiet();
  assert.deepEqual(kinds(heard), ["hello_reply", "login_reply", "push", "push"]);
  assert.equal(heard[1].login_reply.cursor, 2);
});

test("another inbox, or another message at the cursor, begins at its first row", async () => {
  for (const fork of [false, true]) {
    const line = new Line();
    const inbox_epoch = fork ? EPOCH : "4";
    (await line.login({ cursor: 2, inbox_epoch, message_id: "22" })).answer({ login_reply: reply });
    if (fork) (await line.next()).answer({ login_reply: { ...reply, cursor: 0 } });
    const poll = await line.next();
    assert.ok(poll.path.includes("cursor=0&"), poll.path);
    assert.equal(line.heard[1].login_reply.cursor, 0);
  }
});

test("requests go one at a time, beside the poll, and answers have their numbers", async () => {
  const line = new Line();
  (await line.login({ from_head: true })).answer({ login_reply: reply });
  await line.next();
  line.heard = [];
  line.say({ id: 5, sync: { cursor: 1, limit: 2 } });
  line.say({ id: 6, mark_read: { to: "8", seq: 3 } });
  line.say({ signal: {} });
  const first = await line.next();
  assert.equal(first.path, "/v1/requests?device=9");
  first.answer(page(2));
  const second = await line.next();
  const refusal = { code: 8, name: "Busy", retry_after_ms: 50, text: "later" };
  second.answer({ type: "urn:longline:refusal:Busy", title: "Busy", status: 503, detail: "later", refusal });
  assert.deepEqual(await line.quiet(), [{ id: 5, ...page(2) }, { id: 6, refusal }]);
});

test("what is refused is told, and a network that fails ends the connection", async () => {
  const line = new Line();
  const refusal = { code: 4, name: "BadToken", retry_after_ms: 0, text: "no" };
  (await line.login({ from_head: true })).answer({ title: "BadToken", status: 401, refusal });
  assert.deepEqual(await line.quiet(), [{ id: 1, refusal }]);
  const other = new Line();
  (await other.login({ from_head: true })).fail();
  await other.quiet();
  assert.equal(other.closed, 1006);
  other.say({ id: 2, sync: { cursor: 0, limit: 1 } });
  await other.quiet();
});
