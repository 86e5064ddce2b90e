// sharp, in two ways (serve.py has the protocol):
//   usual  the code in its documentation: one pipeline a rendition, from the file's bytes, at sharp's own defaults
//   best   one decode (shrunk on load), a cascade of raw pixels from large to small, the encoder settings Filemill uses
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const sharp = createRequire(import.meta.url)(process.env.SHARP);
const nameOf = (r) => `${r.width}.${r.format}`;

async function usual(photo, renditions) {
  const encode = (r) => {
    const resized = sharp(photo).rotate().resize(r.width);
    return r.format === "webp" ? resized.webp() : resized.flatten({ background: "white" }).jpeg();
  };
  return Promise.all(renditions.map(async (r) => [nameOf(r), await encode(r).toBuffer()]));
}

async function best(photo, renditions) {
  const sizes = new Map();
  for (const r of renditions) sizes.set(r.width, [...(sizes.get(r.width) ?? []), r]);
  const encode = async ({ data, info }, r) => {
    const raw = { width: info.width, height: info.height, channels: info.channels };
    let image = sharp(data, { raw });
    if (r.format === "webp") image = image.webp({ quality: r.quality, effort: r.effort });
    else {
      if (info.channels === 4) image = image.flatten({ background: "white" });
      image = image.jpeg({ quality: r.quality });
    }
    return [nameOf(r), await image.toBuffer()];
  };
  const made = [];
  let current = null;
  for (const width of [...sizes.keys()].sort((a, b) => b - a)) {
    const { height } = sizes.get(width)[0];
    const source = current
      ? sharp(current.data, { raw: { width: current.info.width, height: current.info.height, channels: current.info.channels } })
      : sharp(photo).rotate();
    current = await source.resize(width, height, { fit: "fill" }).toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
    for (const r of sizes.get(width)) made.push(encode(current, r));
  }
  return Promise.all(made);
}

const engine = { usual, best }[process.argv[2]];
if (process.argv[2] === "best" && process.argv[3]) sharp.concurrency(Number(process.argv[3]));
for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  const photo = readFileSync(job.photo);
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  const made = await engine(photo, job.renditions);
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(before);
  if (job.keep) for (const [name, data] of made) writeFileSync(join(job.keep, name), data);
  const sizes = Object.fromEntries(made.map(([name, data]) => [name, data.length]));
  console.log(JSON.stringify({ cpu: (user + system) / 1e6, wall, sizes }));
}
