// Bundles src/ into dist/: app.js, app.css, index.html, icon.svg.
//   node build.mjs            writes dist/
//   node build.mjs --check    fails when dist/ is not what the sources make, or is too large
//   node build.mjs --watch    writes dist/ at each change, with a source map
//   node build.mjs --once DIR writes to DIR what --watch would write now
//   node build.mjs --sizes    tells what of the sources takes how much of app.js, before it is gzipped
import { build, context } from "esbuild";
import { mkdir, mkdtemp, readFile, readdir, rm, copyFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { minify } from "terser";
import { uplot } from "./uplot.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const LIMIT = 80_000; // bytes of all files gzipped; the budget of the page
const NOTICE = "/*! Tarsier, Apache-2.0. Contains Preact, Preact Signals and uPlot (MIT); see web/README.md */";

const options = (out, development) => ({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx" },
  outdir: out,
  bundle: true,
  format: "iife",
  target: ["chrome110", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !development,
  sourcemap: development ? "inline" : false,
  legalComments: "none",
  plugins: [uplot],
  banner: { js: NOTICE },
  logLevel: "warning",
});

/** The bundle into `out`. A second minifier goes over it: 4 % of it gzipped. */
async function bundle(out) {
  await build(options(out, false));
  const path = join(out, "app.js");
  const { code } = await minify(await readFile(path, "utf8"), {
    ecma: 2020,
    toplevel: true,
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
    format: { comments: /^!/ },
  });
  await writeFile(path, `${code}\n`);
  await copies(out);
}

async function copies(out) {
  await mkdir(out, { recursive: true });
  for (const name of ["index.html", "icon.svg"]) await copyFile(join(here, "src", name), join(out, name));
}

async function sizes(directory) {
  let sum = 0;
  for (const name of (await readdir(directory)).sort()) {
    const bytes = await readFile(join(directory, name));
    const packed = gzipSync(bytes, { level: 9 }).length;
    sum += packed;
    console.log(`${name.padEnd(12)} ${String(bytes.length).padStart(8)} ${String(packed).padStart(8)} gzipped`);
  }
  console.log(`all          ${String(sum).padStart(17)} gzipped, of ${LIMIT}`);
  return sum;
}

async function check() {
  const fresh = await mkdtemp(join(tmpdir(), "tarsier-web-"));
  try {
    await bundle(fresh);
    const names = (await readdir(fresh)).sort();
    const committed = (await readdir(join(here, "dist"))).sort();
    if (names.join() !== committed.join()) throw new Error(`web/dist holds ${committed}, the sources make ${names}`);
    for (const name of names)
      if (!(await readFile(join(fresh, name))).equals(await readFile(join(here, "dist", name))))
        throw new Error(`web/dist/${name} is not what the sources make: run ./dev web and commit it`);
    if ((await sizes(fresh)) > LIMIT) throw new Error("the page is too large");
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function shares() {
  const { metafile } = await build({ ...options("dist", false), metafile: true, write: false });
  const [, app] = Object.entries(metafile.outputs).find(([name]) => name.endsWith("app.js"));
  const inputs = Object.entries(app.inputs).map(([name, { bytesInOutput }]) => [bytesInOutput, name]);
  for (const [bytes, name] of inputs.sort((a, b) => b[0] - a[0])) if (bytes) console.log(String(bytes).padStart(7), name);
}

const mode = process.argv[2] ?? "";
try {
  if (mode === "--check") {
    await check();
  } else if (mode === "--sizes") {
    await shares();
  } else if (mode === "--once") {
    await copies(process.argv[3]);
    await build(options(process.argv[3], true));
  } else if (mode === "--watch") {
    await copies(join(here, "dist"));
    await (await context(options("dist", true))).watch();
  } else {
    await rm(join(here, "dist"), { recursive: true, force: true });
    await bundle(join(here, "dist"));
    if ((await sizes(join(here, "dist"))) > LIMIT) throw new Error("the page is too large");
  }
} catch (error) {
  console.error(`web: ${error.message}`);
  process.exit(1);
}
