/**
 * A program with types out of the schema, as `graphql-codegen` makes them: it compiles only if every operation of
 * `operations` has the types that it relies on, and it runs each of them.
 *
 * node run.js HTTP_URL prints the names of the operations.
 */
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import {
  AnythingDocument, ChangePersonDocument, ChangeSegmentDocument, EditorDocument, ForgetPersonDocument,
  GroupMembersDocument, MakeFieldDocument, MakeGroupDocument, MakeSegmentDocument, OverviewDocument, PeopleDocument,
  PersonByEmailDocument, PreviewDocument, ProgressDocument, PutIntoGroupDocument, RecordDocument, RefreshNowDocument,
  SavePersonDocument, SegmentPastDocument, TakeOutOfGroupDocument, WhoComesAndGoesDocument,
  type PeopleQuery, type PersonFragment, type ProblemFragment, type RuleInput, type TypedDocumentString, type UserErrorCode,
} from './generated/graphql.js';

declare const process: { argv: string[] };

const url = process.argv[2] ?? '';
const ran = new Set<string>();

function note(document: { toString(): string }): string {
  const text = document.toString();
  ran.add(/(?:query|mutation|subscription) (\w+)/.exec(text)?.[1] ?? '');
  return text;
}

async function ask<Result, Variables>(
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: note(document), variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Result; errors?: unknown };
  if (errors !== undefined || data === undefined) throw new Error(JSON.stringify(errors));
  return data;
}

