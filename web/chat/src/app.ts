// The chat page: what a person does to the client and the model, and what is drawn of them.

import {
  chatOf,
  Client,
  type Conversation,
  type Events,
  type Id,
  keyOf,
  openStore,
  RequestError,
  ROLE_ADMIN,
  ROLE_MEMBER,
  ROLE_OWNER,
} from "@longline/client";
import { isPartial, Model, SHOWN_MAX, type Talk, textOf } from "./model.js";

function at<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** An element with classes and content. Text is only ever text. */
function made(name: string, classes: string, ...content: (Node | string)[]): HTMLElement {
  const element = document.createElement(name);
  element.className = classes;
  element.append(...content);
  return element;
}

const WIRE_LINES_MAX = 200;
/** The code of a refusal: the user is no member of the group. */
const NOT_MEMBER = 22;
const model = new Model();
let client: Client;
let uid: Id;
let state: Events["state"] = { state: "closed" };
let isHistoryAsked = false;

// ---- who one is

class NoTokens extends Error {}

async function devToken(uid: Id): Promise<string> {
  const pasted = sessionStorage.getItem(`token-${uid}`);
  if (pasted) return pasted;
  const answer = await fetch("/v1/dev-token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ uid }),
  });
  if (answer.status === 404 || answer.status === 403) throw new NoTokens(await answer.text());
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).token;
}

function askWho(): void {
  at("begin").hidden = false;
  at("begin-uid").focus();
  at<HTMLFormElement>("begin-form").onsubmit = async (event) => {
    event.preventDefault();
    const chosen = at<HTMLInputElement>("begin-uid").value.trim();
    const token = at<HTMLInputElement>("begin-token").value.trim();
    at("begin-error").textContent = "";
    try {
      if (token) sessionStorage.setItem(`token-${chosen}`, token);
      else await devToken(chosen);
    } catch (error) {
      if (error instanceof NoTokens) {
        at("begin-token-row").hidden = false;
        at("begin-token").focus();
      } else {
        at("begin-error").textContent = (error as Error).message;
      }
      return;
    }
    location.hash = chosen;
    location.reload();
  };
}

/** One tab has a user: two would take the session from each other. */
async function alone(uid: Id): Promise<void> {
  if (!navigator.locks) return;
  await new Promise<void>((go) => {
    const hold = (): Promise<never> => {
      go();
      return new Promise(() => {});
    };
    void navigator.locks.request(`longline-${uid}`, { ifAvailable: true }, (lock) => {
      if (lock) return hold();
      draw({ state: "stopped", text: "another tab is this user; close it, and this one goes on" });
      void navigator.locks.request(`longline-${uid}`, hold);
      return undefined;
    });
  });
}

async function begin(): Promise<void> {
  at("app").hidden = false;
  model.uid = uid;
  at("me").textContent = uid;
  document.title = `${uid} · Longline`;
  await alone(uid);
  const store = await openStore(`longline-${uid}`);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  client = new Client({ url: `${scheme}://${location.host}/v1/ws`, getToken: () => devToken(uid), store });
  model.onChats(await store.chats());
  for (const talk of model.talks.values()) {
    for (const message of await store.messages(talk.conversation, 1)) talk.add(message);
  }
  client.on("state", onState);
  client.on("message", ({ message }) => {
    model.onMessage(message);
    const talk = model.talk(message.conversation);
    if (isPartial(message)) void client.history(message.conversation, message.seq + 1, 1).catch(() => {});
    if (message.conversation.kind === 2 && message.kind !== 1) void learnMembers(talk);
    if (talk === model.open) saw();
    redraw();
  });
  client.on("history", ({ conversation, messages }) => {
    const talk = model.talk(conversation);
    for (const message of messages) talk.add(message);
    redraw();
  });
  client.on("chats", (chats) => {
    model.onChats(chats);
    for (const talk of model.talks.values()) void learnMembers(talk);
    redraw();
  });
  client.on("mark", ({ conversation, seq, unread, isHidden }) => {
    const talk = model.talk(conversation);
    [talk.readSeq, talk.unread, talk.isHidden] = [seq, unread, isHidden];
    redraw();
  });
  client.on("signal", (signal) => {
    const heldMs = model.onSignal(signal, performance.now());
    redraw();
    if (heldMs > 0) setTimeout(redraw, heldMs + 10);
  });
  client.on("pending", redraw);
  client.on("failed", ({ send, text }) => {
    // Who asked for a change of a group is told by it.
    if (send.kind === 1) model.failed.push({ send, text });
    redraw();
  });
  client.on("reset", () => {
    model.reset();
    redraw();
  });
  client.on("wire", ({ isSaid, text }) => showWire(isSaid, text));
  await client.connect();
  // What was not acked when the page was left.
  for (const send of client.pending) model.talk(send.conversation);
  redraw();
}

