// What the tests use of Node.

declare module "node:test" {
  export default function test(name: string, body: () => void | Promise<void>): void;
}

declare module "node:assert/strict" {
  const assert: {
    equal(actual: unknown, expected: unknown, message?: string): void;
    notEqual(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(actual: string, expected: RegExp): void;
    ok(actual: unknown, message?: string): void;
    rejects(actual: Promise<unknown>, expected?: object): Promise<void>;
  };
  export default assert;
}
