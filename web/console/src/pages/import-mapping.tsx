// What an import would do, before anything is written: a choice above each column, questions, and consent in a sentence.
import { useMemo, useState } from 'react';
import { useClient, useQuery } from 'urql';
import { useLocation } from 'wouter';
import { capital, describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { chosenFor, sendImport } from '../api/upload';
import { words } from '../ui/badge';
import { ChoiceField } from '../ui/choice-field';
import { count, formatNumber } from '../ui/format';
import { Notice } from '../ui/notice';
import { Panel } from '../ui/page';
import type { Analysis, ImportData } from './import';
import { dropChoices, readChoices, writeChoices, type Choices } from './import-choices';
import { describeChange, describeConsent, proposeMapping, toOptions, type Extras, type Mapping, type Target } from './import-options';

const choicesQuery = graphql(`
  query ImportChoices {
    customFields(first: 200) { nodes { id key label } }
    groups(first: 200) { nodes { id key name } }
  }
`);

const startMutation = graphql(`
  mutation StartImport($input: StartImportInput!) {
    startImport(input: $input) { import { id state } userErrors { path message hint code } }
  }
`);

const builtIns = {
  SUBSCRIBERS: [
    'email', 'first_name', 'last_name', 'full_name', 'phone', 'country', 'region', 'city', 'postal_code', 'latitude', 'longitude',
    'language', 'timezone', 'birthday', 'source', 'created_at',
  ],
  EVENTS: ['email', 'event', 'occurred_at', 'value', 'dedupe_key', 'properties'],
};
const consentFields = ['status', 'opt_in', 'opt_out', 'bounced', 'complained', 'confirmed', 'subscribed_at', 'unsubscribed_at', 'status_reason'];
const types = ['TEXT', 'NUMBER', 'DATE', 'DATETIME', 'BOOLEAN', 'LIST'];
const formats = ['dd/mm/yyyy', 'mm/dd/yyyy', 'dd.mm.yyyy', 'yyyy/mm/dd', 'dd/mm/yyyy HH:MM', 'mm/dd/yyyy HH:MM', 'dd.mm.yyyy HH:MM'];
const statuses = ['SUBSCRIBED', 'UNSUBSCRIBED', 'BOUNCED', 'COMPLAINED', 'PENDING'];

const noGroups: { key: string; name: string }[] = [];
type Question = Analysis['questions'][number];

interface Props {
  shown: ImportData;
  analysis: Analysis;
  onStarted(): void;
}

export function ImportMapping({ shown, analysis, onStarted }: Props) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [{ data }] = useQuery({ query: choicesQuery });
  const [{ mapping, extras }, setChoices] = useState<Choices>(() => readChoices(shown.id, analysis) ?? {
    mapping: proposeMapping(analysis, shown.columns),
    extras: { groups: [...(chosenFor(shown.id)?.input.groups ?? [])], mode: 'UPSERT', source: '' },
  });
  const choose = (changed: Partial<Choices>) => {
    const choices = { mapping, extras, ...changed };
    setChoices(choices);
    writeChoices(shown.id, analysis, choices);
  };
  const setMapping = (mapping: Mapping) => choose({ mapping });
  const [wrong, setWrong] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const chosen = chosenFor(shown.id);
  const customFields = data?.customFields.nodes.map((field) => field.key) ?? [];
  const open = analysis.columns.filter((_, index) => mapping.targets[index] === '').length;
  const options = useMemo(() => toOptions(analysis, mapping, shown.kind, extras), [analysis, mapping, shown.kind, extras]);

  const check = async () => {
    setBusy(true);
    const sent = await sendImport(client, chosen!.file, { ...options, dryRun: true });
    setBusy(false);
    if ('wrong' in sent) return setWrong(sent.wrong);
    navigate(`/imports/${encodeURIComponent(sent.id)}`);
  };
  const start = async () => {
    setBusy(true);
    const { data, error } = await client.mutation(startMutation, { input: { id: shown.id, options } }).toPromise();
    setBusy(false);
    const problem = error ? describeError(error) : describeUserErrors(data?.startImport.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    dropChoices(shown.id);
    onStarted();
  };
  return (
    <>
      <p>
        {count(analysis.rows, 'row', 'rows')} in {count(analysis.columns.length, 'column', 'columns')}
        {analysis.recognised && <>, it looks like an export of {words(analysis.recognised)}</>}
        {analysis.malformed > 0 && <>; {formatNumber(analysis.malformed)} rows cannot be cut into cells and are left out</>}.
      </p>
      {analysis.questions.length > 0 && <Questions analysis={analysis} targets={mapping.targets} />}
      <Columns
        analysis={analysis}
        kind={shown.kind}
        customFields={customFields}
        targets={mapping.targets}
        onChange={(index, target) => setMapping({ ...mapping, targets: mapping.targets.with(index, target) })}
      />
      <Others mapping={mapping} analysis={analysis} onChange={setMapping} />
      {shown.kind === 'SUBSCRIBERS' && <ExtraFields extras={extras} groups={data?.groups.nodes ?? noGroups} onChange={(extras) => choose({ extras })} />}
      <Panel title="What will happen">
        {shown.kind === 'SUBSCRIBERS' && <p>{describeConsent(analysis, mapping)}</p>}
        {open > 0 && <p className="missing">{capital(count(open, 'column has', 'columns have'))} no place yet: choose one above, or leave the column out.</p>}
        {wrong && <Notice kind="error" title="It did not start"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end">
          {chosen && <button type="button" disabled={isBusy} onClick={() => void check()}>Check without writing</button>}
          <button type="button" className="primary" disabled={isBusy} onClick={() => void start()}>Import</button>
        </div>
      </Panel>
    </>
  );
}

/** Says of each open question what the choice above the column, or the lack of one, makes of it. */
function Questions({ analysis, targets }: { analysis: Analysis; targets: Target[] }) {
  const { questions } = analysis;
  return (
    <Notice kind="warning" title={questions.length === 1 ? 'Look at one thing before you import' : `Look at ${questions.length} things before you import`}>
      <ul className="plain">
        {questions.map(({ kind, column, message }, index) => {
          const place = column === null ? -1 : analysis.columns.findIndex((each) => each.name === column);
          const told = wordOf(kind, message);
          return (
            <li key={index}>
              {column !== null && <>“{column}” </>}{told}
              {/* How cells are read is chosen below, not above the column. */}
              {place >= 0 && ['UNKNOWN', 'CONSENT', 'AGAIN'].includes(kind) && <>. <strong>{becomes(targets[place] ?? '')}</strong></>}
            </li>
          );
        })}
      </ul>
    </Notice>
  );
}

/** A question in the words of this page; those of the server name options of the API. */
function wordOf(kind: Question['kind'], message: string): string {
  if (kind === 'UNKNOWN' && message.includes('does not know')) return 'is not the name of a field';
  return kind === 'CONSENT' ? message.replace(/^is about consent:/, 'says who agreed to e-mail:') : message;
}

function becomes(target: Target): string {
  if (target === '') return 'Choose above what it becomes.';
  if (target === 'ignore') return 'It is left out.';
  if (target.startsWith('new:')) return `It becomes a new field for ${typeWords[target.slice(4)] ?? 'texts'}.`;
  if (target === 'opt_in') return 'Those with yes are subscribed, those with no unsubscribed.';
  return `It becomes “${nameOfTarget(target)}”.`;
}

const typeWords: Record<string, string> = { TEXT: 'texts', NUMBER: 'numbers', DATE: 'dates', DATETIME: 'dates with a time', BOOLEAN: 'yes or no', LIST: 'lists' };

interface ColumnsProps {
  analysis: Analysis;
  kind: 'SUBSCRIBERS' | 'EVENTS';
  customFields: string[];
  targets: Target[];
  onChange(index: number, target: Target): void;
}

function Columns({ analysis, kind, customFields, targets, onChange }: ColumnsProps) {
  return (
    <div className="mapping" tabIndex={0} role="region" aria-label="The columns of the file">
      <table>
        <thead>
          <tr>
            {analysis.columns.map((column, index) => (
              <th key={index} scope="col" className={targets[index] === '' ? 'open' : targets[index] === 'ignore' ? 'ignored' : ''}>
                <TargetField column={column.name} kind={kind} customFields={customFields} value={targets[index] ?? ''} onChange={(target) => onChange(index, target)} />
                <span className="column-name">{column.name}</span>
                <small className="hint">{reasonOf(column.reason)}</small>
                {column.unreadCount > 0 && <small className="unread">{count(column.unreadCount, 'cell', 'cells')} cannot be read: {column.unreadValues.slice(0, 2).map(({ value }) => value).join(', ')}</small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {analysis.firstRows.map((cells, row) => (
            <tr key={row}>{analysis.columns.map((column, index) => <td key={column.name + index} className={targets[index] === 'ignore' ? 'ignored' : ''}>{cells[index] ?? ''}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function reasonOf(reason: string): string {
  return reason.includes('does not know') ? wordOf('UNKNOWN', reason) : wordOf('CONSENT', reason);
}

/** Returns a field of an import for people: `opt_in` as `agreed to e-mail`. */
function nameOfTarget(target: Target): string {
  return targetNames[target] ?? target.replace(/^custom\./, '').replaceAll('_', ' ');
}

const targetNames: Record<string, string> = {
  email: 'e-mail address', opt_in: 'agreed to e-mail', opt_out: 'declined e-mail', confirmed: 'confirmed the address', bounced: 'bounced',
  complained: 'complained', subscribed_at: 'subscribed at', unsubscribed_at: 'unsubscribed at', status_reason: 'reason of the status',
};

function TargetField({ column, kind, customFields, value, onChange }: { column: string; kind: 'SUBSCRIBERS' | 'EVENTS'; customFields: string[]; value: Target; onChange(target: Target): void }) {
  const customs = customFields.map((key) => `custom.${key}`);
  const property = `properties.${column}`;
  const known = ['', 'ignore', ...builtIns[kind], ...consentFields, ...customs, property, ...types.map((type) => `new:${type}`)];
  const option = (target: string, label = nameOfTarget(target)) => <option key={target} value={target}>{label}</option>;
  return (
    <select aria-label={`What “${column}” becomes`} value={value} onChange={(event) => onChange(event.target.value)}>
      {option('', 'Choose …')}
      {option('ignore', 'Leave it out')}
      {!known.includes(value) && option(value)}
      <optgroup label="Fields">{builtIns[kind].map((target) => option(target))}</optgroup>
      {kind === 'EVENTS' ? <optgroup label="Properties of the event">{option(property, `property ${column}`)}</optgroup> : (
        <>
          <optgroup label="Consent">{consentFields.map((target) => option(target))}</optgroup>
          {customs.length > 0 && <optgroup label="Your fields">{customs.map((target) => option(target, target.slice(7)))}</optgroup>}
          <optgroup label="A new field">{types.map((type) => option(`new:${type}`, `new field: ${type.toLowerCase()}`))}</optgroup>
        </>
      )}
    </select>
  );
}

function Others({ mapping, analysis, onChange }: { mapping: Mapping; analysis: Analysis; onChange(mapping: Mapping): void }) {
  const set = (index: number, changed: Partial<Mapping['others'][number]>) => onChange({ ...mapping, others: mapping.others.with(index, { ...mapping.others[index]!, ...changed }) });
  const asksForEvent = analysis.questions.some((question) => question.kind === 'NO_EVENT');
  if (mapping.others.length === 0 && Object.keys(mapping.statuses).length === 0 && !asksForEvent) return null;
  return (
    <Panel title="How the cells are read">
      <div className="form">
        {mapping.others.map(({ change, isAccepted, format }, index) => change.option === 'DATE_FORMATS' ? (
          <label key={index} className="inline-label">
            Days in “{change.column}” are written as
            <select value={format} onChange={(event) => set(index, { format: event.target.value })}>
              <option value="">choose …</option>
              {[...new Set([...(format ? [format] : []), ...formats])].map((each) => <option key={each}>{each}</option>)}
            </select>
          </label>
        ) : (
          <label key={index} className="check">
            <input type="checkbox" checked={isAccepted} onChange={(event) => set(index, { isAccepted: event.target.checked })} />
            {describeChange(change) ?? change.option}
          </label>
        ))}
        {Object.entries(mapping.statuses).map(([word, status]) => (
          <label key={word} className="inline-label">
            The status “{word}” means
            <select value={status} onChange={(event) => onChange({ ...mapping, statuses: { ...mapping.statuses, [word]: event.target.value } })}>
              <option value="">choose …</option>
              {statuses.map((each) => <option key={each} value={each}>{words(each)}</option>)}
            </select>
          </label>
        ))}
        {asksForEvent && <label className="field">The name of all events<input placeholder="purchase" value={mapping.event} onChange={(event) => onChange({ ...mapping, event: event.target.value })} /></label>}
      </div>
    </Panel>
  );
}

function ExtraFields({ extras, groups, onChange }: { extras: Extras; groups: readonly { key: string; name: string }[]; onChange(extras: Extras): void }) {
  return (
    <Panel title="Options">
      <div className="form grid">
        <ChoiceField
          label="Add all people to a group"
          kind="groups"
          choices={groups}
          nothing="no group"
          value={extras.groups[0] ?? ''}
          onChange={(key) => onChange({ ...extras, groups: key ? [key] : [] })}
        />
        <label className="field">
          People to write
          <select value={extras.mode ?? 'UPSERT'} onChange={(event) => onChange({ ...extras, mode: event.target.value as Extras['mode'] })}>
            <option value="UPSERT">new and known ones</option>
            <option value="INSERT">only new ones</option>
            <option value="UPDATE">only known ones</option>
          </select>
        </label>
        <label className="field">Where new people come from<input placeholder="spring fair" value={extras.source} onChange={(event) => onChange({ ...extras, source: event.target.value })} /></label>
      </div>
    </Panel>
  );
}