// ---- what happens

function onState(it: Events["state"]): void {
  draw(it);
  if (it.state !== "online") return;
  void client.chats().catch(() => {});
  if (model.open) void refresh(model.open);
}

/** Reads what the store and the server have of a conversation. */
async function refresh(talk: Talk): Promise<void> {
  for (const message of await client.store.messages(talk.conversation, SHOWN_MAX)) talk.add(message);
  redraw();
  if (client.state !== "online") return;
  try {
    await client.history(talk.conversation);
    await learnMembers(talk);
  } catch (error) {
    // A conversation without messages is none yet.
    if (!(error instanceof RequestError)) throw error;
  }
  saw();
}

async function learnMembers(talk: Talk): Promise<void> {
  if (talk.conversation.kind !== 2 || client.state !== "online") return;
  try {
    talk.members = (await client.members(talk.conversation)).map((it) => it.uid);
    talk.info = await client.groupInfo(talk.conversation);
  } catch (error) {
    // Who is no member any more is not told who is.
    if (error instanceof RequestError && error.code === NOT_MEMBER) [talk.members, talk.info] = [[], undefined];
  }
  redraw();
}

/** Asks for a change of the open group, and says why if it is refused. */
async function change(make: (group: Conversation) => Promise<unknown>): Promise<void> {
  if (!model.open) return;
  try {
    await make(model.open.conversation);
  } catch (error) {
    showBanner((error as Error).message);
  }
}

/** The open conversation is on the screen. */
function saw(): void {
  const talk = model.open;
  if (!talk || document.visibilityState === "hidden" || client.state !== "online") return;
  const seq = talk.newestSeq;
  if (seq === 0 || (seq <= talk.readSeq && talk.unread === 0)) return;
  [talk.readSeq, talk.unread] = [Math.max(seq, talk.readSeq), 0];
  void client.markRead(talk.conversation, seq).catch(() => {});
}

function openTalk(conversation: Conversation): void {
  if (model.open) model.open.draft = at<HTMLTextAreaElement>("text").value;
  const talk = model.talk(conversation);
  model.open = talk;
  at("app").dataset.shows = "talk";
  const text = at<HTMLTextAreaElement>("text");
  text.value = talk.draft;
  isStuck = true;
  drawTalk();
  redraw();
  void refresh(talk);
  text.focus();
}

function send(): void {
  const text = at<HTMLTextAreaElement>("text");
  const talk = model.open;
  if (!talk || text.value.trim() === "") return;
  const body = text.value;
  text.value = "";
  grow();
  isStuck = true;
  void client.send(talk.conversation, body, talk.newestSeq).catch((error: Error) => {
    if (error instanceof RequestError && [7, 14].includes(error.code)) {
      text.value = body;
      showBanner(error.message);
    }
  });
  redraw();
}

async function writeTo(typed: string): Promise<void> {
  const uids = [...new Set(typed.match(/[0-9]+/g) ?? [])].filter((it) => it !== uid && /^[1-9]/.test(it));
  if (uids.length === 0) return showBanner("Type the number of another user, or of several.");
  if (uids.length === 1) return openTalk(chatOf(uid, uids[0]!));
  try {
    openTalk((await client.createGroup(uids)).conversation);
  } catch (error) {
    showBanner((error as Error).message);
  }
}

// ---- what is drawn

let isDue = false;
/** The newest message stays in sight. */
let isStuck = true;

