// What a device keeps over reloads: who it is, its cursor with the messages up to it, and what is not acked. In memory, or in
// IndexedDB. It knows no connection.

import { NOTHING, type Position } from "./inbox.js";
import type { Kept } from "./outbox.js";
import { type Chat, type Conversation, type Id, keyOf, type Message } from "./wire.js";

/** What is there at the start. */
export interface Saved {
  device: Id;
  position: Position;
  /** In order. */
  outbox: Kept[];
}

/** What changes at once, or not at all. */
export interface Change {
  /** Everything that came of the inbox is forgotten first. */
  isReset?: boolean;
  messages?: Message[];
  position?: Position;
  keep?: Kept[];
  /** Ids of sends that are kept no more. */
  drop?: string[];
  chats?: Chat[];
}

export interface Store {
  /** Reads what is there. A new device makes itself a number. */
  load(): Promise<Saved>;
  /** Changes it; done once it is on disk. */
  commit(change: Change): Promise<void>;
  /** The newest messages of a conversation, ascending. */
  messages(conversation: Conversation, limit: number): Promise<Message[]>;
  chats(): Promise<Chat[]>;
  close(): void;
}

/** A number that is no other device's. */
function newDevice(): Id {
  const [device] = crypto.getRandomValues(new BigUint64Array(1));
  return String(device! === 0n ? 1n : device);
}

/** Forgotten when the program ends. */
export class MemoryStore implements Store {
  readonly #saved: Saved = { device: newDevice(), position: NOTHING, outbox: [] };
  #messages = new Map<string, Map<number, Message>>();
  #chats = new Map<string, Chat>();

  async load(): Promise<Saved> {
    return structuredClone(this.#saved);
  }

  async commit(change: Change): Promise<void> {
    if (change.isReset) [this.#messages, this.#chats] = [new Map(), new Map()];
    for (const message of change.messages ?? []) {
      const key = keyOf(message.conversation);
      const rows = this.#messages.get(key) ?? new Map<number, Message>();
      rows.set(message.seq, message);
      this.#messages.set(key, rows);
    }
    for (const chat of change.chats ?? []) this.#chats.set(keyOf(chat.conversation), chat);
    const gone = new Set([...(change.drop ?? []), ...(change.keep ?? []).map((it) => it.client_msg_id)]);
    const left = this.#saved.outbox.filter((it) => !gone.has(it.client_msg_id));
    this.#saved.outbox = [...left, ...(change.keep ?? [])].sort((a, b) => a.order - b.order);
    if (change.position) this.#saved.position = change.position;
  }

  async messages(conversation: Conversation, limit: number): Promise<Message[]> {
    const rows = [...(this.#messages.get(keyOf(conversation))?.values() ?? [])];
    return rows.sort((a, b) => a.seq - b.seq).slice(-limit);
  }

  async chats(): Promise<Chat[]> {
    return [...this.#chats.values()];
  }

  close(): void {}
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** In a browser, on disk. */
export class IndexedDbStore implements Store {
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
  }

  /** Opens the database of this name, or makes it. */
  static async open(name: string): Promise<IndexedDbStore> {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("meta");
      request.result.createObjectStore("outbox", { keyPath: "client_msg_id" });
      request.result.createObjectStore("messages");
      request.result.createObjectStore("chats");
    };
    return new IndexedDbStore(await done(request));
  }

  async load(): Promise<Saved> {
    const at = this.#db.transaction(["meta", "outbox"], "readwrite", { durability: "strict" });
    const meta = at.objectStore("meta");
    let device: Id | undefined = await done(meta.get("device"));
    if (device === undefined) {
      device = newDevice();
      meta.put(device, "device");
    }
    // One that an earlier release stored has no `messageId`.
    const position: Position = { ...NOTHING, ...(await done(meta.get("cursor"))) };
    const outbox: Kept[] = await done(at.objectStore("outbox").getAll());
    return { device, position, outbox: outbox.sort((a, b) => a.order - b.order) };
  }

  commit(change: Change): Promise<void> {
    const at = this.#db.transaction(["meta", "outbox", "messages", "chats"], "readwrite", {
      durability: "strict",
    });
    const [messages, chats, outbox] = ["messages", "chats", "outbox"].map((it) => at.objectStore(it)) as [
      IDBObjectStore,
      IDBObjectStore,
      IDBObjectStore,
    ];
    if (change.isReset) {
      messages.clear();
      chats.clear();
    }
    for (const it of change.messages ?? []) messages.put(it, [keyOf(it.conversation), it.seq]);
    for (const it of change.chats ?? []) chats.put(it, keyOf(it.conversation));
    for (const id of change.drop ?? []) outbox.delete(id);
    for (const it of change.keep ?? []) outbox.put(it);
    if (change.position) at.objectStore("meta").put(change.position, "cursor");
    return new Promise((resolve, reject) => {
      at.oncomplete = () => resolve();
      at.onabort = () => reject(at.error);
    });
  }

  async messages(conversation: Conversation, limit: number): Promise<Message[]> {
    const key = keyOf(conversation);
    const range = IDBKeyRange.bound([key, 0], [key, Infinity]);
    const cursor = this.#db.transaction("messages").objectStore("messages").openCursor(range, "prev");
    return new Promise((resolve, reject) => {
      const found: Message[] = [];
      cursor.onerror = () => reject(cursor.error);
      cursor.onsuccess = () => {
        const row = cursor.result;
        if (!row || found.length === limit) return resolve(found.reverse());
        found.push(row.value);
        row.continue();
      };
    });
  }

  chats(): Promise<Chat[]> {
    return done(this.#db.transaction("chats").objectStore("chats").getAll());
  }

  close(): void {
    this.#db.close();
  }
}

/** On disk where that is possible, else in memory. */
export async function openStore(name: string): Promise<Store> {
  try {
    return await IndexedDbStore.open(name);
  } catch {
    // No browser, or one that keeps nothing.
    return new MemoryStore();
  }
}
