import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { defineConfig } from 'vite';

/** Writes each asset as Brotli too, so that the server need not compress it. */
const compressed = {
  name: 'compressed',
  apply: 'build',
  // From the written files: until then Vite still changes scripts.
  writeBundle({ dir }) {
    const folder = join(dir, 'assets');
    for (const name of readdirSync(folder)) {
      const content = readFileSync(join(folder, name));
      const small = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
      if (small.length < content.length) writeFileSync(join(folder, `${name}.br`), small);
    }
  },
};

export default defineConfig({
  // The server writes where it is served into the page (`--base-path`); scripts find each other relative to themselves.
  base: './',
  plugins: [compressed],
  // Settings of the developer's machine stay out: no .env files, no PostCSS configuration from a folder above.
  envDir: false,
  publicDir: false,
  css: { postcss: { plugins: [] } },
  build: {
    target: 'es2022',
    // What the bundle is made of, and under which licences.
    license: { fileName: 'licenses.md' },
    // The policy of the page allows no data addresses for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use client" in a dependency: means nothing in a page without server components.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
  server: {
    // For `vite` beside a running `rollcall demo`.
    proxy: Object.fromEntries(
      ['/graphql', '/session', '/imports', '/export', '/health', '/graphiql'].map((path) => [
        path,
        { target: process.env.ROLLCALL_URL ?? 'http://127.0.0.1:7655', ws: path === '/graphql' },
      ]),
    ),
  },
});