function redraw(): void {
  if (isDue) return;
  isDue = true;
  // Not by animation frames: a hidden tab has none.
  setTimeout(() => {
    isDue = false;
    drawChats();
    drawTalk();
  }, 16);
}

function timeOf(ms: number): string {
  const date = new Date(ms);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { day: "numeric", month: "short" });
}

function drawChats(): void {
  const focused = (document.activeElement as HTMLElement | null)?.dataset.key;
  const rows = model.listed().map((talk) => {
    const button = made("button", "") as HTMLButtonElement;
    button.type = "button";
    button.dataset.key = keyOf(talk.conversation);
    button.ariaCurrent = String(talk === model.open);
    const unread = talk.unread > 0 ? made("span", "unread", String(talk.unread)) : "";
    if (unread) unread.ariaLabel = `${talk.unread} unread`;
    const doing = talk.doing(performance.now());
    const last = doing || (talk.recent ? textOf(talk.recent) : "");
    const mine = !doing && talk.recent?.sender === uid && talk.recent.kind === 1 ? "You: " : "";
    button.append(
      made("span", "name", model.nameOf(talk)),
      made("time", "", talk.lastMs ? timeOf(talk.lastMs) : ""),
      made("span", "last", mine + last),
      unread,
    );
    button.onclick = () => openTalk(talk.conversation);
    return made("li", "", button);
  });
  const nobody = made("li", "empty", "Nobody yet. Type a number above, and write.");
  at("chats").replaceChildren(...(rows.length > 0 ? rows : [nobody]));
  if (focused) at("chats").querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
}

function bubble(isMine: boolean, who: string, text: string, meta: string, more = ""): HTMLElement {
  const element = made("div", `bubble ${isMine ? "mine" : ""} ${more}`);
  if (who) element.append(made("span", "who", who));
  element.append(made("p", "", text), made("span", "meta", meta));
  return element;
}

function drawTalk(): void {
  const talk = model.open;
  const log = at("log");
  at("send-form").hidden = !talk;
  at("title").textContent = talk ? model.nameOf(talk) : "";
  const isOfGroup = (talk?.members.length ?? 0) > 0;
  at("members").hidden = !isOfGroup;
  at("members").textContent = `${talk?.members.length} members`;
  at("doing").textContent = talk?.doing(performance.now()) ?? "";
  drawGroup(isOfGroup ? talk : undefined);
  if (!talk) {
    log.replaceChildren(made("p", "nothing", "Choose a conversation, or write to somebody by number."));
    return;
  }
  const rows: HTMLElement[] = [];
  const shown = talk.shown();
  if ((shown[0]?.seq ?? 1) > 1) {
    const more = made("button", "more", "Earlier messages") as HTMLButtonElement;
    more.onclick = () => void earlier(talk, shown[0]!.seq);
    rows.push(more);
  }
  const isGroup = talk.conversation.kind === 2;
  for (const message of shown) {
    if (message.kind !== 1) {
      const text = textOf(message);
      if (text) rows.push(made("div", "event", text));
      continue;
    }
    const isMine = message.sender === uid;
    const who = isGroup && !isMine ? `User ${message.sender}` : "";
    const isRead = message.seq <= talk.peerReadSeq;
    const meta = `${timeOf(message.time_ms)} · #${message.seq}${isMine ? (isRead ? " ✓✓" : " ✓") : ""}`;
    const row = bubble(isMine, who, textOf(message), meta);
    row.dataset.seq = String(message.seq);
    if (isMine) {
      const title = isRead ? "It is read" : "It is on disk, and in every inbox that it is for";
      row.lastElementChild!.setAttribute("title", title);
    }
    rows.push(row);
  }
  const here = keyOf(talk.conversation);
  for (const send of client?.pending ?? []) {
    if (keyOf(send.conversation) !== here) continue;
    rows.push(bubble(true, "", textOf({ ...send, sender: uid }), "waiting …", "waiting"));
  }
  for (const failed of model.failed) {
    if (keyOf(failed.send.conversation) !== here) continue;
    rows.push(bubble(true, "", failed.send.text ?? "", `not sent: ${failed.text}`, "failed"));
  }
  if (rows.length === 0) rows.push(made("p", "nothing", "Nothing was said yet."));
  log.replaceChildren(...rows);
  if (isStuck) log.scrollTop = log.scrollHeight;
}

