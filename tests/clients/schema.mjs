/**
 * Judges the schema and documents with graphql-js, the reference implementation.
 *
 * node schema.mjs URL SCHEMA FOLDERS... makes sure that the server at URL introspects as the schema that SCHEMA
 * describes, and that all operations in these folders are valid; prints how many there are.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  assertValidSchema, buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, parse, printSchema,
  validate,
} from 'graphql';

const [url, path, ...folders] = process.argv.slice(2);

const schema = buildSchema(readFileSync(path, 'utf8'));
assertValidSchema(schema);

// Not the description of the schema itself: async-graphql answers with that of the type `__Schema`.
const query = getIntrospectionQuery({
  specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true,
});
const response = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, application/json' },
  body: JSON.stringify({ query }),
});
const { data, errors } = await response.json();
if (errors) throw new Error(JSON.stringify(errors));
const print = schema => printSchema(lexicographicSortSchema(schema)).split('\n');
const [served, committed] = [print(buildClientSchema(data)), print(schema)];
const different = served.findIndex((line, index) => line !== committed[index]);
if (different !== -1 || served.length !== committed.length) {
  throw new Error(`the schemas differ in line ${different}:\n  served: ${served[different]}\n  file: ${committed[different]}`);
}

let count = 0;
for (const folder of folders) {
  // Files of a folder share their fragments, as for a compiler of clients.
  const names = readdirSync(folder).filter(name => name.endsWith('.graphql'));
  const document = parse(names.map(name => readFileSync(join(folder, name), 'utf8')).join('\n'));
  const problems = validate(schema, document);
  if (problems.length > 0) throw new Error(`${folder}: ${problems.join('\n')}`);
  count += document.definitions.filter(({ kind }) => kind === 'OperationDefinition').length;
}
console.log(JSON.stringify({ operations: count, lines: served.length }));
