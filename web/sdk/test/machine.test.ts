// The rules of section 5 of `crates/wire/PROTOCOL.md`, as the machine keeps them.

import assert from "node:assert/strict";
import test from "node:test";
import type { Kept } from "../src/outbox.js";
import { timeOf, uuidv7 } from "../src/uuid.js";
import { groupOf, nextOf, PLATFORM_WEB, setBody, uidsBody, uidsOf } from "../src/wire.js";
import { CHAT, EPOCH, NOW, Scene, message, refusal } from "./scene.js";

const kept = (order: number, is_written: boolean, timeMs = NOW): Kept => ({
  order,
  client_msg_id: uuidv7(timeMs, new Uint8Array(10).fill(order)),
  conversation: CHAT,
  kind: 1,
  text: `kept ${order}`,
  seen_seq: 0,
  made_ms: timeMs,
  is_written,
});

test("a login says the cursor, and a device that has nothing begins at the head", () => {
  const known = new Scene(4);
  known.login();
  const [login] = known.said("login");
  const has = { cursor: 4, inbox_epoch: EPOCH, message_id: "0" };
  assert.deepEqual(login.login, { token: "token", device: "9", platform: PLATFORM_WEB, ...has });
  const fresh = new Scene(0, "0");
  fresh.login({ cursor: 40 });
  assert.equal(fresh.said("login")[0].login.from_head, true);
  assert.equal(fresh.took("reset").length, 0, "a fresh device forgets nothing");
  assert.deepEqual(fresh.took("cursor").at(-1), {
    do: "cursor",
    position: { cursor: 40, epoch: EPOCH, messageId: "0" },
  });
});

test("a login names what is at the cursor, if that was told", () => {
  const named = (scene: Scene) => {
    scene.took("say");
    scene.machine.onDisconnected();
    scene.login();
    return scene.said("login").at(-1).login.message_id;
  };
  const scene = Scene.online(4);
  scene.push(5);
  assert.equal(named(scene), message(5).message_id);
  scene.send("a");
  const [{ id }] = scene.said("send");
  scene.hear({ id, send_ack: { message_id: "77", seq: 6, time_ms: NOW, inbox_seq: 6 } });
  assert.equal(named(scene), "77");
  scene.push(8, 7);
  const [sync] = scene.said("sync");
  const messages = [message(7), message(8)];
  scene.hear({ id: sync.id, sync_page: { inbox_epoch: EPOCH, inbox_head: 8, messages, inbox_tail: 1 } });
  assert.equal(named(scene), message(8).message_id);
  scene.machine.onDisconnected();
  scene.login({ head: 20, tail: 11 });
  assert.equal(scene.machine.cursor, 10);
  assert.equal(named(scene), "0", "the row before the tail was not told");
});

test("each push is handed over once, in order; a gap is asked for", () => {
  const scene = Scene.online(4);
  scene.push(5);
  scene.push(5);
  assert.deepEqual(scene.rows(), [5]);
  scene.push(8, 7);
  scene.push(9, 8);
  const [sync] = scene.said("sync");
  assert.equal(sync.sync.cursor, 5);
  assert.deepEqual(scene.rows(), []);
  const messages = [6, 7, 8].map((row) => message(row));
  scene.hear({ id: sync.id, sync_page: { inbox_epoch: EPOCH, inbox_head: 8, messages, inbox_tail: 1 } });
  assert.deepEqual(scene.rows(), [6, 7, 8]);
  assert.equal(scene.said("sync")[0].sync.cursor, 8, "row 9 was dropped, and is asked for");
});

test("a mark is no message, though it has the seq of one", () => {
  const scene = Scene.online(4);
  scene.push(5);
  const mark = { ...message(6, "7"), kind: 2, seq: 5, number: 3, text: "" };
  scene.hear({ push: { previous: 5, message: mark } });
  scene.hear({ push: { previous: 6, message: { ...mark, inbox_seq: 7, kind: 9 } } });
  assert.deepEqual(scene.rows(), [5]);
  assert.deepEqual(scene.took("mark").map((it) => [it.seq, it.unread, it.isHidden]), [[5, 3, false]]);
  assert.equal(scene.machine.cursor, 7, "it is a row as every row");
});