const MUTE_MS = 3_600_000;
let drawnGroup = "";

/** Who is in the open group, and what this user may do there. It is drawn anew when it differs: a person may be typing. */
function drawGroup(talk: Talk | undefined): void {
  const isShown = talk !== undefined && at("members").ariaExpanded === "true";
  at("group").hidden = !isShown;
  const role = talk?.roleOf(uid) ?? ROLE_MEMBER;
  const drawn = isShown ? JSON.stringify([keyOf(talk.conversation), talk.members, talk.info, role]) : "";
  if (drawn === drawnGroup) return;
  drawnGroup = drawn;
  if (!isShown) return;
  at("notice").hidden = !talk.info?.notice;
  at("notice").textContent = talk.info?.notice ?? "";
  at("title-form").hidden = at("notice-form").hidden = role < ROLE_ADMIN;
  at<HTMLInputElement>("new-title").value = talk.info?.title ?? "";
  at<HTMLInputElement>("new-notice").value = talk.info?.notice ?? "";
  at("group-members").replaceChildren(...talk.members.map((member) => memberRow(talk, member, role)));
  const leave = button("Leave", () => change((group) => client.leaveGroup(group)));
  const end = button("End the group", () => change((group) => client.endGroup(group)));
  at("group-ends").replaceChildren(leave, ...(role === ROLE_OWNER ? [end] : []));
}

function memberRow(talk: Talk, member: Id, role: number): HTMLElement {
  const theirs = talk.roleOf(member);
  const isMuted = talk.mutedUntilMs(member) > Date.now();
  const what = [{ [ROLE_ADMIN]: "admin", [ROLE_OWNER]: "owner" }[theirs], isMuted ? "muted" : ""].filter(Boolean).join(", ");
  const row = made("li", "", made("span", "name", member === uid ? "You" : `User ${member}`), made("span", "role", what));
  const does = (text: string, make: (group: Conversation) => Promise<unknown>) => row.append(button(text, () => change(make)));
  if (member === uid) return row;
  if (role === ROLE_OWNER) {
    const other = theirs === ROLE_ADMIN ? ROLE_MEMBER : ROLE_ADMIN;
    does(other === ROLE_ADMIN ? "Make admin" : "Make member", (group) => client.setRole(group, other, [member]));
  }
  if (role > theirs) {
    does(isMuted ? "Unmute" : "Mute", (group) => client.mute(group, isMuted ? 0 : Date.now() + MUTE_MS, [member]));
    does("Remove", (group) => client.removeMembers(group, [member]));
  }
  return row;
}

function button(text: string, onclick: () => unknown): HTMLElement {
  const element = made("button", "", text) as HTMLButtonElement;
  element.type = "button";
  element.onclick = () => void onclick();
  return element;
}

async function earlier(talk: Talk, seq: number): Promise<void> {
  if (isHistoryAsked) return;
  isHistoryAsked = true;
  const log = at("log");
  const below = log.scrollHeight - log.scrollTop;
  try {
    await client.history(talk.conversation, seq);
    drawTalk();
    log.scrollTop = log.scrollHeight - below;
  } catch (error) {
    showBanner((error as Error).message);
  } finally {
    isHistoryAsked = false;
  }
}

let countdown: ReturnType<typeof setInterval> | undefined;

function draw(it: Events["state"]): void {
  state = it;
  clearInterval(countdown);
  const words = { closed: "offline", connecting: "connecting …", online: "online", waiting: "", stopped: "stopped" };
  const show = (): void => {
    const leftS = Math.max(0, Math.ceil(((state.untilMs ?? 0) - performance.now()) / 1_000));
    at("state").textContent = state.state === "waiting" ? `again in ${leftS} s` : words[state.state];
  };
  at("state").dataset.state = it.state;
  show();
  if (it.state === "waiting") countdown = setInterval(show, 500);
  const isAway = it.state === "closed";
  at("offline").ariaPressed = String(isAway);
  at("offline").textContent = isAway ? "Go online" : it.state === "stopped" ? "Connect" : "Go offline";
  at<HTMLButtonElement>("cut").disabled = it.state !== "online";
  showBanner(
    it.state === "stopped"
      ? `Stopped: ${it.text || "the server ended the session"}.`
      : it.state === "waiting" || isAway
        ? "Not connected. What you write is kept here, and goes out when the gateway is back."
        : "",
  );
}

