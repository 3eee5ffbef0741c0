// Message ids: UUIDs of version 7, whose time is the server's.

/** An id of this time, Unix ms, with these 10 random bytes. */
export function uuidv7(timeMs: number, random: Uint8Array): string {
  const time = Math.max(0, Math.min(timeMs, 2 ** 48 - 1)).toString(16).padStart(12, "0");
  const bytes = Uint8Array.from(random.subarray(0, 10));
  bytes[0] = 0x70 | (bytes[0]! & 0x0f);
  bytes[2] = 0x80 | (bytes[2]! & 0x3f);
  const hex = time + Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The time in an id, Unix ms. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