test("what the user does is said at the server's rate, and what the peer does is told", () => {
  const scene = Scene.online(4);
  const say = (kind: number, of = CHAT) => scene.add(scene.machine.signal(of, kind, scene.nowMs)).length;
  assert.deepEqual([say(4), say(2), say(2), say(3)], [0, 1, 0, 0]);
  assert.deepEqual([say(4), say(4), say(2)], [1, 0, 0]);
  assert.deepEqual(scene.said("signal").map((it) => it.signal), [2, 4].map((kind) => ({ conversation: CHAT, kind })));
  scene.nowMs += 3_000;
  assert.equal(say(2), 1);
  assert.equal(say(2, { kind: 2, a: "5", b: "0" }), 0, "a group is not told");
  const signal = { conversation: CHAT, uid: "8", kind: 1, seq: 3 };
  scene.hear({ signal });
  assert.deepEqual(scene.took("signal"), [{ do: "signal", signal }]);
  const former = new Scene(4);
  former.login({ features: "1" });
  assert.deepEqual(former.machine.signal(CHAT, 2, former.nowMs), [], "a server of an earlier release does not know it");
});

test("a page of a sync that was given up says nothing", () => {
  const scene = Scene.online(4);
  scene.push(8, 7);
  const [sync] = scene.said("sync");
  scene.hear({ id: sync.id + 100, sync_page: { inbox_epoch: EPOCH, inbox_head: 8, messages: [message(8)] } });
  assert.deepEqual(scene.rows(), []);
});

test("rows that nothing brings are told, and the cursor goes behind them", () => {
  const scene = new Scene(4);
  scene.login({ cursor: 4, head: 20, tail: 11 });
  assert.deepEqual(scene.took("missing"), [{ do: "missing", after: 4, before: 11 }]);
  scene.push(11, 10);
  assert.deepEqual(scene.rows(), [11]);
});

test("an own row moves the cursor only in order", () => {
  const scene = Scene.online(4);
  scene.send("a");
  scene.send("b");
  const [a, b] = scene.said("send");
  const ack = (id: number, row: number) => scene.hear({ id, send_ack: { message_id: "1", seq: row, time_ms: NOW, inbox_seq: row } });
  ack(b.id, 6);
  assert.equal(scene.machine.cursor, 4);
  ack(a.id, 5);
  assert.equal(scene.machine.cursor, 5);
  assert.deepEqual(scene.took("acked").map((it) => it.message.text), ["b", "a"]);
  ack(a.id, 5);
  assert.deepEqual(scene.took("acked"), [], "a repetition is acked twice, and told once");
});

test("another epoch begins anew", () => {
  const scene = Scene.online(4);
  scene.hear({ inbox_head: { inbox_epoch: "6", inbox_head: 2 } });
  assert.deepEqual(scene.took("reset"), [{ do: "reset", epoch: "6" }]);
  assert.equal(scene.said("sync")[0].sync.cursor, 0);
});

test("only what is stored is acknowledged, together, and at once what is repeated", () => {
  const scene = Scene.online(4);
  scene.push(5);
  scene.push(6);
  scene.pass(500);
  assert.deepEqual(scene.said("push_ack"), [], "the store does not have them");
  scene.store();
  assert.deepEqual(scene.said("push_ack"), [{ push_ack: { inbox_seq: 6 } }]);
  scene.push(6);
  assert.deepEqual(scene.said("push_ack"), [{ push_ack: { inbox_seq: 6 } }]);
  for (let row = 7; row < 23; row += 1) scene.push(row);
  scene.store();
  assert.deepEqual(scene.said("push_ack"), [{ push_ack: { inbox_seq: 22 } }], "so many at once");
});

test("an acknowledgement does not wait for rows that come meanwhile", () => {
  const scene = Scene.online(4);
  for (let row = 5; row < 21; row += 1) scene.push(row);
  scene.push(21);
  scene.add(scene.machine.onStored(20, scene.nowMs));
  assert.deepEqual(scene.said("push_ack"), [{ push_ack: { inbox_seq: 20 } }]);
  scene.store();
  assert.deepEqual(scene.said("push_ack"), [{ push_ack: { inbox_seq: 21 } }]);
});

test("missed rows are asked for only if their pushes stop", () => {
  const scene = Scene.online(4, 6);
  scene.pass(1_999);
  assert.deepEqual(scene.said("sync"), []);
  scene.push(5);
  scene.pass(1_999);
  assert.deepEqual(scene.said("sync"), []);
  scene.pass(1);
  assert.equal(scene.said("sync")[0].sync.cursor, 5);
});

