// What people who do not know the console try: names in place of addresses and codes, saving what is not finished, a list
// of actions at the end of the window, a small window, hundreds of groups, and a reload in the middle of an import.
import assert from 'node:assert/strict';
import { ask, expect, expectFocus, expectTotal, launch, openPage, settle } from './browser.mjs';
import { importPeople } from './places.mjs';

const origin = process.argv[2];
const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin }, faults);

async function step(name, act) {
  try {
    await act();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}

for (const [email, firstName, lastName, country] of [
  ['grete@example.org', 'Grete', 'van Dyk', 'DE'], ['hugo@example.org', 'Hugo', 'Grete', 'GB'], ['ines@example.org', 'Ines', 'Rossi', 'IT'],
]) {
  await ask(origin, 'mutation($input: UpsertSubscriberInput!) { upsertSubscriber(input: $input) { userErrors { message } } }', { input: { email, values: { firstName, lastName, country } } });
}

await step('people are found by their names', async () => {
  await page.goto(`${origin}/console/people`);
  await settle(page);
  const search = page.getByRole('searchbox', { name: /^Find people/ });
  const found = async (text, emails) => {
    await search.fill(text);
    await page.waitForFunction((wanted) => [...document.querySelectorAll('tbody th')].map((cell) => cell.textContent).sort().join() === wanted, emails.join())
      .catch(() => assert.fail(`“${text}” does not find just ${emails}`));
  };
  await found('gret', ['grete@example.org', 'hugo@example.org']);
  await found('grete van d', ['grete@example.org']);
  await found('van dyk grete', ['grete@example.org']);
  await found('hugo@', ['hugo@example.org']);
  await search.fill('no such name');
  await page.getByText('No person has a name or an e-mail address that begins like this.').waitFor();
});

await step('one who is no member is looked for among all people', async () => {
  await page.goto(`${origin}/console/segments/lapsed-buyers`);
  await page.getByRole('searchbox', { name: /^Find members/ }).fill('grete@');
  await page.getByRole('link', { name: 'Look among all people' }).click();
  await page.getByRole('link', { name: 'grete@example.org' }).click();
  await page.getByText('Does not match the rule of “Lapsed buyers”').waitFor();
  await page.getByText('No "purchase" events of the last 180 days').waitFor();
  assert.equal(await page.getByText('at least 1 "purchase" event').count(), 0, 'a denied condition has no double meaning');
});

await step('countries are written by their names', async () => {
  await page.goto(`${origin}/console/segments/new`);
  await settle(page);
  await page.getByRole('button', { name: 'Add the first condition' }).click();
  await page.getByRole('button', { name: /^Country/ }).click();
  const value = page.getByRole('combobox', { name: 'Condition: value' });
  await expectFocus(page, /^Condition: value$/);
  await value.fill('United K');
  await page.getByRole('option', { name: /United Kingdom/ }).click();
  await page.getByText('United Kingdom', { exact: true }).waitFor();
  await expectTotal(page, '1');
  // Written out and left by the button, without choosing. While values are suggested all else is hidden from roles.
  // What no country is called is not added.
  await value.fill('united');
  await page.keyboard.press('Enter');
  await value.fill('germ');
  await page.locator('button:text-is("Done")').click();
  await expectTotal(page, '2');
  await expectFocus(page, /ountry is "GB" or "DE"/);
});

await step('saving what is not finished leads to what is missing', async () => {
  await page.getByRole('button', { name: 'Add a condition' }).click();
  await page.getByRole('button', { name: /^City/ }).click();
  await page.getByText('City: choose a value').waitFor();
  assert.equal(await page.locator('.notice').count(), 0, 'nothing is wrong while it is written');
  const save = page.getByRole('button', { name: 'Save', exact: true });
  await page.locator('button:text-is("Done")').click();
  await save.click();
  await page.getByText('Give the segment a name.').waitFor();
  await expect(() => page.getByRole('textbox', { name: 'Name', exact: true }).evaluate((field) => field === document.activeElement), true);
  await page.keyboard.type('From abroad');
  await page.getByText('1 condition has no value yet.').waitFor();
  await save.click();
  await expectFocus(page, /^Condition: value$/);
  await page.locator('button:text-is("Remove")').click();
  await page.getByText('This was not saved').waitFor({ state: 'detached' });
  await expectTotal(page, '2');
});

await step('a list of actions stays inside the window', async () => {
  await page.setViewportSize({ width: 1400, height: 560 });
  const button = page.getByRole('button', { name: /^Actions: / }).last();
  await button.evaluate((element) => window.scrollTo(0, element.getBoundingClientRect().bottom + window.scrollY - 500));
  await button.click();
  const { top, bottom } = await page.locator('.menu-list:visible').evaluate((list) => list.getBoundingClientRect().toJSON());
  assert.ok(top >= 0 && bottom <= 560, `from ${top} to ${bottom}`);
  assert.ok(await page.locator('.menu-list:visible').getByRole('button', { name: /^Move out/ }).isDisabled(), 'what cannot be done is not offered');
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 1400, height: 900 });
  await page.getByRole('button', { name: 'Discard changes' }).click();
});

