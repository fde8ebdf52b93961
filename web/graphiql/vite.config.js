import { defineConfig } from 'vite';

export default defineConfig({
  // The server writes whole paths into the page (`--base-path`); scripts find each other relative to themselves.
  base: './',
  // Settings of whoever builds stay out: no .env files, no PostCSS configuration from a folder above.
  envDir: false,
  publicDir: false,
  css: { postcss: { plugins: [] } },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // What the bundle is made of, and under which licences.
    license: { fileName: 'licenses.md' },
    // Monaco alone is larger than the default limit of 500 kB.
    chunkSizeWarningLimit: 8000,
    rolldownOptions: {
      onwarn(warning, warn) {
        // "use client" in a dependency: means nothing in a page without server components.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning);
      },
    },
  },
});
