// What is said over a WebSocket of the subprotocol `longline.v1.json`: section 9 of `crates/wire/PROTOCOL.md`.

/** A number that may be any 64 bits, in decimal. */
export type Id = string;

/** Where messages go: a chat of two (kind 1), a group (2), what the server says (3). */
export interface Conversation {
  kind: number;
  a: Id;
  b?: Id;
}

/** A message, as a row of an inbox or of a conversation. */
export interface Message {
  /** Its row of the inbox; 0 in a history. */
  inbox_seq: number;
  conversation: Conversation;
  /** Its place in the conversation, from 1, without gaps. */
  seq: number;
  number: number;
  sender: Id;
  message_id: Id;
  time_ms: number;
  client_msg_id: string;
  /** 1: a message. Others change a group. */
  kind: number;
  /** Bit 1: only the beginning of the body is here. */
  row_flags?: number;
  flags?: number;
  text?: string;
  /** In base64, where the body is no text. */
  body?: string;
}

/** A conversation in a user's list. */
export interface Chat {
  conversation: Conversation;
  recent: Message;
  read_time_ms: number;
  read_seq: number;
  unread: number;
  version: number;
  is_hidden: boolean;
  /** Up to where the peer of a chat of two has read it, as far as the server was told. */
  peer_read_seq?: number;
}

/** What the peer of a chat of two does now. It may be lost, and is not kept. */
export interface Signal {
  conversation: Conversation;
  uid: Id;
  /** A client skips those that it does not know. */
  kind: number;
  seq?: number;
  ttl_ms?: number;
}

/** Kinds of signals. The user has read up to `seq`; types, or records, for `ttl_ms`; does neither any more. */
export const SIGNAL_READ = 1;
export const SIGNAL_TYPING = 2;
export const SIGNAL_RECORDING = 3;
export const SIGNAL_STOPPED = 4;
/** What a device is: a browser. */
export const PLATFORM_WEB = 7;
/** The bit of a server's features that says: it passes signals on. */
export const FEATURE_SIGNALS = 2n;

export interface ChatReply {
  conversation: Conversation;
  read_seq: number;
  unread: number;
  version: number;
  is_hidden: boolean;
}

export interface HistoryPage {
  conversation: Conversation;
  messages: Message[];
}

export interface ChatsPage {
  next_after?: Conversation;
  version: number;
  chats: Chat[];
  /** Of the first chats, in order; of the others 0. */
  peer_read_seqs?: number[];
}

export interface GroupMember {
  uid: Id;
  since_seq: number;
  is_owner: boolean;
}

export interface GroupMembersPage {
  conversation: Conversation;
  count: number;
  members: GroupMember[];
}

/** What a group is, as its members are told. */
export interface GroupInfo {
  conversation: Conversation;
  /** The last row that counts. */
  seq: number;
  count: number;
  title: string;
  /** What is announced. */
  notice: string;
  /** Until when nobody writes who is a plain member, Unix ms; none or 0: they may. */
  muted_until_ms?: number;
  /** The owner, admins, and who is muted. All others are members. */
  roles: { uid: Id; role?: number; muted_until_ms?: number }[];
}

/** A device of the user that is logged in. */
export interface Device {
  device: Id;
  generation: number;
  silent_s: number;
  platform: number;
}

/** Codes of refusals that a program looks at. */
export const Code = {
  BadToken: 4,
  TokenExpired: 5,
  IdTooOld: 11,
  IdInFuture: 12,
  TokenRevoked: 29,
} as const;

/** Kinds of rows that change a group. */
export const GROUP_CREATED = 16;
export const MEMBERS_ADDED = 17;
export const MEMBERS_REMOVED = 18;
export const MEMBER_LEFT = 19;
export const ROLES_GIVEN = 21;
export const MEMBERS_MUTED = 22;
export const TITLE_GIVEN = 23;
export const NOTICE_GIVEN = 24;
export const GROUP_ENDED = 25;
export const GROUP_LAST = GROUP_ENDED;
/** Roles in a group: a plain member, an admin, the owner. */
export const ROLE_MEMBER = 0;
export const ROLE_ADMIN = 1;
export const ROLE_OWNER = 2;
/** Kinds of rows that are in inboxes only: what a device of the user did. */
export const MARK_READ = 2;
export const MARK_HIDDEN = 3;

/** What to do after an end: connect again, do so with another token, or wait for a person. */
export type Next = "again" | "token" | "stop";

/** What to do where only a code says why it ended. */
export function nextOf(code: number): Next {
  switch (code) {
    case 2: // UnsupportedVersion
    case 17: // SessionReplaced
    case 18: // TooManyDevices
    case 28: // Kicked
    case 31: // EndedByUser
      return "stop";
    case Code.BadToken:
    case Code.TokenExpired:
    case Code.TokenRevoked:
      return "token";
    default:
      return "again";
  }
}

/** Whether a refused request may be made again as it was. */
export function isRetryable(code: number, retryAfterMs: number): boolean {
  const known = code >= 1 && code <= 31;
  return known ? [6, 7, 8, 9, Code.IdInFuture, 16].includes(code) : retryAfterMs > 0;
}

/** Whether a refusal with this code closes the connection. */
export function endsConnection(code: number): boolean {
  return [1, 2, 3, 4, 5, 17, 18, 20, 21, 28, 29, 31].includes(code);
}

/** The chat of two users. */
export function chatOf(one: Id, other: Id): Conversation {
  const [low, high] = BigInt(one) < BigInt(other) ? [one, other] : [other, one];
  return { kind: 1, a: high, b: low };
}

/** Names a conversation in one text. */
export function keyOf({ kind, a, b }: Conversation): string {
  return `${kind}:${a}:${b ?? "0"}`;
}

/** The other user of a chat of two. */
export function peerOf({ a, b }: Conversation, uid: Id): Id {
  return a === uid ? (b ?? "0") : a;
}

const MASK = (1n << 64n) - 1n;

function mix(it: bigint): bigint {
  let x = (it + 0x9e3779b97f4a7c15n) & MASK;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return x ^ (x >> 31n);
}

/** The group that a user makes under this message id. */
export function groupOf(uid: Id, clientMsgId: string): Conversation {
  const hex = clientMsgId.replaceAll("-", "");
  const words = [BigInt(uid), BigInt(`0x${hex.slice(0, 16)}`), BigInt(`0x${hex.slice(16)}`)];
  const h = words.reduce((h, it) => mix(h ^ mix(it)), 0n) >> 1n;
  return { kind: 2, a: String(h === 0n ? 1n : h) };
}

/** The body of a row that names these users, in base64. */
export function uidsBody(uids: Id[]): string {
  const sorted = [...new Set(uids)].map(BigInt).sort((a, b) => (a < b ? -1 : 1));
  const bytes = new Uint8Array(8 * sorted.length);
  const view = new DataView(bytes.buffer);
  sorted.forEach((uid, at) => view.setBigUint64(8 * at, uid, true));
  return btoa(String.fromCharCode(...bytes));
}

/** The body of a row that gives these users a value, a role or a time, in base64. */
export function setBody(value: number, uids: Id[]): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return btoa(String.fromCharCode(...bytes) + atob(uidsBody(uids)));
}

/** The users that such a body names. */
export function uidsOf(body: string): Id[] {
  const bytes = Uint8Array.from(atob(body), (it) => it.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length >> 3 }, (_, at) => String(view.getBigUint64(8 * at, true)));
}