await step('a small window shows the count, the button that saves, and all tabs', async () => {
  const small = await openPage(browser, { origin, width: 320, height: 640 }, faults);
  await small.goto(`${origin}/console/segments/january-and-loyal/edit`);
  await settle(small);
  const inside = (locator) => locator.evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && left >= 0 && bottom <= window.innerHeight && right <= window.innerWidth;
  });
  for (const place of ['top', 'middle', 'bottom']) {
    await small.evaluate((place) => window.scrollTo(0, { top: 0, middle: 0.5, bottom: 1 }[place] * (document.documentElement.scrollHeight - window.innerHeight)), place);
    assert.ok(await inside(small.getByRole('button', { name: 'Save', exact: true })), `Save at the ${place}`);
    assert.ok(await inside(small.locator('.count-bar strong')), `the count at the ${place}`);
  }
  await expectTotal(small, '174');
  await expect(() => small.locator('.count-bar').textContent(), /^174 of/);
  // What has the focus is never below the bar.
  await small.evaluate(() => window.scrollTo(0, 0));
  for (let turn = 0; turn < 25; turn += 1) {
    await small.keyboard.press('Tab');
    const covered = await small.evaluate(() => {
      const element = document.activeElement;
      const { top, bottom } = element.getBoundingClientRect();
      const bar = document.querySelector('.count-bar').getBoundingClientRect();
      return !element.closest('.count-bar') && element !== document.body && (top + bottom) / 2 > bar.top ? element.outerHTML.slice(0, 80) : null;
    });
    assert.equal(covered, null);
  }
  await small.goto(`${origin}/console/segments/lapsed-buyers`);
  await settle(small);
  const tabs = small.getByRole('tab');
  await expect(() => tabs.count(), 4);
  for (const tab of await tabs.all()) {
    assert.ok(await tab.evaluate((element) => element.getBoundingClientRect().right <= window.innerWidth), await tab.textContent());
  }
  await small.context().close();
});

