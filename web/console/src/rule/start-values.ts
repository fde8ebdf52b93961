// The values with which conditions begin. Where a sensible value exists the condition counts at once.
import type { RuleEvent, RuleField, Word } from './vocabulary';
import { leaf, type Body, type Leaf } from './tree';

/** Returns the value that a word of this kind begins with. */
export function startValue(kind: string, name = ''): unknown {
  switch (kind) {
    case 'FLAG':
    case 'TRUE':
      return true;
    case 'NUMBER':
      return name === 'fromPercent' ? 0 : name === 'toPercent' ? 50 : '';
    case 'NUMBERS':
    case 'TEXTS':
    case 'GROUP_KEYS':
    case 'SEGMENT_KEYS':
      return [];
    case 'STATUSES':
      return ['SUBSCRIBED'];
    case 'NUMBER_RANGE':
    case 'DATE_RANGE':
      return { from: '', to: '' };
    case 'PERIOD':
      return { amount: 30, unit: 'DAY' };
    case 'PERIOD_RANGE':
      return { from: { amount: 60, unit: 'DAY' }, to: { amount: 30, unit: 'DAY' } };
    case 'CALENDAR_PERIOD':
      return 'THIS_MONTH';
    case 'MONTH':
      return 1;
    case 'CIRCLE':
      return { latitude: '', longitude: '', radiusKm: 50 };
    case 'NUMBER_TEST':
      return { atLeast: name === 'count' || name === 'distinctDays' ? 2 : '' };
    case 'DATE_TEST':
    case 'WINDOW':
      return { inTheLast: { amount: 30, unit: 'DAY' } };
    case 'PROPERTY_TESTS':
      return [];
    default:
      return '';
  }
}

const favourites = ['containsAny', 'inAny', 'atLeast', 'inTheLast', 'isTrue', 'in', 'equals', 'within'];

/** Returns the test that a new condition begins with. */
export function firstTest(words: readonly Word[]): Word | undefined {
  const tests = words.filter((word) => word.role === 'TEST');
  for (const name of favourites) {
    const found = tests.find((word) => word.name === name);
    if (found) return found;
  }
  return tests[0];
}

/** Returns a new condition about a field, a group, a segment … */
export function startCondition(field: RuleField): Leaf {
  const node = field.node.toLowerCase();
  if (node === 'random') {
    return leaf(node, { salt: 'split', fromPercent: 0, toPercent: 50 });
  }
  const test = firstTest(field.words);
  const body: Body = test ? { [test.name]: startValue(test.value, test.name) } : {};
  return field.name === null ? leaf(node, body) : leaf(node, { field: field.name, is: body });
}

export function startEvent(event: RuleEvent): Leaf {
  return leaf('event', { name: event.name });
}
