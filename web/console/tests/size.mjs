// The size of what a browser loads, as Brotli: at first, and in all. The argument is the folder of a build with manifest.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const dist = process.argv[2];
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));

/** The length as Brotli; what is too small to gain from it is there only as it is. */
function size(file) {
  try {
    return statSync(join(dist, `${file}.br`)).size;
  } catch {
    return statSync(join(dist, file)).size;
  }
}

/** Adds what a module loads before it runs. */
function collect(key, files = new Set()) {
  const { file, imports = [], css = [] } = manifest[key];
  if (files.has(file)) return files;
  for (const each of [file, ...css]) files.add(each);
  for (const each of imports) collect(each, files);
  return files;
}

const first = new Set([...collect('index.html'), ...collect('src/pages/overview.tsx')]);
const total = (files, suffix) => [...files].filter((file) => file.endsWith(suffix)).reduce((sum, file) => sum + size(file), 0);
const assets = readdirSync(join(dist, 'assets')).map((name) => `assets/${name}`);
const found = {
  'first load, scripts': [total(first, '.js'), 130_000],
  'first load, styles': [total(first, '.css'), 15_000],
  'all scripts and styles': [total(assets, '.js') + total(assets, '.css'), 230_000],
};
for (const [what, [bytes, most]] of Object.entries(found)) {
  console.log(`${what}: ${bytes} of ${most} bytes`);
  assert.ok(bytes > 1000, `${what}: ${bytes} bytes cannot be all`);
  assert.ok(bytes <= most, `${what}: ${bytes} bytes are more than ${most}`);
}
const others = assets.filter((name) => !/\.(js|css)(\.br)?$/.test(name));
assert.deepEqual(others, [], 'no fonts and no pictures');
