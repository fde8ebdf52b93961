/**
 * What linters say of the schema: all rules of graphql-schema-linter, and of GraphQL ESLint those that it recommends for
 * schemas and for Relay.
 *
 * node lint.mjs SCHEMA prints the findings that lint-exceptions.json does not excuse, and the excuses that excuse nothing.
 */
import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';
import { parse } from 'graphql';
import schemaLinter from 'graphql-schema-linter/lib/runner.js';
import { readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';

const path = process.argv[2];
const text = readFileSync(path, 'utf8');
const { definitions } = parse(text);

/** Names what stands in a line, such as `Query` or `Query.node`. */
function subjectAt(line) {
  const holds = ({ loc }) => loc.startToken.line <= line && line <= loc.endToken.line;
  const definition = definitions.find(holds);
  const field = [...(definition?.fields ?? []), ...(definition?.values ?? [])].find(holds);
  return [definition, field].filter(Boolean).map(({ name }) => name.value).join('.');
}

async function findByESLint() {
  const eslint = new ESLint({
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ['**/*.graphql'],
        languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: path } } },
        plugins: { '@graphql-eslint': plugin },
        rules: { ...plugin.configs['flat/schema-recommended'].rules, ...plugin.configs['flat/schema-relay'].rules },
      },
    ],
  });
  const [{ messages }] = await eslint.lintFiles([path]);
  return messages.map(({ ruleId, line, message }) => ({
    rule: (ruleId ?? 'fatal').replace('@graphql-eslint/', ''), line, subject: subjectAt(line), message,
  }));
}

async function findBySchemaLinter() {
  let printed = '';
  const sink = new Writable({ write: (chunk, _, done) => { printed += chunk; done(); } });
  await schemaLinter.run(sink, Readable.from(''), sink, ['node', 'graphql-schema-linter', '--format', 'json', path]);
  return JSON.parse(printed).errors.map(({ rule, location, message }) => ({
    rule, line: location.line, subject: subjectAt(location.line), message,
  }));
}

const excuses = JSON.parse(readFileSync('lint-exceptions.json', 'utf8'))
  .flatMap(({ rule, message, subjects }) => subjects.map(subject => ({ rule, message, subject, uses: 0 })));
const matches = (pattern, subject) => new RegExp(`^${pattern.replaceAll('*', '\\w+').replace('.', '\\.')}$`).test(subject);

const findings = [...await findBySchemaLinter(), ...await findByESLint()].filter(({ rule, message, subject }) => {
  const fitting = excuses.filter(
    excuse => excuse.rule === rule && message.includes(excuse.message) && matches(excuse.subject, subject),
  );
  for (const excuse of fitting) excuse.uses += 1;
  return fitting.length === 0;
});
for (const { rule, line, subject, message } of findings) console.log(`${line}: ${subject}: ${rule}: ${message}`);
for (const { rule, subject, uses } of excuses) if (uses === 0) console.log(`excuses nothing: ${rule}: ${subject}`);
