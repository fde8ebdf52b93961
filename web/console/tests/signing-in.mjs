// A server with keys: a wrong key, a right one, what is kept in the browser, and signing out.
import assert from 'node:assert/strict';
import { ask, launch, openPage, settle } from './browser.mjs';

const origin = process.argv[2];
const { createApiKey } = await ask(origin, 'mutation { createApiKey(input: { name: "console", scopes: [ADMIN] }) { secret userErrors { message } } }');
const { secret } = createApiKey;
assert.ok(secret, JSON.stringify(createApiKey));

const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin }, faults);
await page.goto(`${origin}/console/segments`);
const key = page.getByRole('textbox', { name: 'API key' });
await key.fill('rollcall_wrong');
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByText('This key is not known').waitFor();
await key.fill(secret);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.getByRole('heading', { name: 'Segments' }).waitFor();
await settle(page);

const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
assert.ok(!kept.includes(secret), 'no script can read the key');
const cookies = await page.context().cookies();
assert.equal(cookies.length, 1);
assert.deepEqual([cookies[0].httpOnly, cookies[0].sameSite], [true, 'Strict']);

await page.reload();
await page.getByRole('heading', { name: 'Segments' }).waitFor();
await page.goto(`${origin}/console/imports/new`);
await page.getByRole('textbox', { name: 'Drop a file here' }).or(page.locator('input[type=file]')).setInputFiles({
  name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from('email,first_name\nada@example.org,Ada\n'),
});
await page.getByRole('button', { name: 'Look at the file' }).click();
await page.getByRole('button', { name: 'Check without writing' }).click();
await page.getByText('This was a check: nothing was written').waitFor();
await page.getByRole('button', { name: 'Import it now' }).click();
await page.getByRole('button', { name: 'Undo the import' }).waitFor();
await page.goto(`${origin}/console/people`);
await page.getByRole('link', { name: 'ada@example.org' }).waitFor();

await page.getByRole('button', { name: 'Sign out' }).click();
await key.waitFor();
await page.reload();
await key.waitFor();
await browser.close();
// Answers of 401 are what this is about; the browser writes each of them into its console.
assert.deepEqual(faults.filter((fault) => !fault.includes('401 (Unauthorized)')), []);
console.log('signed in and out');
