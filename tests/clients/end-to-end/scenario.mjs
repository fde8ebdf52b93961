/**
 * What a program does with Rollcall, whichever client it uses: queries, variables, mutations with and without
 * `userErrors`, errors, pages in both directions, and a subscription while refreshes run.
 *
 * A client is `{ ask(document, variables), listen(document, variables), close() }`: `ask` resolves to `{ data, errors }`
 * with errors as GraphQL has them, `listen` is an async iterable of data.
 */
import assert from 'node:assert/strict';

const emails = ['ada', 'bea', 'cid', 'dan', 'eve', 'fay', 'gus'].map(name => `${name}@example.com`);

/** Plays the scenario and prints how many questions were answered. */
export async function play({ ask, listen, close }) {
  let asked = 0;
  const answer = (document, variables) => {
    asked += 1;
    return ask(document, variables);
  };

  async function data(document, variables) {
    const { data, errors } = await answer(document, variables);
    assert.deepEqual(errors ?? [], [], document);
    return data;
  }

  /** Runs a mutation of one field that must do what it is asked to. */
  async function change(document, variables) {
    const [payload] = Object.values(await data(document, variables));
    assert.deepEqual(payload.userErrors, [], document);
    return payload;
  }

  const upsert = (email, values) =>
    change(
      `mutation Upsert($input: UpsertSubscriberInput!) {
        upsertSubscriber(input: $input) { outcome subscriber { id email } userErrors { message path } }
      }`,
      { input: { email, values } },
    );

  async function refresh() {
    for (;;) {
      const { refreshSegments } = await data(
        `mutation Refresh { refreshSegments(input: {}) { refresh { id state } userErrors { code message } } }`,
      );
      // The server may be refreshing the new segment by itself.
      if (refreshSegments.userErrors.some(({ code }) => code === 'REFRESH_RUNNING')) continue;
      assert.deepEqual(refreshSegments.userErrors, []);
      assert.equal(refreshSegments.refresh.state, 'SUCCEEDED');
      return refreshSegments.refresh.id;
    }
  }

  async function fill() {
    for (const email of emails) {
      const { outcome, subscriber } = await upsert(email.toUpperCase(), { country: 'DE', firstName: 'Ä "q" \\ \u{1F600}' });
      assert.equal(outcome, 'CREATED');
      assert.equal(subscriber.email, email);
    }
    await change(
      `mutation MakeGroup($input: CreateGroupInput!) { createGroup(input: $input) { group { id } userErrors { message } } }`,
      { input: { key: 'staff', name: 'Staff' } },
    );
    const { addedCount } = await change(
      `mutation Add($emails: [String!]!) {
        addToGroup(input: { group: "staff", emails: $emails }) { addedCount userErrors { message } }
      }`,
      { emails: emails.slice(0, 5) },
    );
    assert.equal(addedCount, 5);
    await change(
      `mutation MakeSegment($rule: RuleInput!) {
        createSegment(input: { key: "baltic", rule: $rule }) { segment { id } userErrors { message path hint } }
      }`,
      { rule: { all: [{ text: { field: 'country', is: { in: ['LT', 'LV', 'EE'] } } }, { not: { group: { inAny: ['staff'] } } }] } },
    );
  }

  async function mistakes() {
    const { createGroup } = await data(
      `mutation MakeAgain { createGroup(input: { key: "staff" }) { group { id } userErrors { code path message } } }`,
    );
    assert.equal(createGroup.group, null);
    assert.deepEqual(createGroup.userErrors.map(({ code, path }) => [code, path]), [['TAKEN', 'key']]);
    const { createSegment } = await data(
      `mutation MakeWrong($rule: JSON!) {
        createSegment(input: { key: "wrong", ruleJson: $rule }) { userErrors { code path hint } }
      }`,
      { rule: { text: { field: 'county', is: { equals: 'LT' } } } },
    );
    const [{ code, path, hint }] = createSegment.userErrors;
    assert.deepEqual([code, path], ['UNKNOWN_FIELD', 'rule.text.field']);
    assert.match(hint, /country/);

    const invalid = await answer(`query Invalid { subscribers { nodes { shoeSize } } }`);
    assert.equal(invalid.data ?? null, null);
    assert.equal(invalid.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    const partial = await answer(
      `query Partial($email: String!) {
        right: subscriber(email: $email) { email }
        wrong: subscriber(email: $email, id: "both") { email }
      }`,
      { email: emails[0] },
    );
    assert.equal(partial.data.right.email, emails[0]);
    assert.equal(partial.data.wrong, null);
    assert.deepEqual(partial.errors.map(({ path, extensions }) => [path, extensions.code]), [[['wrong'], 'BAD_USER_INPUT']]);
  }

  async function pages() {
    const document = `query Members($first: Int, $after: String, $last: Int, $before: String) {
      group(key: "staff") {
        id
        members(first: $first, after: $after, last: $last, before: $before, orderBy: EMAIL) {
          totalCount
          edges { cursor addedAt node { id email firstName } }
          pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
      }
    }`;
    const forwards = [];
    for (let after; ; ) {
      const { members } = (await data(document, { first: 2, after })).group;
      assert.equal(members.totalCount, 5);
      forwards.push(...members.edges);
      if (!members.pageInfo.hasNextPage) break;
      after = members.pageInfo.endCursor;
    }
    assert.deepEqual(forwards.map(({ node }) => node.email), emails.slice(0, 5));
    assert.equal(forwards[0].node.firstName, 'Ä "q" \\ \u{1F600}');
    const backwards = [];
    for (let before; ; ) {
      const { members } = (await data(document, { last: 3, before })).group;
      backwards.unshift(...members.edges);
      if (!members.pageInfo.hasPreviousPage) break;
      before = members.pageInfo.startCursor;
    }
    assert.deepEqual(backwards, forwards);
  }

  async function changes() {
    const after = await refresh();
    const told = listen(
      `subscription Changes($after: ID) {
        membershipChanged(segment: { key: "baltic" }, after: $after) {
          refresh { id trigger } joined { email } left { email } isLast
        }
      }`,
      { after },
    )[Symbol.asyncIterator]();
    // In turns, so that most of what is told happens while somebody listens.
    for (const [email, country, direction] of [
      [emails[5], 'LT', 'joined'], [emails[6], 'EE', 'joined'], [emails[5], 'PL', 'left'],
    ]) {
      await upsert(email, { country });
      const id = await refresh();
      const { value } = await told.next();
      const { membershipChanged } = value;
      assert.deepEqual(membershipChanged[direction].map(person => person.email), [email]);
      assert.deepEqual([membershipChanged.refresh.id, membershipChanged.isLast], [id, true]);
    }
    await told.return?.();
  }

  await fill();
  await mistakes();
  await pages();
  if (listen) await changes();
  console.log(JSON.stringify({ asked }));
  await close();
}
