// With the keyboard alone: make the segment "bought at least twice, not in the last 90 days", watch its count at each
// step, save it, and read why one person is in it and another is not. The server has the data of the demo; a second argument
// is its base path.
import assert from 'node:assert/strict';
import { expectTotal, launch, openPage, settle } from './browser.mjs';

const [origin, base = ''] = process.argv.slice(2);
const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin }, faults);
const { keyboard } = page;

/** Presses Tab until an element of this role and name has the focus. */
async function tabTo(role, name, backwards = false) {
  const wanted = page.getByRole(role, { name, exact: true }).first();
  for (let step = 0; step < 120; step += 1) {
    if ((await wanted.count()) && (await wanted.evaluate((element) => element === document.activeElement))) return;
    await keyboard.press(backwards ? 'Shift+Tab' : 'Tab');
  }
  assert.fail(`Tab never comes to the ${role} "${name}"`);
}

await page.goto(`${origin}${base}/console/`);
await settle(page);

await tabTo('link', 'Segments');
await keyboard.press('Enter');
await tabTo('link', 'New segment');
await keyboard.press('Enter');
await tabTo('textbox', 'Name');
await keyboard.type('Bought twice, not lately');
await expectTotal(page, '2,357');

await tabTo('button', 'Add the first condition');
await keyboard.press('Enter');
await keyboard.type('did “purchase');
await keyboard.press('Enter');
await expectTotal(page, '2,357');
await tabTo('combobox', 'Measure');
await keyboard.type('number of t');
await expectTotal(page, '1,152');

await tabTo('button', 'Add a condition');
await keyboard.press('Enter');
await keyboard.type('did “purchase');
await keyboard.press('Enter');
await tabTo('combobox', 'Window');
await keyboard.type('in the');
await tabTo('spinbutton', 'Window: how many');
await keyboard.press('Control+a');
await keyboard.type('90');
await tabTo('combobox', 'Match or do not match', true);
await keyboard.type('do not');
await expectTotal(page, '853');

// Undo and redo by keys, on a card.
await keyboard.press('Control+z');
await page.locator('[data-testid=total][data-current=true]:not(:text-is("853"))').waitFor();
await keyboard.press('Control+Shift+z');
await expectTotal(page, '853');

await tabTo('button', 'Save');
await keyboard.press('Enter');
await page.waitForURL('**/segments/bought-twice-not-lately');
await page.getByRole('link', { name: 'cdnow-0001@example.com' }).waitFor({ timeout: 30_000 });
await page.getByText('1–50 of 853 members').waitFor();

await tabTo('link', 'cdnow-0001@example.com');
await keyboard.press('Enter');
await tabTo('combobox', 'Segment');
await keyboard.type('Bought');
await page.getByText('Matches the rule').waitFor();
await page.getByText('4 events').waitFor();

await page.goto(`${origin}${base}/console/people`);
await settle(page);
await tabTo('searchbox', 'Find people by the beginning of their name or e-mail address');
await keyboard.type('cdnow-0003');
await page.getByText('1 person', { exact: true }).waitFor();
await tabTo('link', 'cdnow-0003@example.com');
await keyboard.press('Enter');
await tabTo('combobox', 'Segment');
await keyboard.type('Bought');
await page.getByText('Does not match the rule').waitFor();

await browser.close();
assert.deepEqual(faults, []);
console.log('the walk ended well');
