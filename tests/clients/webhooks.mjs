/**
 * Verifies messages of webhooks with two libraries of others.
 *
 * node webhooks.mjs FILE reads `[{"secret", "headers", "body"}, ...]` and prints `{"accepted": COUNT, "refused": COUNT}`:
 * how many of the messages the libraries accept, and how many changed ones they refuse.
 */
import { readFileSync } from 'node:fs';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';

const [file] = process.argv.slice(2);
let accepted = 0;
let refused = 0;
for (const { secret, headers, body } of JSON.parse(readFileSync(file, 'utf8'))) {
  for (const Library of [StandardWebhook, SvixWebhook]) {
    const library = new Library(secret);
    const verified = library.verify(body, headers);
    if (JSON.stringify(verified) === JSON.stringify(JSON.parse(body))) accepted += 1;
    const changed = [
      [body + ' ', headers],
      [body, { ...headers, 'webhook-id': 'msg_other' }],
      [body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 600) }],
    ];
    for (const [otherBody, otherHeaders] of changed) {
      try {
        library.verify(otherBody, otherHeaders);
      } catch {
        refused += 1;
      }
    }
  }
}
console.log(JSON.stringify({ accepted, refused }));
