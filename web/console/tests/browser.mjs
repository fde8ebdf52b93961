// Chromium for the tests, and what must not happen in any of its pages.
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';
import { chromium } from 'playwright-core';

/** Where Debian and others have Chromium. */
const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function launch() {
  const executablePath = places.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('Chromium is missing');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-prefers-reduced-motion'] });
}

/**
 * Opens a page that writes into `faults` what must not happen: errors in its console, requests to another origin,
 * violations of its security policy.
 */
export async function openPage(browser, { origin, width = 1400, height = 900, scheme = 'light', scale = 1 }, faults) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale, reducedMotion: 'reduce', timezoneId: 'UTC',
  });
  const page = await context.newPage();
  // An answer that no script reads never counts as finished, so that its head has to do.
  page.inFlight = new Set();
  page.on('request', (request) => page.inFlight.add(request));
  page.on('response', (response) => page.inFlight.delete(response.request()));
  page.on('requestfailed', (request) => page.inFlight.delete(request));
  const note = (what) => faults.push(`${page.url()} (${width}px, ${scheme}): ${what}`);
  await page.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (url.origin === origin || url.protocol === 'data:' || url.protocol === 'blob:') return route.continue();
    note(`a request to another origin: ${url}`);
    return route.abort();
  });
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => note(`an error: ${error.message}`));
  await page.exposeFunction('noteViolation', (text) => note(`a violation of the policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      window.noteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  return page;
}

/** How long nothing must be asked for until a page counts as loaded, in milliseconds. Live counts wait for 350. */
const QUIET = 80;

/** Waits until a page has loaded what it shows. */
export async function settle(page) {
  await page.locator('main').waitFor();
  for (let quietSince = null; ; ) {
    const isBusy = page.inFlight.size > 0 || (await page.locator('main .loading').count()) > 0;
    if (isBusy) quietSince = null;
    else quietSince ??= performance.now();
    if (quietSince !== null && performance.now() - quietSince > QUIET) return;
    await page.waitForTimeout(20);
  }
}

/** How long something may take on a busy machine, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Waits until what is read is that value, or a text that fits that pattern. What a page shows follows its answers and its
 * next drawing, so that a first look may come too early. Between two looks it does `meanwhile`.
 */
export async function expect(read, wanted, meanwhile = async () => {}) {
  const fits = (seen) => (wanted instanceof RegExp ? wanted.test(seen) : isDeepStrictEqual(seen, wanted));
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const seen = await read();
    if (fits(seen)) return;
    if (performance.now() > deadline) throw new Error(`expected ${inspect(wanted)}, found ${inspect(seen)}`);
    await meanwhile();
    await setTimeout(50);
  }
}

/** Waits until the preview shows this number for the present rule. On a busy machine counting may need its button. */
export async function expectTotal(page, text) {
  const total = page.locator('[data-testid=total]');
  const button = page.getByRole('button', { name: 'Count', exact: true });
  const read = async () => [await total.textContent(), await total.getAttribute('data-current')];
  await expect(read, [text, 'true'], async () => {
    if (await button.isVisible()) await button.press('Enter').catch(() => {});
  });
}

/** Waits until what has the focus says that: its text or, where it has none, its name. */
export async function expectFocus(page, pattern) {
  await expect(() => page.evaluate(() => document.activeElement.textContent || document.activeElement.getAttribute('aria-label')), pattern);
}

/** Asks the API. */
export async function ask(origin, query, variables = {}) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}
