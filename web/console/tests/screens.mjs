// Each screen at 1400 px, at 320 px and at 200 % zoom, light and dark: nothing that must not happen, nothing wider than
// the window, and no finding of any rule of axe, in both colour schemes. Arguments: the server's address, names of screens or nothing, a folder for pictures.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { launch, openPage, settle } from './browser.mjs';
import { listScreens } from './places.mjs';

const [origin, only, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const windows = [
  { width: 1400, height: 900 },
  { width: 320, height: 640 },
  // 1400 px at 200 %.
  { width: 700, height: 450, scale: 2 },
];

const faults = [];
const browser = await launch();
const screens = (await listScreens(origin)).filter(([name]) => !only || only.split(',').includes(name));

async function look(page, name, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  // Without `runOnly` every rule runs that is not experimental, and 2.2 has one that is off by default. The other scheme
  // has other colours and nothing else.
  const rules = scheme === 'light' ? { rules: { 'target-size': { enabled: true } } } : { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } };
  const [found, count] = await page.evaluate(async (rules) => {
    const { violations, passes, incomplete, inapplicable } = await window.axe.run(document, rules);
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.any.concat(node.all)[0]?.message ?? ''}`).join(' | ')}`);
    return [told, violations.length + passes.length + incomplete.length + inapplicable.length];
  }, rules);
  const least = scheme === 'light' ? 90 : 1;
  assert.ok(count > least, `only ${count} rules ran`);
  const { width } = page.viewportSize();
  if (pictures) await page.screenshot({ path: `${pictures}/${name}-${width}-${scheme}.png`, fullPage: true });
  for (const violation of found) faults.push(`${name} (${width}px, ${scheme}): ${violation}`);
}

async function lookThrough(window) {
  const page = await openPage(browser, { origin, ...window }, faults);
  for (const [name, path, act] of screens) {
    try {
      await page.goto(`${origin}/console${path}`);
      await settle(page);
      if (act) {
        await act(page);
        await settle(page);
      }
      const excess = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (excess > 0) faults.push(`${name} (${window.width}px): ${excess}px wider than the window`);
      await page.evaluate(axe);
      await look(page, name, 'light');
      await look(page, name, 'dark');
      await page.emulateMedia({ colorScheme: 'light' });
    } catch (error) {
      faults.push(`${name} (${window.width}px): ${error.message}`);
    }
  }
  await page.context().close();
}

await Promise.all(windows.map(lookThrough));
await browser.close();
assert.equal(faults.join('\n'), '');
console.log(`${screens.length} screens in ${windows.length} windows`);
