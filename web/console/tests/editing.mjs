// Drafts, conflicts, moving cards, the JSON view and problems in the rule editor, and typing fast.
import assert from 'node:assert/strict';
import { ask, expect, expectFocus, expectTotal, launch, openPage, settle } from './browser.mjs';

const origin = process.argv[2];
const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin }, faults);
const edit = `${origin}/console/segments/lapsed-buyers/edit`;
const total = (text) => expectTotal(page, text);
const words = () => page.locator('.card.leaf .words').allTextContents();

async function step(name, act) {
  try {
    await act();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}

await page.goto(edit);
await total('638');

await step('each card has its count', async () => {
  await expect(() => page.locator('.card.leaf .count > .number').allTextContents(), ['1,152', '1,843']);
});

await step('cards move by keys, and undo brings them back', async () => {
  const [first, second] = await words();
  await page.locator('button.card-title').first().focus();
  await page.keyboard.press('Alt+ArrowDown');
  await total('638');
  await expect(words, [second, first]);
  // The card that was moved keeps it.
  await expectFocus(page, /at least 2/i);
  await page.keyboard.press('Control+z');
  await total('638');
  await expect(words, [first, second]);
});

await step('wrapping, duplicating and removing', async () => {
  const menu = page.getByRole('button', { name: /^Actions: at least 2/ });
  await menu.click();
  await page.getByRole('button', { name: 'Put into a group: any of' }).click();
  await total('638');
  await menu.click();
  await page.getByRole('button', { name: /^Duplicate/ }).click();
  await page.waitForFunction(() => document.querySelectorAll('.card.leaf').length === 3);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.card.branch').length === 1);
});

await step('a draft survives a reload, and the difference is shown', async () => {
  await page.locator('button.card-title').first().click();
  await page.getByRole('spinbutton', { name: 'Measure: value' }).fill('4');
  await page.getByText('would leave').waitFor();
  await page.reload();
  await page.getByText('Your draft was restored').waitFor();
  await page.getByText('At least 4 "purchase" events', { exact: false }).first().waitFor();
});

await step('a newer version opens the dialog with both rules', async () => {
  const { segment } = await ask(origin, '{ segment(key: "lapsed-buyers") { id } }');
  await ask(origin, 'mutation($input: UpdateSegmentInput!) { updateSegment(input: $input) { userErrors { message } } }', {
    input: { id: segment.id, name: 'Lapsed buyers', ruleJson: { event: { name: 'purchase', count: { atLeast: 3 } } } },
  });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'This segment was changed meanwhile' });
  await dialog.getByText('at least 3 "purchase" events').waitFor();
  await dialog.getByText('at least 4 "purchase" events').waitFor();
  assert.deepEqual((await dialog.locator('del, ins').allTextContents()).slice(0, 2).map((text) => text.trim()), ['3', '4']);
  await dialog.getByRole('button', { name: 'Save mine over it' }).click();
  await page.waitForURL('**/segments/lapsed-buyers');
  const { segment: saved } = await ask(origin, '{ segment(key: "lapsed-buyers") { rule } }');
  assert.deepEqual(saved.rule.all[0].event.count, { atLeast: 4 });
});

await step('an old version is restored', async () => {
  await page.getByRole('tab', { name: 'Rule and versions' }).click();
  await page.getByRole('button', { name: 'Restore version 1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restore' }).click();
  await page.getByText('Version 4, the present one').waitFor();
  // Each version shows what differs from the one before it, word by word.
  const marked = await page.locator('[data-version="4"]').evaluate((item) => ['del', 'ins'].map((name) => [...item.querySelectorAll(name)].map((each) => each.textContent.trim())));
  assert.deepEqual(marked, [['4'], ['2']]);
});

await step('the JSON view changes the rule, and problems stand at their card', async () => {
  await page.goto(edit);
  await total('638');
  await page.getByRole('button', { name: 'JSON' }).click();
  await page.getByRole('textbox', { name: /The rule as/ }).fill('{"text": {"field": "custom.nothing", "is": {"equals": "x"}}}');
  await page.getByRole('button', { name: 'JSON' }).click();
  await page.locator('.card.wrong .problem').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Mend the problems of the rule.').waitFor();
  await page.getByRole('button', { name: 'Discard changes' }).click();
  await total('638');
});

await step('one request runs at a time, and older ones are aborted', async () => {
  const running = new Set();
  let most = 0;
  const isPreview = (request) => request.postData()?.includes('query PreviewSegment') ?? false;
  page.on('request', (request) => {
    if (isPreview(request)) running.add(request);
    most = Math.max(most, running.size);
  });
  page.on('requestfinished', (request) => running.delete(request));
  page.on('requestfailed', (request) => running.delete(request));
  await page.locator('button.card-title').first().click();
  const value = page.getByRole('spinbutton', { name: 'Measure: value' });
  for (let count = 1; count <= 30; count += 1) {
    await value.fill(String(count));
    // Sometimes long enough for a request to begin.
    await page.waitForTimeout(count % 5 === 0 ? 380 : 40);
  }
  await value.fill('3');
  await expectTotal(page, '301');
  assert.equal(most, 1);
  await page.getByRole('button', { name: 'Discard changes' }).click();
});

await step('where counting is slow it waits for its button', async () => {
  let asked = 0;
  const delay = async (route) => {
    if (!route.request().postData()?.includes('query PreviewSegment')) return route.fallback();
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    return route.fallback();
  };
  await page.route('**/graphql', delay);
  await page.goto(edit);
  const count = page.getByRole('button', { name: 'Count', exact: true });
  await page.locator('[data-testid=total][data-current=true]').waitFor();
  await page.locator('button.card-title').first().click();
  const value = page.getByRole('spinbutton', { name: 'Measure: value' });
  const before = asked;
  await value.fill('7');
  await count.waitFor();
  await page.waitForTimeout(600);
  assert.equal(asked, before, 'nothing is asked before the button is pressed');
  await page.unroute('**/graphql', delay);
  await count.click();
  await page.locator('[data-testid=total][data-current=true]').waitFor();
  // Fast again, it counts by itself.
  await value.fill('3');
  await expectTotal(page, '301');
  await page.getByRole('button', { name: 'Discard changes' }).click();
});

await step('values are suggested with their counts', async () => {
  await page.goto(`${origin}/console/segments/new`);
  await settle(page);
  await page.getByRole('button', { name: 'Add the first condition' }).click();
  await page.getByRole('button', { name: /^Master id/ }).click();
  await page.getByRole('combobox', { name: 'Condition: value' }).fill('0000');
  await page.getByRole('option', { name: /^00004/ }).click();
  await total('1');
});

await browser.close();
assert.deepEqual(faults, []);
console.log('the editor keeps what it is given');
