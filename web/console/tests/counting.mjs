// How long the first list and live counting take, and whether the server answers others meanwhile. Not a test: it prints
// figures.
//
//     node tests/counting.mjs http://127.0.0.1:7655 '{"number": {"field": "custom.visits", "is": {"atLeast": 1}}}'
//
// The rule has one condition with a number, which is changed again and again. The server should have nothing else to do.
import { ask, launch, openPage, settle } from './browser.mjs';

const [origin, rule] = process.argv.slice(2);
const TIMES = 40;
const TYPING_MS = 60_000;

const sorted = (numbers) => [...numbers].sort((a, b) => a - b);
const describe = (numbers) => {
  const ordered = sorted(numbers);
  return `median ${Math.round(ordered[ordered.length >> 1])} ms, worst ${Math.round(ordered.at(-1))} ms of ${ordered.length}`;
};

async function probe() {
  const start = performance.now();
  await ask(origin, '{ groups(first: 1) { totalCount } }');
  return performance.now() - start;
}

const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin }, faults);
// Since the navigation began, by the clock of the page.
const painted = [];
for (let turn = 0; turn < 5; turn += 1) {
  await page.goto(`${origin}/console/segments`);
  painted.push(await page.evaluate(() => new Promise((resolve) => {
    const look = () => (document.querySelector('main tbody tr') ? resolve(performance.now()) : requestAnimationFrame(look));
    look();
  })));
}
console.log(`the list of segments is painted: ${describe(painted)}`);

await page.goto(`${origin}/console/segments/new`);
await settle(page);
await page.getByRole('button', { name: 'JSON' }).click();
await page.getByRole('textbox', { name: /The rule as/ }).fill(rule);
await page.getByRole('button', { name: 'JSON' }).click();
await page.locator('button.card-title').first().click();
const value = page.getByRole('spinbutton').first();
const isCurrent = () => document.querySelector('[data-testid=total]')?.dataset.current === 'true';
await page.waitForFunction(isCurrent);

// From a key press to the counts, the pause before asking included.
const taken = [];
for (let turn = 0; turn < TIMES; turn += 1) {
  await value.press('ArrowUp');
  const start = performance.now();
  await page.waitForFunction(() => document.querySelector('[data-testid=total]')?.dataset.current !== 'true');
  await page.waitForFunction(isCurrent, null, { polling: 10 });
  taken.push(performance.now() - start);
}
console.log(`from a key press to new counts: ${describe(taken)}`);

const quiet = [];
for (let turn = 0; turn < TIMES; turn += 1) quiet.push(await probe());
console.log(`another question, while nobody types: ${describe(quiet)}`);

const running = new Set();
let most = 0;
let previews = 0;
page.on('request', (request) => {
  if (!request.postData()?.includes('query PreviewSegment')) return;
  running.add(request);
  previews += 1;
  most = Math.max(most, running.size);
});
page.on('requestfinished', (request) => running.delete(request));
page.on('requestfailed', (request) => running.delete(request));
const probes = [];
const end = performance.now() + TYPING_MS;
for (let turn = 0; performance.now() < end; turn += 1) {
  await value.fill(String(turn + 1));
  // Mostly too fast for a request, and sometimes just long enough.
  await page.waitForTimeout(turn % 4 === 0 ? 400 : 60);
  if (turn % 5 === 0) probes.push(await probe());
}
console.log(`another question, while somebody types for a minute: ${describe(probes)}`);
console.log(`${previews} previews were asked for, at most ${most} at a time`);
await browser.close();
if (faults.length > 0) console.log(faults);
