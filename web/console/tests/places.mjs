// The screens of the console with the data of the demo, and what is opened on them.
import { ask } from './browser.mjs';

const PEOPLE = `Email Address,Vorname,Plan,Status,Signup date
ada@example.org,Ada,pro,subscribed,03/04/2026
ben@example.org,Ben,free,unsubscribed,04/05/2026
cleo@example.org,Cleo,pro,subscribed,13/05/2026
not an address,Dan,pro,subscribed,01/06/2026
`;

/** Makes an import of a small file and returns its id once it is looked at or done. */
export async function importPeople(origin, input = {}) {
  const { createImport } = await ask(origin, 'mutation($input: CreateImportInput!) { createImport(input: $input) { import { id uploadUrl } } }', {
    input: { kind: 'SUBSCRIBERS', fileName: 'newsletter.csv', ...input },
  });
  const { id, uploadUrl } = createImport.import;
  const sent = await fetch(origin + uploadUrl, { method: 'PUT', headers: { 'content-type': 'text/csv' }, body: PEOPLE });
  if (!sent.ok) throw new Error(await sent.text());
  for (;;) {
    const { import: found } = await ask(origin, 'query($id: ID!) { import(id: $id) { state } }', { id });
    if (!['WAITING', 'READY', 'RUNNING'].includes(found.state)) return id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Returns the screens: a path, and what is done on it before it is looked at. */
export async function listScreens(origin) {
  const { subscriber } = await ask(origin, '{ subscriber(email: "cdnow-0001@example.com") { id } }');
  const person = `/people/${encodeURIComponent(subscriber.id)}`;
  const open = await importPeople(origin, { review: true });
  const done = await importPeople(origin, {
    dryRun: true, dateFormat: 'dd/mm/yyyy', fields: [{ column: 'Plan', type: 'TEXT' }],
  });
  return [
    ['overview', '/'],
    ['segments', '/segments'],
    ['segment', '/segments/lapsed-buyers'],
    ['growth', '/segments/lapsed-buyers?tab=growth'],
    ['changes', '/segments/lapsed-buyers?tab=changes', (page) => page.locator('.changes summary').first().click()],
    ['rule', '/segments/lapsed-buyers?tab=rule'],
    ['copying', '/segments/lapsed-buyers', async (page) => {
      await page.getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('button', { name: 'Copy the members to a group' }).click();
    }],
    ['editor', '/segments/lapsed-buyers/edit', (page) => page.locator('button.card-title').first().click()],
    ['editor-menu', '/segments/january-and-loyal/edit', async (page) => {
      await page.locator('button.card-title').first().click();
      await page.getByRole('button', { name: /^Actions: / }).last().click();
    }],
    ['editor-json', '/segments/lapsed-buyers/edit', (page) => page.getByRole('button', { name: 'JSON' }).click()],
    ['adding', '/segments/new', (page) => page.getByRole('button', { name: 'Add the first condition' }).click()],
    ['people', '/people', (page) => page.getByRole('button', { name: 'Filter by a rule' }).click()],
    ['person', `${person}?segment=lapsed-buyers`],
    ['person-values', `${person}?tab=values`],
    ['person-events', `${person}?tab=events`],
    ['person-history', `${person}?tab=history`],
    ['groups', '/groups'],
    ['group', '/groups/listening-panel', (page) => page.getByRole('button', { name: 'Add people' }).click()],
    ['imports', '/imports'],
    ['new-import', '/imports/new'],
    ['import', `/imports/${encodeURIComponent(open)}`],
    ['import-done', `/imports/${encodeURIComponent(done)}`],
    ['fields', '/fields', (page) => page.getByRole('button', { name: 'New field' }).click()],
    ['refreshes', '/refreshes', (page) => page.locator('.changes summary').first().click()],
    ['keys', '/keys', (page) => page.getByRole('button', { name: 'New key' }).click()],
    ['audit', '/audit', (page) => page.getByRole('searchbox', { name: 'Only this action' }).fill('createImport')],
    ['webhooks', '/webhooks'],
    ['new-webhook', '/webhooks', (page) => page.getByRole('button', { name: 'New webhook' }).click()],
    ['settings', '/settings'],
    ['missing', '/nothing/here'],
  ];
}
