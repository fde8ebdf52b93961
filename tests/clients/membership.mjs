/**
 * Listens to who joins a segment and who leaves it, with the client that most people use.
 *
 * node membership.mjs URL SEGMENT LAST [AFTER] prints a line of JSON when it has asked, and one per item, until LAST has
 * joined.
 */
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, segment, last, after] = process.argv.slice(2);

/** A WebSocket that tells when the question has been sent. */
class TellingWebSocket extends WebSocket {
  send(data, ...rest) {
    super.send(data, ...rest);
    if (JSON.parse(data).type === 'subscribe') console.log(JSON.stringify({ asked: true }));
  }
}

const client = createClient({ url, webSocketImpl: TellingWebSocket, retryAttempts: 0 });

const changes = client.iterate({
  query: `subscription ($segment: String!, $after: ID) {
    membershipChanged(segment: { key: $segment }, after: $after) {
      refresh { id }
      joined { email }
      left { email }
      isLast
    }
  }`,
  variables: { segment, after },
});

const emails = people => people.map(person => person.email);

for await (const { data, errors } of changes) {
  if (errors) throw new Error(JSON.stringify(errors));
  const { refresh, joined, left, isLast } = data.membershipChanged;
  console.log(JSON.stringify({ refresh: refresh.id, joined: emails(joined), left: emails(left), isLast }));
  if (emails(joined).includes(last)) break;
}

await client.dispose();
