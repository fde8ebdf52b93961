/** Apollo Client: with its cache, over HTTP, and subscriptions by its WebSocket link. node apollo.mjs HTTP_URL */
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { play } from './scenario.mjs';

const url = process.argv[2];
const socket = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
let sent = 0;
const client = new ApolloClient({
  cache: new InMemoryCache({ possibleTypes: { Membership: ['GroupMembership', 'SegmentMembership'] } }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, fetch: (...request) => { sent += 1; return fetch(...request); } }),
  ),
});

async function ask(document, variables) {
  const parsed = gql(document);
  const options = { variables, errorPolicy: 'all', fetchPolicy: 'network-only' };
  const { data, error } =
    parsed.definitions[0].operation === 'mutation'
      ? await client.mutate({ ...options, mutation: parsed, fetchPolicy: 'no-cache' })
      : await client.query({ ...options, query: parsed });
  if (error && !CombinedGraphQLErrors.is(error)) throw error;
  return { data, errors: error?.errors };
}

async function* listen(document, variables) {
  const waiting = [];
  let wake = () => {};
  const push = item => { waiting.push(item); wake(); };
  const subscription = client.subscribe({ query: gql(document), variables }).subscribe({
    next: push, error: error => push({ error }), complete: () => push({ done: true }),
  });
  try {
    for (;;) {
      while (waiting.length === 0) await new Promise(resolve => { wake = resolve; });
      const { data, error, done } = waiting.shift();
      if (error) throw error;
      if (done) return;
      yield data;
    }
  } finally {
    subscription.unsubscribe();
  }
}

/** A mutation's answer changes what is cached under the global id: the next question needs no request. */
async function cached() {
  const query = gql(`query One($email: String!) {
    subscriber(email: $email) { id lastName memberships { __typename key ... on GroupMembership { addedAt } } }
  }`);
  const variables = { email: 'ada@example.com' };
  const { subscriber } = (await client.query({ query, variables })).data;
  assert.deepEqual(subscriber.memberships.map(({ __typename, key }) => [__typename, key]), [['GroupMembership', 'staff']]);
  await client.mutate({
    mutation: gql(`mutation Rename($input: UpdateSubscriberInput!) {
      updateSubscriber(input: $input) { subscriber { id lastName } userErrors { message } }
    }`),
    variables: { input: { id: subscriber.id, values: { lastName: 'Lovelace' } } },
  });
  const before = sent;
  const again = (await client.query({ query, variables })).data.subscriber;
  assert.deepEqual([again.lastName, sent], ['Lovelace', before]);
}

await play({
  ask,
  listen,
  close: async () => {
    await cached();
    client.stop();
    await socket.dispose();
  },
});
