/**
 * Runs the audits of GraphQL over HTTP that `graphql-http` brings.
 *
 * node audit.mjs URL prints `{"ok": COUNT, "others": ["ID LEVEL name: reason", ...]}`.
 */
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const others = [];
let ok = 0;
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  if (result.status === 'ok') ok += 1;
  else others.push(`${audit.id} ${result.status} ${audit.name}: ${result.reason}`);
}
console.log(JSON.stringify({ ok, others }));
