// What a rule can say, as the server reports it in `ruleFields` and `ruleEvents`, with words for people. A word that this
// file does not know is shown by its name, so that a new operator of the server needs no new console.
import { useMemo } from 'react';
import { useQuery } from 'urql';
import { graphql, type ResultOf } from '../api/graphql';

export const vocabularyQuery = graphql(`
  query Vocabulary {
    ruleFields { name label node words { name role value } }
    ruleEvents(first: 200) { name count properties { name node words { name role value } } }
    groups(first: 200) { nodes { id key name memberCount } }
    segments(first: 200) { nodes { id key name memberCount } }
  }
`);

type Data = ResultOf<typeof vocabularyQuery>;
export type RuleField = Data['ruleFields'][number];
export type RuleEvent = Data['ruleEvents'][number];
export type Word = RuleField['words'][number];

export interface Choice {
  value: string;
  label: string;
  count?: number;
}

export interface Vocabulary {
  fields: RuleField[];
  events: RuleEvent[];
  groups: Choice[];
  segments: Choice[];
  /** Returns the field that a condition is about. */
  fieldOf(node: string, field: unknown): RuleField | undefined;
  /** Returns the tests of a node, such as `number`. */
  testsOf(node: string): Word[];
}

/** The tests of numbers, for an audience without any field or property that holds numbers. */
const NUMBER_TESTS: Word[] = (['atLeast', 'atMost', 'equals', 'greaterThan', 'lessThan'] as const).map((name) => ({
  name, role: 'TEST', value: 'NUMBER',
}));

export function toVocabulary(data: Data): Vocabulary {
  const { ruleFields: fields, ruleEvents: events } = data;
  const choice = (each: { key: string; name: string; memberCount: number }) => ({
    value: each.key, label: each.name, count: each.memberCount,
  });
  const testsOf = (node: string): Word[] => {
    const kind = node.toUpperCase();
    const known = fields.find((field) => field.node === kind)
      ?? events.flatMap((event) => event.properties).find((property) => property.node === kind);
    const tests = known?.words.filter((word) => word.role === 'TEST') ?? [];
    return tests.length === 0 && node === 'number' ? NUMBER_TESTS : tests;
  };
  return {
    fields,
    events,
    groups: data.groups.nodes.map(choice),
    segments: data.segments.nodes.map(choice),
    fieldOf: (node, field) => fields.find(
      (each) => each.node === node.toUpperCase() && (each.name === null || each.name === field),
    ),
    testsOf,
  };
}

export function useVocabulary() {
  const [{ data, error }] = useQuery({ query: vocabularyQuery });
  const vocabulary = useMemo(() => (data ? toVocabulary(data) : null), [data]);
  return { vocabulary, error };
}

// --- Words for people ---

const byNode: Record<string, Record<string, string>> = {
  number: {
    equals: 'is exactly', notEquals: 'is not', greaterThan: 'is more than', atLeast: 'is at least', lessThan: 'is less than',
    atMost: 'is at most', between: 'is between', in: 'is one of',
  },
  date: {
    on: 'is on', before: 'is before', after: 'is after', onOrBefore: 'is on or before', onOrAfter: 'is on or after',
    between: 'is between', inTheLast: 'is in the last', moreThanAgo: 'is longer ago than', betweenAgo: 'is between … and … ago',
    inTheNext: 'is in the next', during: 'is in', isToday: 'is today', anniversaryToday: 'has its anniversary today',
    anniversaryInTheNext: 'has its anniversary in the next', anniversaryInTheLast: 'had its anniversary in the last',
    anniversaryMonth: 'has its anniversary in',
  },
  list: { containsAny: 'contains any of', containsAll: 'contains all of', containsNone: 'contains none of', size: 'number of items' },
  status: { in: 'is one of' },
  group: { inAny: 'is in any of', inAll: 'is in all of', none: 'is in no group', addedAt: 'added' },
  segment: { inAny: 'is in any of', inAll: 'is in all of', joinedAt: 'joined', ever: 'was ever in it' },
  location: { within: 'is within' },
  event: {
    count: 'number of times', distinctDays: 'number of days', sum: 'sum of values', average: 'average value', min: 'smallest value',
    max: 'largest value', firstAt: 'first time', lastAt: 'last time', inTheLast: 'in the last', betweenAgo: 'between … and … ago',
    during: 'in', between: 'between', before: 'before', after: 'after', name: 'event', names: 'any of these events',
    where: 'where', of: 'of the property',
  },
  random: { salt: 'name of the split', fromPercent: 'from percent', toPercent: 'to percent' },
};

const everywhere: Record<string, string> = {
  equals: 'is', notEquals: 'is not', in: 'is one of', notIn: 'is none of', contains: 'contains', notContains: 'does not contain',
  startsWith: 'begins with', endsWith: 'ends with', matches: 'matches the pattern', isSet: 'has a value', isTrue: 'is true',
  isFalse: 'is false', caseSensitive: 'upper and lower case differ',
};

/** Returns a word of the rule language for people. */
export function describeWord(node: string, name: string): string {
  return byNode[node]?.[name] ?? everywhere[name] ?? humanise(name);
}

/** Returns `anniversaryInTheNext` as `anniversary in the next`. */
export function humanise(name: string): string {
  return name.replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

/** Returns the label of a field, with a capital: `custom.visits` as `Visits`. */
export function describeField(field: RuleField): string {
  const label = humanise(field.label);
  return label.charAt(0).toUpperCase() + label.slice(1);
}
