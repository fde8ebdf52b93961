/**
 * `graphql-sse`: everything as server-sent events, each operation by a request of its own ("distinct connections").
 *
 * node graphql-sse.mjs HTTP_URL
 */
import { NetworkError, createClient } from 'graphql-sse';
import { play } from './scenario.mjs';

const client = createClient({ url: process.argv[2], singleConnection: false, retryAttempts: 0 });

async function ask(query, variables) {
  try {
    for await (const result of client.iterate({ query, variables })) return result;
  } catch (error) {
    // What is refused before it begins is an ordinary answer.
    if (!(error instanceof NetworkError) || !error.response) throw error;
    return error.response.json();
  }
}

async function* listen(query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(JSON.stringify(errors));
    yield data;
  }
}

await play({ ask, listen, close: () => client.dispose() });
