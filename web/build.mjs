// Builds the chat page into a directory, by default the gateway's: `node build.mjs [DIR]`.

import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";

const here = import.meta.dirname;
const into = process.argv[2] ?? join(here, "../gateway/assets");
await mkdir(into, { recursive: true });
await build({
  entryPoints: [join(here, "chat/src/app.ts")],
  outfile: join(into, "app.js"),
  alias: { "@longline/client": join(here, "sdk/src/index.ts") },
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
});
await build({ entryPoints: [join(here, "chat/app.css")], outfile: join(into, "app.css"), minify: true, charset: "utf8" });
for (const file of ["index.html", "icon.svg"]) await copyFile(join(here, "chat", file), join(into, file));
