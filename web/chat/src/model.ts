// What the page shows: conversations with their messages, what waits, what failed. It knows no element and no connection.

import {
  type Chat,
  type Conversation,
  GROUP_CREATED,
  GROUP_ENDED,
  type GroupInfo,
  type Id,
  type Kept,
  keyOf,
  MEMBER_LEFT,
  MEMBERS_ADDED,
  MEMBERS_MUTED,
  MEMBERS_REMOVED,
  type Message,
  NOTICE_GIVEN,
  peerOf,
  ROLE_ADMIN,
  ROLE_MEMBER,
  ROLE_OWNER,
  ROLES_GIVEN,
  type Signal,
  SIGNAL_READ,
  SIGNAL_RECORDING,
  SIGNAL_STOPPED,
  SIGNAL_TYPING,
  TITLE_GIVEN,
  uidsOf,
} from "@longline/client";

/** Messages of a conversation that are read from the store when it is opened. */
export const SHOWN_MAX = 400;

export class Talk {
  readonly #messages = new Map<number, Message>();
  readSeq = 0;
  /** Up to where the peer has read. */
  peerReadSeq = 0;
  /** What the peer does, and until when, in ms of `performance.now()`. */
  does: { what: string; untilMs: number } | undefined;
  unread = 0;
  isHidden = false;
  /** The newest, as the list of chats has it: it may have no text. */
  recent: Message | undefined;
  /** Of a group. */
  members: Id[] = [];
  info: GroupInfo | undefined;
  draft = "";

  constructor(readonly conversation: Conversation) {}

  /** Whether it is new here. */
  add(message: Message): boolean {
    const former = this.#messages.get(message.seq);
    // The beginning of a body does not take the place of all of it.
    if (former && (isPartial(message) || !isPartial(former))) return false;
    this.#messages.set(message.seq, message);
    if (message.seq >= (this.recent?.seq ?? 0)) this.recent = message;
    return !former;
  }

  /** What the peer does now; nothing once it is over. */
  doing(nowMs: number): string {
    return this.does && nowMs < this.does.untilMs ? this.does.what : "";
  }

  /** What somebody is in a group. */
  roleOf(uid: Id): number {
    return this.info?.roles.find((it) => it.uid === uid)?.role ?? ROLE_MEMBER;
  }

  /** Until when somebody may not write in a group, Unix ms. */
  mutedUntilMs(uid: Id): number {
    const role = this.roleOf(uid);
    const own = this.info?.roles.find((it) => it.uid === uid)?.muted_until_ms ?? 0;
    if (role === ROLE_OWNER) return 0;
    return role === ROLE_MEMBER ? Math.max(own, this.info?.muted_until_ms ?? 0) : own;
  }

