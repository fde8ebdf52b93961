// The list of conditions to choose from: what people did, what is known about them, where they belong.
import { useMemo, useState } from 'react';
import { Dialog } from '../ui/dialog';
import { formatNumber } from '../ui/format';
import { SearchField } from '../ui/pager';
import { startCondition, startEvent } from './start-values';
import { branch, type RuleTree } from './tree';
import { describeField, type Vocabulary } from './vocabulary';

interface Entry {
  key: string;
  label: string;
  hint: string;
  start(): RuleTree;
}

const hints: Record<string, string> = {
  STATUS: 'subscribed, unsubscribed, bounced …', GROUP: 'people who were put into a group', SEGMENT: 'people who are in another segment',
  LOCATION: 'how far from a place', RANDOM: 'a stable share, for tests', EVENT: 'another event, or several',
  TEXT: 'text', NUMBER: 'number', DATE: 'date', BOOLEAN: 'yes or no', LIST: 'list',
};

function listEntries(vocabulary: Vocabulary): [string, Entry[]][] {
  const { fields, events } = vocabulary;
  const entry = (field: (typeof fields)[number]): Entry => ({
    key: `${field.node} ${field.name ?? ''}`,
    label: describeField(field),
    hint: hints[field.node] ?? field.node.toLowerCase(),
    start: () => startCondition(field),
  });
  const isCustom = (field: (typeof fields)[number]) => field.name?.startsWith('custom.') ?? false;
  const event = fields.find((field) => field.node === 'EVENT');
  return [
    ['What people did', [
      ...events.slice(0, 20).map((each) => ({
        key: `event ${each.name}`, label: `Did “${each.name}”`, hint: `${formatNumber(each.count)} events`, start: () => startEvent(each),
      })),
      ...(event ? [{ ...entry(event), label: 'Did something else', start: () => ({ ...startEvent({ name: '', count: 0, properties: [] }) }) }] : []),
    ]],
    ['Where people belong', fields.filter((field) => ['GROUP', 'SEGMENT', 'STATUS'].includes(field.node)).map(entry)],
    ['Your fields', fields.filter(isCustom).map(entry)],
    ['Fields', fields.filter((field) => field.name !== null && !isCustom(field)).map(entry)],
    ['More', [
      ...fields.filter((field) => field.name === null && !['GROUP', 'SEGMENT', 'STATUS', 'EVENT'].includes(field.node)).map(entry),
      { key: 'all', label: 'A group: all of', hint: 'conditions that must all match', start: () => branch('all', []) },
      { key: 'any', label: 'A group: any of', hint: 'conditions of which one must match', start: () => branch('any', []) },
    ]],
  ];
}

export function AddCondition({ vocabulary, onChoose, onClose }: { vocabulary: Vocabulary; onChoose(tree: RuleTree): void; onClose(): void }) {
  const [text, setText] = useState('');
  const all = useMemo(() => listEntries(vocabulary), [vocabulary]);
  const wanted = text.trim().toLowerCase();
  const groups = all
    .map(([title, entries]) => [title, entries.filter((each) => `${each.label} ${each.hint}`.toLowerCase().includes(wanted))] as const)
    .filter(([, entries]) => entries.length > 0);
  return (
    <Dialog title="Add a condition" onClose={onClose} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const first = groups[0]?.[1][0];
          if (first && wanted) onChoose(first.start());
        }}
      >
        <SearchField label="Find a condition" placeholder="Find: country, purchase, group …" value={text} onChange={setText} />
      </form>
      <div className="choices">
        {groups.map(([title, entries]) => (
          <section key={title}>
            <h3>{title}</h3>
            <ul>
              {entries.map((each) => (
                <li key={each.key}>
                  <button type="button" onClick={() => onChoose(each.start())}>{each.label}<small>{each.hint}</small></button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {groups.length === 0 && <p className="empty">No condition is called “{text}”.</p>}
      </div>
    </Dialog>
  );
}