function showBanner(text: string): void {
  at("banner").textContent = text;
  at("banner").hidden = text === "";
}

const wireLines: string[] = [];

function showWire(isSaid: boolean, text: string): void {
  const shown = text.replace(/"token":"[^"]*"/, '"token":"…"');
  wireLines.push(`${isSaid ? "→" : "←"} ${shown}`);
  if (wireLines.length > WIRE_LINES_MAX) wireLines.shift();
  const wire = at("wire");
  if (wire.hidden) return;
  wire.textContent = wireLines.join("\n");
  wire.scrollTop = wire.scrollHeight;
}

function grow(): void {
  const text = at<HTMLTextAreaElement>("text");
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight + 2, 144)}px`;
}

function leaveTalk(): void {
  at("app").dataset.shows = "chats";
  const key = model.open && keyOf(model.open.conversation);
  if (model.open) model.open.draft = at<HTMLTextAreaElement>("text").value;
  model.open = undefined;
  redraw();
  setTimeout(() => at("chats").querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus(), 50);
}

// ---- what a person does

at("app").dataset.shows = "chats";
at<HTMLFormElement>("send-form").onsubmit = (event) => {
  event.preventDefault();
  send();
};
at<HTMLFormElement>("new-form").onsubmit = (event) => {
  event.preventDefault();
  const to = at<HTMLInputElement>("new-to");
  void writeTo(to.value);
  to.value = "";
};
at("text").oninput = () => {
  grow();
  const isEmpty = at<HTMLTextAreaElement>("text").value.trim() === "";
  if (model.open) client[isEmpty ? "stopped" : "typing"](model.open.conversation);
};
at("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
};
at("chats").onkeydown = (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...at("chats").querySelectorAll("button")];
  const now = buttons.indexOf(document.activeElement as HTMLButtonElement);
  if (step === undefined || now < 0) return;
  event.preventDefault();
  buttons[Math.min(Math.max(now + step, 0), buttons.length - 1)]?.focus();
};
document.onkeydown = (event) => {
  if (event.key === "Escape" && model.open) leaveTalk();
};
at("log").onscroll = () => {
  const log = at("log");
  isStuck = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
};
at("members").onclick = () => {
  at("members").ariaExpanded = String(at("members").ariaExpanded !== "true");
  drawTalk();
};
/** A form of the open group: what is typed goes to the server. */
function onTyped(form: string, input: string, make: (group: Conversation, typed: string) => Promise<unknown>): void {
  at<HTMLFormElement>(form).onsubmit = (event) => {
    event.preventDefault();
    const { value } = at<HTMLInputElement>(input);
    void change((group) => make(group, value.trim()));
  };
}
onTyped("title-form", "new-title", (group, title) => client.setTitle(group, title));
onTyped("notice-form", "new-notice", (group, notice) => client.announce(group, notice));
onTyped("add-form", "new-members", async (group, typed) => {
  await client.addMembers(group, typed.match(/[1-9][0-9]*/g) ?? []);
  at<HTMLInputElement>("new-members").value = "";
});
at("back").onclick = leaveTalk;
at("offline").onclick = () => void (client.state === "closed" || client.state === "stopped" ? client.connect() : client.close());
at("cut").onclick = () => client.cut();
at("look").onclick = () => {
  const wire = at("wire");
  wire.hidden = !wire.hidden;
  at("look").ariaPressed = String(!wire.hidden);
  wire.textContent = wireLines.join("\n");
  wire.scrollTop = wire.scrollHeight;
};
document.addEventListener("visibilitychange", () => {
  if (client) saw();
  redraw();
});
window.addEventListener("hashchange", () => location.reload());

uid = location.hash.slice(1);
if (/^[1-9][0-9]{0,19}$/.test(uid)) void begin();
else askWho();