function equal<T>(found: T, wanted: T): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`);
  }
}

function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('expected a value, found none');
  return value;
}

/** Unwraps a payload that must have no errors. */
function done<T extends { userErrors: ProblemFragment[] }>(payload: T): T {
  equal(payload.userErrors, []);
  return payload;
}

const codes = (errors: ProblemFragment[]): UserErrorCode[] => errors.map(({ code }) => code);

async function people(): Promise<PersonFragment[]> {
  done((await ask(MakeFieldDocument, { key: 'visits', type: 'NUMBER' })).createCustomField);
  const saved: PersonFragment[] = [];
  for (const [index, country] of ['LT', 'LT', 'DE', 'LT', 'EE'].entries()) {
    const values = { country, firstName: `P${index}`, birthday: '1990-02-28', customFields: { visits: index } };
    const payload = done((await ask(SavePersonDocument, { email: `p${index}@example.com`, values })).upsertSubscriber);
    equal(payload.outcome, 'CREATED');
    saved.push(present(payload.subscriber));
  }
  const first = present(saved[0]);
  equal([first.birthday, first.status, first.firstName], ['1990-02-28', 'SUBSCRIBED', 'P0']);
  // Without values nothing changes.
  const again = done((await ask(SavePersonDocument, { email: 'P0@example.com' })).upsertSubscriber);
  equal([again.outcome, again.subscriber?.firstName], ['UNCHANGED', 'P0']);
  const changed = await ask(ChangePersonDocument, { input: { id: first.id, values: { lastName: 'Zero' } } });
  equal(done(changed.updateSubscriber).subscriber?.lastName, 'Zero');
  const wrong = await ask(SavePersonDocument, { email: 'nobody', values: { country: 'Lithuania' } });
  equal(codes(wrong.upsertSubscriber.userErrors).includes('INVALID'), true);
  return saved;
}

async function pages(): Promise<void> {
  const emails: string[] = [];
  for (let after: string | null = null; ; ) {
    const page: PeopleQuery = await ask(PeopleDocument, { first: 2, ...(after === null ? {} : { after }) });
    const { subscribers } = page;
    equal(subscribers.totalCount, 5);
    emails.push(...subscribers.edges.map(({ node }) => node.email));
    if (!subscribers.pageInfo.hasNextPage) break;
    after = present(subscribers.pageInfo.endCursor);
  }
  equal(emails, [0, 1, 2, 3, 4].map(index => `p${index}@example.com`));
  const { subscribers } = await ask(PeopleDocument, {
    last: 2,
    filter: { rule: { text: { field: 'country', is: { equals: 'lt' } } } },
  });
  equal(subscribers.edges.map(({ node }) => node.email), ['p1@example.com', 'p3@example.com']);
}

async function groups(): Promise<string> {
  const group = present(done((await ask(MakeGroupDocument, { input: { key: 'staff' } })).createGroup).group);
  const taken = await ask(MakeGroupDocument, { input: { key: 'staff' } });
  equal(codes(taken.createGroup.userErrors), ['TAKEN']);
  const emails = ['p1@example.com', 'p2@example.com', 'p9@example.com'];
  const { addToGroup } = await ask(PutIntoGroupDocument, { group: 'staff', emails });
  equal([done(addToGroup).addedCount, addToGroup.unknownCount, addToGroup.group?.memberCount], [2, 1, 2]);
  const { removeFromGroup } = await ask(TakeOutOfGroupDocument, { group: 'staff', emails: ['p2@example.com'] });
  equal([done(removeFromGroup).removedCount, removeFromGroup.group?.memberCount], [1, 1]);
  const members = present((await ask(GroupMembersDocument, { key: 'staff', first: 1 })).group).members;
  equal(members.edges.map(({ node }) => node.email), ['p1@example.com']);
  equal(members.pageInfo.hasNextPage, false);
  return group.id;
}

const rule: RuleInput = {
  all: [
    { text: { field: 'country', is: { in: ['LT', 'EE'] } } },
    { not: { group: { inAny: ['staff'] } } },
    { any: [{ event: { name: 'purchase', sum: { atLeast: 10 } } }, { number: { field: 'custom.visits', is: { atLeast: 4 } } }] },
  ],
};

async function segments(): Promise<string> {
  const occurredAt = '2026-03-01T09:30:00Z';
  const event = { email: 'p0@example.com', name: 'purchase', occurredAt, value: 12.5, dedupeKey: 'order-1' };
  const { recordEvents } = await ask(RecordDocument, { events: [event, event] });
  equal([done(recordEvents).recordedCount, recordEvents.ignoredCount], [1, 1]);
  const { previewSegment } = await ask(PreviewDocument, { rule });
  equal([previewSegment.memberCount, previewSegment.audienceCount], [2, 5]);
  const invalid = await ask(PreviewDocument, { ruleJson: { text: { field: 'county', is: { equals: 'LT' } } } });
  equal(invalid.previewSegment.problems.map(({ code }) => code), ['UNKNOWN_FIELD']);
  const made = done((await ask(MakeSegmentDocument, { input: { key: 'buyers', rule } })).createSegment);
  const id = present(made.segment).id;
  const changed = await ask(ChangeSegmentDocument, { input: { id, name: 'Buyers' } });
  equal(done(changed.updateSegment).segment?.name, 'Buyers');
  return id;
}

/** Refreshes once nobody else does: the server may be refreshing the new segment by itself. */
async function refresh(): Promise<void> {
  for (;;) {
    const { refreshSegments } = await ask(RefreshNowDocument, { segments: ['buyers'] });
    if (codes(refreshSegments.userErrors).includes('REFRESH_RUNNING')) continue;
    equal(present(done(refreshSegments).refresh).state, 'SUCCEEDED');
    return;
  }
}

async function live(): Promise<void> {
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  const subscribe = <Result, Variables extends Record<string, unknown>>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ) => client.iterate<Result>({ query: note(document), variables });
  const told = (async () => {
    for await (const { data } of subscribe(WhoComesAndGoesDocument, { segment: { key: 'buyers' } })) {
      const { joined, left } = present(data).membershipChanged;
      if (joined.some(({ email }) => email === 'p3@example.com')) return left.length;
    }
    throw new Error('expected to be told');
  })();
  const ended = (async () => {
    for await (const { data } of subscribe(ProgressDocument, {})) {
      const { state, progress } = present(data).refreshProgress;
      if (state === 'SUCCEEDED') return progress;
    }
    throw new Error('expected to be told');
  })();
  // Somebody joins in every refresh until both subscriptions have said something.
  let over = false;
  const both = Promise.all([told, ended]).finally(() => (over = true));
  for (let visits = 4; !over; visits += 1) {
    await ask(SavePersonDocument, { email: 'p3@example.com', values: { customFields: { visits: visits % 2 ? 0 : visits } } });
    await refresh();
  }
  equal((await both)[1], 1);
  await client.dispose();
}

const [first] = await people();
const gone = present((await ask(SavePersonDocument, { email: 'gone@example.com' })).upsertSubscriber.subscriber);
equal(done((await ask(ForgetPersonDocument, { id: gone.id })).deleteSubscriber).deletedId ?? '', gone.id);
await pages();
const ids = [present(first).id, await groups(), await segments()];
await refresh();
await live();
const person = present(
  (await ask(PersonByEmailDocument, { email: 'p0@example.com', segment: 'buyers', withHistory: true })).subscriber,
);
equal([person.isIn, person.explain.isMatch, person.visits], [true, true, 0]);
equal(person.segments.edges.map(({ node }) => node.key), ['buyers']);
equal(person.eventTotals.map(({ name, sum }) => [name, sum]), [['purchase', 12.5]]);
equal(person.history?.nodes.map(({ direction }) => direction).at(-1), 'JOINED');
const event = present(person.events.nodes[0]);
const { nodes } = await ask(AnythingDocument, { ids: [...ids, event.id, gone.id] });
equal(nodes.map(node => node?.__typename ?? null), ['Subscriber', 'Group', 'Segment', 'Event', null]);
const overview = (await ask(OverviewDocument, {})).segments;
equal(overview.nodes.map(({ key, state, memberCount }) => [key, state, memberCount > 0]), [['buyers', 'READY', true]]);
const past = { key: 'buyers', from: '2026-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z', with: { group: 'staff' } };
const segment = present((await ask(SegmentPastDocument, past)).segment);
equal([segment.overlap.bothCount, segment.definitions.nodes[0]?.version], [0, 1]);
const editor = await ask(EditorDocument, { prefix: '' });
equal(editor.ruleFields.some(({ name }) => name === 'custom.visits'), true);
equal(editor.ruleEvents.map(({ name }) => name), ['purchase']);

console.log(JSON.stringify([...ran].sort()));
