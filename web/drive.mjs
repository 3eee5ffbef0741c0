// Drives the chat page in a real Chromium against a real gateway: `node drive.mjs GATEWAY CHROMIUM DIR`.
// DIR takes the data directory and, in `shots/`, a picture of each width and scheme. Ends with 'N passed, N failed'.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [gatewayPath, chromiumPath, dir] = process.argv.slice(2);
const PATIENCE_MS = 30_000;
const data = join(dir, "data");
const shots = join(dir, "shots");
await rm(dir, { recursive: true, force: true });
await mkdir(shots, { recursive: true });

/** A gateway; the first takes a free port, those after it the same. */
class Gateway {
  static port = 0;

  static async start() {
    const gateway = new Gateway();
    const settings = { listen: `127.0.0.1:${Gateway.port}`, admin: "127.0.0.1:0", "data-dir": data, cores: 1, shards: 1, log: "warn" };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    gateway.child = spawn(gatewayPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    gateway.ended = new Promise((done) => gateway.child.once("exit", done));
    const line = await new Promise((done, fail) => {
      gateway.child.stdout.once("data", (bytes) => done(String(bytes)));
      gateway.ended.then(() => fail(new Error("the gateway ended")));
    });
    gateway.page = /chat at (\S+)/.exec(line)?.[1];
    assert.ok(gateway.page, `it says where its page is: ${line}`);
    Gateway.port = Number(new URL(gateway.page).port);
    return gateway;
  }

  async end(signal) {
    this.child.kill(signal);
    await this.ended;
  }
}

let gateway = await Gateway.start();
const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const url = (uid) => `${gateway.page}#${uid}`;

/** A tab of this user. What the page could not do fails the step. */
async function tab(context, uid) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (it) => {
    if (it.type() === "error" && !/WebSocket|ERR_CONNECTION|ERR_EMPTY/.test(it.text())) problems.push(it.text());
  });
  if (uid) await page.goto(url(uid));
  return page;
}

const online = (page) => page.locator("#state[data-state=online]").waitFor();
const write = async (page, text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
};
/** Many at once, as fast as the page takes them. */
const writeAll = (page, all) =>
  page.evaluate((all) => {
    const text = document.getElementById("text");
    for (const it of all) {
      text.value = it;
      text.form.requestSubmit();
    }
  }, all);
const numbered = (text, count) => Array.from({ length: count }, (_, nth) => `${text}: ${nth}`);
const begin = async (page, to) => {
  await page.fill("#new-to", to);
  await page.press("#new-to", "Enter");
};
/** Each message of the log, in order: its place and its text. */
const said = (page) =>
  page.locator("#log .bubble").evaluateAll((all) => all.map((it) => [Number(it.dataset.seq ?? 0), it.querySelector("p").textContent]));
const until = async (what, is) => {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await is();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
};
/** Each of these texts is there once, durable, in places without a gap. */
async function holds(page, texts) {
  await until(`${texts.length} messages`, async () => {
    const all = await said(page);
    return all.length >= texts.length && all.every(([seq]) => seq > 0);
  });
  const all = await said(page);
  assert.deepEqual(all.map(([, text]) => text), texts);
  assert.deepEqual(all.map(([seq]) => seq), texts.map((_, at) => all[0][0] + at));
}

const problems = [];
let passed = 0;
let failed = 0;
async function step(name, body) {
  const beganMs = Date.now();
  try {
    await body();
    assert.deepEqual(problems.splice(0), []);
    passed += 1;
    console.log(`ok ${name} (${Date.now() - beganMs} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}: ${error.stack}`);
    for (const page of [seven, eight]) {
      const all = await said(page).catch(() => []);
      console.log(await page.textContent("#state").catch(String), all.length, JSON.stringify(all.slice(-8)));
      await page.screenshot({ path: join(shots, `failed-${failed}-${page === seven ? 7 : 8}.png`) }).catch(() => {});
    }
  }
}

const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
let seven = await tab(context);
const eight = await tab(context, 8);
const texts = [];

await step("a person types a number and is somebody", async () => {
  await seven.goto(gateway.page);
  await seven.fill("#begin-uid", "7");
  await seven.press("#begin-uid", "Enter");
  await online(seven);
  await online(eight);
  assert.equal(await seven.textContent("#me"), "7");
});

