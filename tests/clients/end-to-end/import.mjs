/**
 * A list is imported as a program does it: asked for and followed by the client `graphql-ws`, the file sent by `fetch`.
 * First dry, then for good, then undone.
 *
 * node import.mjs HTTP_URL
 */
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
const people = 12_000;
let asked = 0;

async function* told(query, variables) {
  asked += 1;
  for await (const { data, errors } of client.iterate({ query, variables })) {
    assert.deepEqual(errors ?? [], [], query);
    yield data;
  }
}

async function data(query, variables) {
  for await (const data of told(query, variables)) return data;
}

async function change(query, variables) {
  const [payload] = Object.values(await data(query, variables));
  assert.deepEqual(payload.userErrors, [], query);
  return payload;
}

/** The file, as it comes from a disk: piece by piece. */
function file() {
  async function* pieces() {
    yield '\ufeffE-Mail;First Name;Status\r\n';
    for (let row = 0; row < people; row += 1) yield `p${row}@example.com;Žofija ${row};\r\n`;
    yield 'gone@example.com;Ona;subscribed\r\n';
    yield 'nobody;"a;b";\r\n';
    yield 'P1@EXAMPLE.COM;Žofija 1;\r\n';
  }
  return ReadableStream.from(pieces()).pipeThrough(new TextEncoderStream());
}

async function send({ uploadUrl }) {
  const answer = await fetch(new URL(uploadUrl, url), { method: 'PUT', body: file(), duplex: 'half' });
  assert.equal(answer.status, 202);
}

/** Asks for an import, sends its file and listens until it has ended; returns everything that was told. */
async function run(input) {
  const { import: made } = await change(
    `mutation Create($input: CreateImportInput!) {
      createImport(input: $input) { import { id state uploadUrl problemsUrl } userErrors { code path message } }
    }`,
    { input: { kind: 'SUBSCRIBERS', fileName: 'people.csv', groups: ['fair'], createGroups: true, ...input } },
  );
  assert.equal(made.state, 'WAITING');
  const states = [];
  for await (const { importProgress } of told(
    `subscription Progress($id: ID!) { importProgress(id: $id) { state progress report { rows } } }`,
    { id: made.id },
  )) {
    if (states.length === 0) await send(made);
    states.push(importProgress);
  }
  return { made, states };
}

async function report({ id }) {
  const { import: found } = await data(
    `query Report($id: ID!) {
      import(id: $id) {
        state canUndo error delimiter encoding columns { name target }
        report { rows created updated repeated suppressed refused invalidEmail addedToGroups }
        problems(first: 10) { totalCount nodes { line kind column value } }
      }
    }`,
    { id },
  );
  return found;
}

const count = async () =>
  (await data(`query Count { subscribers { totalCount } group(key: "fair") { members { totalCount } } }`)) ?? {};

await change(
  `mutation Gone {
    upsertSubscriber(input: { email: "gone@example.com", values: { status: UNSUBSCRIBED } }) { userErrors { message } }
  }`,
);

// Who cannot be subscribed again by a file is changed by the rest of the row.
const expected = {
  rows: people + 3, created: people, updated: 1, repeated: 1, suppressed: 1, refused: 1, invalidEmail: 1,
  addedToGroups: people + 1,
};
for (const dryRun of [true, false]) {
  const { made, states } = await run({ dryRun });
  const rows = states.map(({ report }) => report.rows);
  assert.deepEqual(rows, rows.toSorted((a, b) => a - b));
  assert.deepEqual(states.at(-1), { state: 'SUCCEEDED', progress: 1, report: { rows: people + 3 } });
  const found = await report(made);
  assert.deepEqual([found.state, found.error, found.delimiter, found.canUndo], ['SUCCEEDED', null, ';', !dryRun]);
  assert.deepEqual(found.columns.map(({ name, target }) => [name, target]), [
    ['E-Mail', 'email'], ['First Name', 'first_name'], ['Status', 'status'],
  ]);
  assert.deepEqual(found.report, expected);
  assert.deepEqual(found.problems, {
    totalCount: 3,
    nodes: [
      { line: people + 2, kind: 'SUPPRESSED', column: 'status', value: 'subscribed' },
      { line: people + 3, kind: 'INVALID_EMAIL', column: 'E-Mail', value: 'nobody' },
      { line: people + 4, kind: 'REPEATED', column: 'email', value: 'p1@example.com' },
    ],
  });
  const problems = await fetch(new URL(made.problemsUrl, url));
  assert.equal(problems.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.equal((await problems.text()).trimEnd().split('\r\n').length, 4);
  const { subscribers, group } = await count();
  assert.equal(subscribers.totalCount, dryRun ? 1 : people + 1);
  assert.equal(group?.members.totalCount, dryRun ? undefined : people + 1);
  if (dryRun) continue;

  const { import: undone } = await change(
    `mutation Undo($id: ID!) { undoImport(input: { id: $id }) { import { state canUndo } userErrors { message } } }`,
    { id: made.id },
  );
  // On a slow machine it goes on after the answer.
  let { state } = undone;
  if (state === 'UNDOING') {
    for await (const { importProgress } of told(
      `subscription Undoing($id: ID!) { importProgress(id: $id) { state } }`,
      { id: made.id },
    )) ({ state } = importProgress);
  }
  assert.deepEqual([state, undone.canUndo], ['UNDONE', false]);
  assert.deepEqual(await count(), { subscribers: { totalCount: 1 }, group: null });
}
console.log(JSON.stringify({ asked }));
await client.dispose();
