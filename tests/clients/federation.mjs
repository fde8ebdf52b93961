/**
 * Composes a supergraph of Rollcall and a subgraph of a shop, as Apollo's `rover` and the routers do.
 *
 * node federation.mjs SDL... reads subgraphs of Rollcall (as `_service` and as `rollcall schema --federation` tell
 * them), makes sure that they are the same, composes each with the shop, and prints who owns the keys.
 */
import { composeServices } from '@theguild/federation-composition';
import { readFileSync } from 'node:fs';
import { buildASTSchema, buildSchema, lexicographicSortSchema, parse, printSchema } from 'graphql';

const shop = readFileSync('federation/shop.graphql', 'utf8');
const subgraphs = process.argv.slice(2).map(path => readFileSync(path, 'utf8'));
const supergraphs = subgraphs.map(rollcall => {
  const composed = composeServices([
    { name: 'rollcall', url: 'http://rollcall/graphql', typeDefs: parse(rollcall) },
    { name: 'shop', url: 'http://shop/graphql', typeDefs: parse(shop) },
  ]);
  if (composed.errors) throw new Error(composed.errors.map(error => error.message).join('\n'));
  return composed;
});

const sorted = sdl => printSchema(lexicographicSortSchema(buildASTSchema(parse(sdl))));
const [first, ...others] = supergraphs.map(({ publicSdl }) => sorted(publicSdl));
for (const other of others) if (other !== first) throw new Error('the subgraphs differ');

const keys = {};
for (const { name, directives } of parse(supergraphs[0].supergraphSdl).definitions) {
  for (const directive of directives ?? []) {
    if (directive.name.value !== 'join__type') continue;
    const argument = wanted => directive.arguments.find(({ name }) => name.value === wanted)?.value.value;
    if (argument('key')) (keys[name.value] ??= []).push(`${argument('graph')} ${argument('key')}`);
  }
}
const subscriber = buildSchema(first).getType('Subscriber').getFields();
console.log(JSON.stringify({ keys, subscriber: Object.keys(subscriber).filter(name => /^(email|orders|segments)$/.test(name)) }));
