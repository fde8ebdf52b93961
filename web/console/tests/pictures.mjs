// The pictures of the documentation. Arguments: the server's address and a folder.
import assert from 'node:assert/strict';
import { launch, openPage, settle } from './browser.mjs';
import { listScreens } from './places.mjs';

const [origin, folder] = process.argv.slice(2);
const shown = { overview: 'overview', editor: 'rule-editor', person: 'person', import: 'import', growth: 'growth' };
const faults = [];
const browser = await launch();
const page = await openPage(browser, { origin, width: 1180, height: 760 }, faults);
for (const [name, path, act] of await listScreens(origin)) {
  if (!shown[name]) continue;
  await page.goto(`${origin}/console${path}`);
  await settle(page);
  if (act) await act(page);
  if (name === 'editor') {
    // A change that is not saved, so that the picture shows who would leave.
    await page.getByRole('spinbutton', { name: 'Measure: value' }).fill('4');
    await page.getByText('would leave').waitFor();
    await page.locator('[data-testid=total][data-current=true]').waitFor();
  }
  await settle(page);
  await page.screenshot({ path: `${folder}/console-${shown[name]}.png` });
}
await browser.close();
assert.deepEqual(faults, []);
