// From what was chosen above the columns to the options of an import, and back from what the server proposes.
import type { ImportInput } from '../api/upload';
import type { Analysis, Change } from './import';

/** What a column becomes: a field, `new:TYPE` for a new custom field, `ignore`, or nothing yet. */
export type Target = string;

export interface Mapping {
  /** By the place of the column. */
  targets: Target[];
  /** Everything proposed that is not about where a column goes, and whether it is accepted. */
  others: { change: Change; isAccepted: boolean; format: string }[];
  /** What words of a status column mean. */
  statuses: Record<string, string>;
  /** The name of all events, where no column has it. */
  event: string;
}

const placing = new Set(['COLUMNS', 'FIELDS', 'IGNORE']);

/** Returns the mapping that the server proposes. */
export function proposeMapping(analysis: Analysis, suggestions: readonly { name: string; suggestion: string | null }[]): Mapping {
  const targets = analysis.columns.map((column, index) => {
    const change = analysis.proposal.find((each) => placing.has(each.option) && each.column === column.name);
    if (change) return targetOf(change);
    // A column whose cells cannot be read yet has no target; its name says where it belongs.
    const isUnreadable = analysis.questions.some((each) => each.kind === 'UNREADABLE' && each.column === column.name);
    return column.target ?? (isUnreadable ? fromSuggestion(suggestions[index]?.suggestion ?? '') : '');
  });
  const others = analysis.proposal
    .filter((change) => !placing.has(change.option) && change.option !== 'STATUSES')
    .map((change) => ({ change, isAccepted: true, format: change.format ?? '' }));
  // A question about days that only the owner of the file can answer.
  for (const question of analysis.questions) {
    const isAboutDays = question.kind === 'UNREADABLE' && question.proposal.length === 0 && question.column !== null;
    if (isAboutDays) others.push({ change: { ...emptyChange, option: 'DATE_FORMATS', column: question.column }, isAccepted: true, format: '' });
  }
  const statuses = Object.fromEntries(
    analysis.proposal.filter((change) => change.option === 'STATUSES').map((change) => [change.word ?? '', change.status ?? '']),
  );
  for (const question of analysis.questions) {
    if (question.kind !== 'STATUS_WORDS') continue;
    const column = analysis.columns.find((each) => each.name === question.column);
    for (const { value } of column?.unreadValues ?? []) statuses[value] ??= '';
  }
  return { targets, others, statuses, event: analysis.proposal.find((change) => change.option === 'EVENT')?.event ?? '' };
}

const emptyChange: Change = {
  option: 'DATE_FORMATS', column: null, field: null, type: null, format: null, status: null, word: null, character: null, event: null,
  others: null, value: null, from: null,
};

/** `custom:text` is a new field of that type. */
function fromSuggestion(suggestion: string): Target {
  return suggestion.startsWith('custom:') ? `new:${suggestion.slice(7).toUpperCase()}` : suggestion;
}

function targetOf(change: Change): Target {
  if (change.option === 'IGNORE') return 'ignore';
  return change.option === 'FIELDS' ? `new:${change.type}` : change.field ?? '';
}

export interface Extras {
  groups: string[];
  mode: ImportInput['mode'];
  source: string;
}