await step("two tabs talk", async () => {
  await begin(seven, "8");
  await write(seven, "hello");
  await eight.locator("#chats .unread").waitFor();
  await eight.locator("#chats button").first().click();
  await eight.locator("#log .bubble").first().waitFor();
  await write(eight, "hi, who is there?");
  texts.push("hello", "hi, who is there?");
  await holds(seven, texts);
  await holds(eight, texts);
  await until("it is read", async () => (await eight.locator("#chats .unread").count()) === 0);
  await until("the writer sees that", async () => / ✓✓$/.test(await seven.textContent("#log .mine .meta")));
});

await step("who types is seen, until it stops", async () => {
  // What was typed for the messages before rests still.
  await new Promise((done) => setTimeout(done, 3_100));
  await seven.fill("#text", "I am thinking of");
  await until("it is seen", async () => (await eight.textContent("#doing")) === "typing …");
  await seven.fill("#text", "");
  await until("it is over", async () => (await eight.textContent("#doing")) === "");
  // The next is let in again only after a rest, and ends with its message.
  await new Promise((done) => setTimeout(done, 3_100));
  await seven.fill("#text", "you");
  await until("it is seen again", async () => /typing/.test(await eight.textContent("#chats .last")));
  await write(seven, "you");
  texts.push("you");
  await holds(eight, texts);
  assert.equal(await eight.textContent("#doing"), "");
});

await step("100 messages while one is offline, and back", async () => {
  await eight.click("#offline");
  await eight.locator("#state[data-state=closed]").waitFor();
  await writeAll(seven, numbered("from 7", 50));
  texts.push(...numbered("from 7", 50));
  await holds(seven, texts);
  await writeAll(eight, numbered("from 8", 50));
  await until("50 wait", async () => (await eight.locator("#log .bubble.waiting").count()) === 50);
  await eight.click("#offline");
  await online(eight);
  texts.push(...numbered("from 8", 50));
  await holds(eight, texts);
  await holds(seven, texts);
});

await step("a reload keeps cursor and outbox, while the gateway is killed and started again", async () => {
  await write(eight, "before the kill");
  texts.push("before the kill");
  await holds(seven, texts);
  await gateway.end("SIGKILL");
  await writeAll(seven, numbered("while it is down", 5));
  texts.push(...numbered("while it is down", 5));
  await seven.locator("#log .bubble.waiting").nth(4).waitFor();
  gateway = await Gateway.start();
  await seven.reload();
  await online(seven);
  await seven.locator("#chats button").first().click();
  await online(eight);
  // A page shows the newest 64 of a history and what it has itself: both have all of it.
  await holds(seven, texts);
  await holds(eight, texts);
});

await step("the gateway stops in order under messages, and nothing is lost or doubled", async () => {
  const writing = (async () => {
    for (let nth = 0; nth < 30; nth += 1) {
      await write(seven, `across a stop: ${nth}`);
      texts.push(`across a stop: ${nth}`);
    }
  })();
  await gateway.end("SIGTERM");
  gateway = await Gateway.start();
  await writing;
  await holds(seven, texts);
  await holds(eight, texts);
});

await step("a group is made, and everybody hears", async () => {
  const nine = await tab(context, 9);
  await online(nine);
  await begin(seven, "8, 9");
  await seven.locator("#members", { hasText: "3 members" }).waitFor();
  await write(seven, "hello, all");
  for (const page of [eight, nine]) {
    await page.locator("#chats button", { hasText: "Group" }).first().click();
    await page.locator("#log .bubble p", { hasText: "hello, all" }).waitFor();
  }
  await nine.close();
});

await step("a group has a name, an announcement and roles, and its members come and go", async () => {
  const row = (page, uid) => page.locator("#group-members li", { hasText: `User ${uid}` });
  await seven.click("#members");
  await seven.fill("#new-title", "Walks");
  await seven.press("#new-title", "Enter");
  await eight.locator("#title", { hasText: "Walks" }).waitFor();
  await eight.locator("#log .event", { hasText: "named the group Walks" }).waitFor();
  await seven.fill("#new-notice", "Sunday at nine");
  await seven.press("#new-notice", "Enter");
  await eight.click("#members");
  await eight.locator("#notice", { hasText: "Sunday at nine" }).waitFor();
  assert.equal(await eight.locator("#title-form").isVisible(), false, "a member gives no name");
  await row(seven, 8).getByRole("button", { name: "Mute" }).click();
  await row(seven, 8).locator(".role", { hasText: "muted" }).waitFor();
  await write(eight, "may I?");
  await eight.locator("#log .failed .meta", { hasText: "not sent" }).waitFor();
  await row(seven, 8).getByRole("button", { name: "Unmute" }).click();
  await row(seven, 8).getByRole("button", { name: "Make admin" }).click();
  await row(eight, 9).getByRole("button", { name: "Remove" }).click();
  await seven.locator("#members", { hasText: "2 members" }).waitFor();
  await seven.fill("#new-members", "9, 10");
  await seven.press("#new-members", "Enter");
  await eight.locator("#members", { hasText: "4 members" }).waitFor();
  await write(eight, "now I may");
  await seven.locator("#log .bubble p", { hasText: "now I may" }).waitFor();
  await eight.locator("#group-ends").getByRole("button", { name: "Leave" }).click();
  await seven.locator("#members", { hasText: "3 members" }).waitFor();
  await eight.locator("#members").waitFor({ state: "hidden" });
});

