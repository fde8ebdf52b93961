/** `graphql-ws`: everything over one WebSocket. node graphql-ws.mjs HTTP_URL */
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { play } from './scenario.mjs';

const client = createClient({
  url: process.argv[2].replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, lazy: false, onNonLazyError: () => {},
});

async function ask(query, variables) {
  try {
    for await (const result of client.iterate({ query, variables })) return result;
  } catch (errors) {
    if (!Array.isArray(errors)) throw errors;
    return { errors };
  }
}

async function* listen(query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(JSON.stringify(errors));
    yield data;
  }
}

await play({ ask, listen, close: () => client.dispose() });
