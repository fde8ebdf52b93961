/** `@urql/core`: queries and mutations over HTTP, subscriptions by its exchange. node urql.mjs HTTP_URL */
import { cacheExchange, createClient, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient as createSocket } from 'graphql-ws';
import { toAsyncIterable } from 'wonka';
import WebSocket from 'ws';
import { play } from './scenario.mjs';

const url = process.argv[2];
const socket = createSocket({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
const client = createClient({
  url,
  preferGetMethod: false,
  requestPolicy: 'network-only',
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: sink => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
});

async function ask(document, variables) {
  const kind = document.trimStart().startsWith('mutation') ? 'mutation' : 'query';
  const { data, error } = await client[kind](document, variables ?? {}).toPromise();
  if (error?.networkError) throw error.networkError;
  return { data, errors: error?.graphQLErrors };
}

async function* listen(document, variables) {
  for await (const { data, error } of toAsyncIterable(client.subscription(document, variables))) {
    if (error) throw error;
    yield data;
  }
}

await play({ ask, listen, close: () => socket.dispose() });