await step('groups beyond the first 200 are found by what is typed', async () => {
  for (let number = 0; number < 205; number += 1) {
    const key = `a-${String(number).padStart(3, '0')}`;
    await ask(origin, 'mutation($input: CreateGroupInput!) { createGroup(input: $input) { userErrors { message } } }', { input: { key, name: `Fair ${number}` } });
  }
  await ask(origin, 'mutation($input: CreateGroupInput!) { createGroup(input: $input) { userErrors { message } } }', { input: { key: 'zzz', name: 'The last of all' } });
  await page.goto(`${origin}/console/segments/new`);
  await settle(page);
  await page.getByRole('button', { name: 'Add the first condition' }).click();
  await page.getByRole('button', { name: /^Group/ }).first().click();
  const field = page.getByRole('combobox', { name: 'Group: value' });
  await field.fill('last of');
  await page.getByRole('option', { name: /The last of all/ }).click();
  await page.getByText('The last of all', { exact: true }).waitFor();
  await expectTotal(page, '0');
  // Its name stays when another one is looked for.
  await field.fill('Listening');
  await page.getByRole('option', { name: /Listening panel/ }).click();
  await expectTotal(page, '24');
  await page.getByText('The last of all', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Discard changes' }).click();
});

await step('an import shows whole rows, and a reload keeps what was chosen', async () => {
  const id = await importPeople(origin, { review: true });
  await page.goto(`${origin}/console/imports/${encodeURIComponent(id)}`);
  await settle(page);
  const rows = page.locator('.mapping tbody tr');
  // Ada and Cleo have the same plan and the same status: different values alone would show neither twice.
  await expect(() => rows.nth(2).locator('td').allTextContents(), ['cleo@example.org', 'Cleo', 'pro', 'subscribed', '13/05/2026']);
  // The server's message, in the words of this page.
  await expect(() => page.locator('.mapping th', { hasText: 'Plan' }).locator('.hint').textContent(), 'is not the name of a field');
  await page.getByLabel('What “Plan” becomes').selectOption('ignore');
  await page.getByLabel('Where new people come from').fill('autumn fair');
  const group = page.getByRole('combobox', { name: 'Add all people to a group' });
  await group.fill('last of');
  await page.getByRole('option', { name: /The last of all/ }).click();
  await page.getByLabel('People to write').selectOption('only new ones');
  await page.reload();
  await settle(page);
  await expect(() => page.getByLabel('What “Plan” becomes').inputValue(), 'ignore');
  await expect(() => page.getByLabel('Where new people come from').inputValue(), 'autumn fair');
  await expect(() => page.getByLabel('People to write').inputValue(), 'INSERT');
  await expect(() => group.inputValue(), /^(The last of all|zzz)$/);
});

await step('members are shown although their refresh ended before the page could listen', async () => {
  const lost = [];
  const late = await openPage(browser, { origin }, lost);
  // Each is answered once as if the segment had just been made, and then the connection is lost once.
  const earlier = {
    'query Segment(': ({ segment }) => { segment.state = 'PENDING'; },
    'query SegmentMembers(': ({ segment: { members } }) => Object.assign(members, { totalCount: 0, edges: [] }),
  };
  const asked = new Map();
  await late.route('**/graphql', async (route) => {
    const question = Object.keys(earlier).find((name) => route.request().postData()?.includes(name));
    const times = (asked.get(question) ?? 0) + 1;
    asked.set(question, times);
    if (question === undefined || times > 2) return route.fallback();
    if (times === 2) return question === 'query Segment(' ? route.abort() : route.fallback();
    const answer = await route.fetch();
    const json = await answer.json();
    earlier[question](json.data);
    return route.fulfill({ response: answer, json });
  });
  await late.goto(`${origin}/console/segments/lapsed-buyers`);
  await late.getByText('The members are being found').waitFor();
  await late.getByText('The members are being found').waitFor({ state: 'detached' });
  await late.getByText('1–50 of 638 members').waitFor();
  assert.deepEqual(lost.filter((fault) => !fault.includes('ERR_FAILED')), []);
  await late.context().close();
});

await step('a part of a country stays as it is written', async () => {
  await page.goto(`${origin}/console/segments/new`);
  await settle(page);
  await page.getByRole('button', { name: 'Add the first condition' }).click();
  await page.getByRole('button', { name: /^Country/ }).click();
  // The list of values may be open, which hides all else from roles.
  await page.locator('select[aria-label="Condition: test"]').selectOption('startsWith');
  const value = page.getByRole('combobox', { name: 'Condition: value' });
  await value.fill('q');
  await value.press('Tab');
  await expect(() => value.inputValue(), 'q');
  await page.getByRole('button', { name: 'Discard changes' }).click();
});

await browser.close();
assert.deepEqual(faults, []);
console.log('a stranger finds the way');