/** Returns the options that say all of a mapping. */
export function toOptions(analysis: Analysis, mapping: Mapping, kind: ImportInput['kind'], extras: Extras): ImportInput {
  type Lists = Required<Pick<ImportInput, 'columns' | 'fields' | 'ignore' | 'dateFormats' | 'decimalCommas' | 'decimalPoints' | 'set' | 'splits'>>;
  const lists: { [K in keyof Lists]: NonNullable<Lists[K]> } = {
    columns: [], fields: [], ignore: [], dateFormats: [], decimalCommas: [], decimalPoints: [], set: [], splits: [],
  };
  const names = analysis.columns.map((column) => column.name);
  analysis.columns.forEach((column, index) => {
    // A name that two columns share does not identify a column; its place does.
    const name = names.indexOf(column.name) === names.lastIndexOf(column.name) ? column.name : `#${index + 1}`;
    const target = mapping.targets[index] ?? '';
    if (target === 'ignore') lists.ignore.push(name);
    else if (target.startsWith('new:')) lists.fields.push({ column: name, type: target.slice(4) as (typeof lists.fields)[number]['type'] });
    else if (target !== '' && target !== column.target) lists.columns.push({ column: name, field: target });
  });
  const options: ImportInput = { kind };
  for (const { change, isAccepted, format } of mapping.others) {
    if (isAccepted) addOther(options, lists, change, format);
  }
  const statuses = Object.entries(mapping.statuses).filter(([, status]) => status !== '');
  if (mapping.event.trim()) options.event = mapping.event.trim();
  if (extras.groups.length > 0) Object.assign(options, { groups: extras.groups, createGroups: true });
  if (extras.mode !== 'UPSERT') options.mode = extras.mode ?? null;
  if (extras.source.trim()) options.source = extras.source.trim();
  return {
    ...options,
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(statuses.length > 0 ? { statuses: statuses.map(([word, status]) => ({ word, status: status as 'SUBSCRIBED' })) } : {}),
  };
}

function addOther(options: ImportInput, lists: Record<string, unknown[]>, change: Change, format: string): void {
  const { column } = change;
  switch (change.option) {
    case 'DATE_FORMATS':
      if (format !== '') lists.dateFormats!.push({ column, format });
      break;
    case 'DECIMAL_COMMAS':
      lists.decimalCommas!.push(column);
      break;
    case 'DECIMAL_POINTS':
      lists.decimalPoints!.push(column);
      break;
    case 'SET':
      lists.set!.push({ field: change.field, value: change.value });
      break;
    case 'SPLITS':
      lists.splits!.push({ column, character: change.character });
      break;
    case 'FOLD':
      options.fold = column;
      break;
    case 'FROM':
      options.from = change.from;
      break;
    case 'OTHERS':
      options.others = change.others;
      break;
    default:
      break;
  }
}

/** Returns a change in words; null if it is shown elsewhere. */
export function describeChange(change: Change): string | null {
  const { option, column } = change;
  switch (option) {
    case 'DECIMAL_COMMAS': return `In “${column}” decimals follow a comma, as in 1.234,5`;
    case 'DECIMAL_POINTS': return `In “${column}” decimals follow a point, as in 1,234.5`;
    case 'SET': return `Every row gets ${change.field} = ${change.value}`;
    case 'SPLITS': return `In “${column}” the items are separated by “${change.character}”`;
    case 'FOLD': return `Lines with the same “${column}” are one event`;
    case 'FROM': return `The file is read as an export of ${change.from?.toLowerCase()}`;
    case 'OTHERS': return change.others === 'IGNORE' ? 'All other columns are left out' : 'All other columns become custom fields';
    default: return null;
  }
}

const consent = ['status', 'opt_in', 'opt_out', 'bounced', 'complained', 'confirmed', 'subscribed_at', 'unsubscribed_at'];

/** Says in one sentence what happens to consent. */
export function describeConsent(analysis: Analysis, mapping: Mapping): string {
  const columns = analysis.columns.filter((_, index) => consent.includes(mapping.targets[index] ?? '')).map((column) => `“${column.name}”`);
  const all = mapping.others.find(({ change, isAccepted }) => isAccepted && change.option === 'SET' && change.field === 'status');
  const who = columns.length > 0
    ? `${columns.join(' and ')} ${columns.length === 1 ? 'says' : 'say'} who may be addressed`
    : all ? `All people in the file get the status ${all.change.value}` : 'No column is about consent, so new people are subscribed';
  return `${who}; people who unsubscribed, bounced or complained before stay so.`;
}