test("a send is kept before it is said, and as written", () => {
  const scene = Scene.online();
  scene.send("a");
  assert.deepEqual(scene.did.map((it) => it.do), ["keep", "say"]);
  assert.equal(scene.took("keep")[0]!.send.is_written, true);
  scene.machine.onDisconnected();
  scene.send("b");
  assert.equal(scene.took("keep")[0]!.send.is_written, false);
  assert.equal(scene.said("send").length, 1, "nobody is there");
});

test("what is not acked is said again with the same id, over each connection and after a reload", () => {
  const scene = Scene.online();
  const ids = [scene.send("a"), scene.send("b")];
  const idsOf = (said: any[]) => said.map((it) => it.send.client_msg_id);
  assert.deepEqual(idsOf(scene.said("send")), ids);
  scene.pass(10_000);
  assert.deepEqual(idsOf(scene.said("send")), ids);
  scene.machine.onDisconnected();
  scene.login();
  assert.deepEqual(idsOf(scene.said("send")), ids);
  const outbox = scene.machine.pending;
  const reloaded = new Scene(4, EPOCH, outbox);
  reloaded.login();
  assert.deepEqual(idsOf(reloaded.said("send")), ids);
  reloaded.send("c");
  assert.equal(reloaded.machine.pending.at(-1)!.order, 3);
});

test("what was refused for now comes again after its hint, and not before", () => {
  const scene = Scene.online();
  const id = scene.send("a");
  const [first] = scene.said("send");
  scene.hear(refusal(first.id, 6, 5_000));
  assert.equal(scene.took("postponed").length, 1);
  scene.pass(4_999);
  assert.deepEqual(scene.said("send"), []);
  scene.pass(1);
  assert.equal(scene.said("send")[0].send.client_msg_id, id);
});

test("what is refused for good fails once", () => {
  const scene = Scene.online();
  scene.send("a");
  const [{ id }] = scene.said("send");
  scene.hear(refusal(id, 15));
  scene.hear(refusal(id, 15));
  assert.deepEqual(scene.took("failed").map((it) => it.code), [15]);
  assert.equal(scene.machine.pending.length, 0);
});

test("a send gets another id only while nobody can have stored it", () => {
  const day = 86_400_000;
  const never = kept(1, false, NOW - day);
  const perhaps = kept(2, true, NOW - day);
  const scene = new Scene(4, EPOCH, [never, perhaps]);
  scene.login();
  const said = scene.said("send").map((it) => it.send.client_msg_id);
  assert.notEqual(said[0], never.client_msg_id);
  assert.equal(timeOf(said[0]!), NOW);
  assert.equal(said[1], perhaps.client_msg_id);
  const [keep] = scene.took("keep");
  assert.equal(keep!.former, never.client_msg_id);
});

test("an id that the server's clock refuses is made anew if it was written once", () => {
  const scene = Scene.online();
  const former = scene.send("a");
  const [{ id }] = scene.said("send");
  scene.hear(refusal(id, 12, 60_000, NOW - 3_600_000));
  scene.pass(200);
  const [again] = scene.said("send");
  assert.notEqual(again.send.client_msg_id, former);
  assert.equal(timeOf(again.send.client_msg_id), NOW - 3_600_000);
  // Now it was written twice: with this id it may be stored.
  scene.pass(20_000);
  assert.equal(scene.said("send").length, 1);
  scene.hear(refusal(id, 11, 0, NOW));
  assert.deepEqual(scene.took("failed").map((it) => it.code), [11]);
});