await step("a second tab of a user waits for the first", async () => {
  const again = await tab(context, 8);
  await again.locator("#banner", { hasText: "another tab" }).waitFor();
  assert.equal(await eight.getAttribute("#state", "data-state"), "online");
  await again.close();
});

await step("where no WebSocket comes through, polls over HTTP do, also over a restart", async () => {
  const behind = await browser.newContext();
  const sockets = [];
  await behind.routeWebSocket(/v1\/ws/, (socket) => {
    sockets.push(socket);
    socket.close();
  });
  const [nine, ten] = [await tab(behind, 9), await tab(behind, 10)];
  await online(nine);
  await online(ten);
  assert.ok(sockets.length >= 4, `each tries two: ${sockets.length}`);
  await begin(nine, "10");
  const texts = numbered("polled", 30);
  await writeAll(nine, texts.slice(0, 10));
  await begin(ten, "9");
  await holds(ten, texts.slice(0, 10));
  await writeAll(nine, texts.slice(10, 20));
  await gateway.end("SIGKILL");
  gateway = await Gateway.start();
  await writeAll(nine, texts.slice(20));
  await holds(nine, texts);
  await holds(ten, texts);
  await behind.close();
});

await step("it goes by keyboard alone", async () => {
  await seven.keyboard.press("Escape");
  await until("the list has the focus", () => seven.evaluate(() => document.activeElement?.closest("#chats") !== null));
  await seven.keyboard.press("ArrowDown");
  await seven.keyboard.press("Enter");
  await until("the message has the focus", () => seven.evaluate(() => document.activeElement?.id === "text"));
  assert.match(await seven.textContent("#title"), /User 8/);
});

await step("a page of a foreign origin gets nothing", async () => {
  const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<p>evil"));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const evil = await (await browser.newContext()).newPage();
  await evil.goto(`http://127.0.0.1:${server.address().port}/`);
  const got = await evil.evaluate(async (target) => {
    const read = (path, options) => fetch(target + path, options).then((it) => it.text(), () => "nothing");
    const json = { method: "POST", headers: { "content-type": "application/json" }, body: '{"uid":"7"}' };
    const plain = { method: "POST", body: '{"uid":"7"}' };
    const blind = { ...plain, mode: "no-cors" };
    const socket = new Promise((done) => {
      const it = new WebSocket(`${target.replace("http", "ws")}v1/ws`, "longline.v1.json");
      it.onopen = () => done("open");
      it.onerror = () => done("nothing");
    });
    return [
      await read(""),
      await read("v1/dev-token", json),
      await read("v1/dev-token", plain),
      (await fetch(`${target}v1/dev-token`, blind).then((it) => it.text(), () => "")) || "nothing",
      await socket,
    ];
  }, gateway.page);
  assert.deepEqual(got, Array(5).fill("nothing"));
  // The name that a rebinding page has.
  const rebound = await fetch(`${gateway.page}v1/dev-token`, { method: "POST", headers: { "content-type": "application/json", origin: "http://evil.example" }, body: '{"uid":"7"}' });
  assert.equal(rebound.status, 403);
  await evil.context().close();
  server.close();
});

await step("it looks as it should", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await seven.emulateMedia({ colorScheme });
    for (const [width, height] of [[1280, 800], [420, 860]]) {
      await seven.setViewportSize({ width, height });
      const wide = await seven.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `nothing is wider than ${width}`);
      await seven.waitForTimeout(150);
      await seven.screenshot({ path: join(shots, `talk-${width}-${colorScheme}.png`) });
      if (width < 700) {
        await seven.click("#back");
        await seven.screenshot({ path: join(shots, `chats-${width}-${colorScheme}.png`) });
        await seven.locator("#chats button").first().click();
      }
    }
  }
  const begin = await tab(context);
  await begin.goto(gateway.page);
  await begin.screenshot({ path: join(shots, "begin-1280-light.png") });
  await begin.close();
});

await browser.close();
await gateway.end("SIGTERM");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
