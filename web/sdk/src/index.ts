// A client of Longline, for browsers and for Node 22 or later.

export { Client, type Events, type Options, RequestError, type State } from "./client.js";
export { type Beginning, type Draft, type Effect, Machine } from "./machine.js";
export type { Position } from "./inbox.js";
export type { Kept } from "./outbox.js";
export { type Change, IndexedDbStore, MemoryStore, openStore, type Saved, type Store } from "./store.js";
export * from "./wire.js";