  /** Ascending, without a gap up to the newest. */
  shown(): Message[] {
    const all = [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
    const hole = all.findLastIndex((it, at) => at > 0 && all[at - 1]!.seq + 1 !== it.seq);
    return all.slice(Math.max(hole, 0));
  }

  /** The newest that is here. */
  get newestSeq(): number {
    return Math.max(0, ...this.#messages.keys());
  }

  get lastMs(): number {
    return this.recent?.time_ms ?? 0;
  }
}

export class Model {
  uid: Id = "0";
  readonly talks = new Map<string, Talk>();
  open: Talk | undefined;
  failed: { send: Kept; text: string }[] = [];

  talk(conversation: Conversation): Talk {
    const key = keyOf(conversation);
    const talk = this.talks.get(key) ?? new Talk(conversation);
    this.talks.set(key, talk);
    return talk;
  }

  /** The inbox began anew: nothing that was known holds. */
  reset(): void {
    const open = this.open?.conversation;
    this.talks.clear();
    this.open = open && this.talk(open);
  }

  onChats(chats: Chat[]): void {
    for (const chat of chats) {
      const talk = this.talk(chat.conversation);
      if (chat.recent.kind !== 0 && chat.recent.seq >= (talk.recent?.seq ?? 0)) talk.recent = chat.recent;
      [talk.readSeq, talk.unread, talk.isHidden] = [chat.read_seq, chat.unread, chat.is_hidden];
      talk.peerReadSeq = Math.max(talk.peerReadSeq, chat.peer_read_seq ?? 0);
    }
  }

  /** Whether somebody else says something that was not seen. */
  onMessage(message: Message): boolean {
    const talk = this.talk(message.conversation);
    const isNew = talk.add(message);
    talk.isHidden = false;
    if (message.sender !== this.uid) talk.does = undefined;
    const counts = isNew && message.kind === 1 && message.sender !== this.uid && message.seq > talk.readSeq;
    if (counts) talk.unread += 1;
    return counts;
  }

  /** A signal of the peer makes no conversation. Returns for how long it holds, in ms. */
  onSignal({ conversation, kind, seq, ttl_ms: ttlMs = 0 }: Signal, nowMs: number): number {
    const talk = this.talks.get(keyOf(conversation));
    if (!talk) return 0;
    const what = { [SIGNAL_TYPING]: "typing …", [SIGNAL_RECORDING]: "recording …" }[kind];
    if (kind === SIGNAL_READ) talk.peerReadSeq = Math.max(talk.peerReadSeq, seq ?? 0);
    else if (what) talk.does = { what, untilMs: nowMs + ttlMs };
    else if (kind === SIGNAL_STOPPED) talk.does = undefined;
    return what ? ttlMs : 0;
  }

  /** Those to list, the newest first. */
  listed(): Talk[] {
    const talks = [...this.talks.values()].filter((it) => !it.isHidden);
    return talks.sort((a, b) => b.lastMs - a.lastMs);
  }

  nameOf({ conversation, members, info }: Talk): string {
    if (info?.title) return info.title;
    if (conversation.kind === 1) return `User ${peerOf(conversation, this.uid)}`;
    if (conversation.kind === 3) return "Notices";
    const others = members.filter((it) => it !== this.uid);
    return others.length > 0 ? `Group of ${others.join(", ")} and you` : `Group ${conversation.a.slice(0, 6)}…`;
  }
}

export function isPartial(message: Message): boolean {
  return ((message.row_flags ?? 0) & 1) !== 0;
}

/** What a message says, for a person. */
export function textOf(message: Pick<Message, "kind" | "text" | "body" | "sender">): string {
  if (message.kind === 1) return message.text ?? `${message.body?.length ?? 0} characters of base64`;
  const who = `User ${message.sender}`;
  const bytes = message.body ?? bodyOf(message.text);
  switch (message.kind) {
    case TITLE_GIVEN:
      return message.text ? `${who} named the group ${message.text}` : `${who} took the group's name away`;
    case NOTICE_GIVEN:
      return message.text ? `${who} announced: ${message.text}` : `${who} took the announcement away`;
    case GROUP_ENDED:
      return `${who} ended the group`;
    case ROLES_GIVEN: {
      const [role, ...uids] = uidsOf(bytes);
      const what = { [ROLE_MEMBER]: "a member", [ROLE_ADMIN]: "an admin", [ROLE_OWNER]: "the owner" }[Number(role)];
      return `${who} made ${uids.join(", ")} ${what ?? "something new"}`;
    }
    case MEMBERS_MUTED: {
      const [until, ...uids] = uidsOf(bytes);
      const whom = uids.join(", ") || "everybody";
      return until === "0" ? `${who} lets ${whom} write again` : `${who} muted ${whom} for a while`;
    }
    default:
  }
  const uids = message.kind < MEMBER_LEFT ? uidsOf(bytes).join(", ") : "";
  switch (message.kind) {
    case GROUP_CREATED:
      return `${who} made the group${uids ? ` with ${uids}` : ""}`;
    case MEMBERS_ADDED:
      return `${who} added ${uids}`;
    case MEMBERS_REMOVED:
      return `${who} removed ${uids}`;
    case MEMBER_LEFT:
      return `${who} left`;
    default:
      return "";
  }
}

/** Bytes that happened to be text, in base64. */
function bodyOf(text = ""): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