test("ids are made on the server's clock", () => {
  const scene = new Scene();
  scene.login({ serverMs: NOW + 3_600_000 });
  assert.equal(timeOf(scene.send("a")), NOW + 3_600_000);
  assert.match(scene.send("b"), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a server that does not answer a heartbeat is gone", () => {
  const scene = Scene.online();
  let heartbeat;
  while (!heartbeat) {
    scene.pass(1_000);
    [heartbeat] = scene.said("heartbeat");
  }
  assert.ok(scene.nowMs >= NOW + 30_000 && scene.nowMs <= NOW + 60_000);
  assert.deepEqual(scene.took("close"), []);
  scene.hear({ id: heartbeat.id, heartbeat_reply: { time_ms: 1, inbox_epoch: EPOCH, inbox_head: 4 } });
  scene.pass(60_000);
  assert.equal(scene.said("heartbeat").length, 1);
  scene.pass(10_000);
  assert.equal(scene.took("close")[0]!.next, "again");
});

test("a probe after sleep finds a dead connection", () => {
  const scene = Scene.online();
  scene.add(scene.machine.probe(scene.nowMs));
  assert.equal(scene.said("heartbeat").length, 1);
  scene.pass(10_000);
  assert.equal(scene.took("close").length, 1);
});

test("each end says what to do", () => {
  const end = (code: number, next: number) => ({
    session_end: { code, next, wait_ms: 0, jitter_ms: 0, text: "" },
  });
  const going = (code: number) => ({ going_away: { code, reconnect_after_ms: 0, jitter_ms: 0 } });
  for (const [object, next] of [
    [end(17, 2), "stop"],
    [end(5, 1), "token"],
    [end(21, 0), "again"],
    [end(21, 9), "again"],
    [going(17), "stop"],
    [going(29), "token"],
    [refusal(0, 1), "again"],
    [refusal(0, 28), "stop"],
  ] as const) {
    const scene = Scene.online();
    scene.hear(object);
    assert.deepEqual(scene.took("close").map((it) => it.next), [next], JSON.stringify(object));
  }
  const { machine } = new Scene();
  assert.equal(machine.onClosed(4_017, "SessionReplaced").next, "stop");
  assert.equal(machine.onClosed(4_004, "BadToken").next, "token");
  assert.equal(machine.onClosed(1_006, "").next, "again");
  const refused = new Scene();
  refused.add(refused.machine.onConnected("token", NOW));
  refused.hear(refusal(1, 4));
  assert.equal(refused.took("close")[0]!.next, "token", "a login that is refused is over");
});

test("a server that drains lets what is under way end, and no send is lost", () => {
  const scene = Scene.online();
  scene.send("a");
  const [{ id }] = scene.said("send");
  scene.hear({ going_away: { code: 16, reconnect_after_ms: 1_000, jitter_ms: 10 } });
  assert.equal(scene.machine.mayLeave, false);
  scene.send("b");
  assert.equal(scene.said("send").length, 0, "new ones wait for the next");
  scene.hear({ id, send_ack: { message_id: "1", seq: 1, time_ms: NOW, inbox_seq: 5 } });
  assert.equal(scene.machine.mayLeave, true);
  const delay = scene.machine.reconnectDelayMs();
  assert.ok(delay >= 1_000 && delay <= 1_010, String(delay));
});

test("reconnects wait a random part of a bound that doubles, up to 30 s", () => {
  const { machine } = new Scene();
  const delays = Array.from({ length: 300 }, () => machine.reconnectDelayMs());
  delays.forEach((delay, nth) => assert.ok(delay <= Math.min(500 * 2 ** nth, 30_000), `${nth}: ${delay}`));
  const late = delays.slice(100);
  const mean = late.reduce((sum, it) => sum + it, 0) / late.length;
  assert.ok(mean > 12_000 && mean < 18_000, String(mean));
});

test("a reply has the number of its request, and what is unknown is passed over", () => {
  const scene = Scene.online();
  const { requestId, effects } = scene.machine.request("chats", { limit: 9 })!;
  scene.add(effects);
  scene.hear({ id: requestId, chats_page: { version: 1, chats: [] } });
  assert.deepEqual(scene.took("reply").map((it) => [it.requestId, it.kind]), [[requestId, "chats_page"]]);
  scene.hear({ presence: {} });
  scene.hear({});
  assert.deepEqual(scene.did.filter((it) => it.do !== "say"), []);
  assert.equal(new Scene().machine.request("chats", { limit: 9 }), undefined, "not logged in");
});

test("the body of a change has a value, then users ascending", () => {
  assert.deepEqual(uidsOf(setBody(2, ["9", "8"])), ["2", "8", "9"]);
  assert.deepEqual(uidsOf(setBody(0, [])), ["0"]);
  assert.equal(nextOf(31), "stop", "a user who ended a device does not want it back");
});

test("a group is named by its maker and the id that makes it", () => {
  const id = "01234567-89ab-7000-8000-0000fedcba98";
  assert.deepEqual(groupOf("7", id), { kind: 2, a: "5000275231184964751" });
  assert.deepEqual(uidsOf(uidsBody(["300", "8", "9", "8"])), ["8", "9", "300"]);
  assert.equal(uidsBody(["8"]), "CAAAAAAAAAA=");
});
