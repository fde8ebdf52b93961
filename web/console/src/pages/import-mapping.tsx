// What an import would do, before anything is written: a choice above each column, questions, and consent in a sentence.
import { useMemo, useState } from 'react';
import { useClient, useQuery } from 'urql';
import { useLocation } from 'wouter';
import { capital, describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { chosenFor, sendImport } from '../api/upload';
import { words } from '../ui/badge';
import { count, formatNumber } from '../ui/format';
import { Notice } from '../ui/notice';
import { Panel } from '../ui/page';
import type { Analysis, ImportData } from './import';
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

interface Props {
  shown: ImportData;
  analysis: Analysis;
  onStarted(): void;
}

export function ImportMapping({ shown, analysis, onStarted }: Props) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [{ data }] = useQuery({ query: choicesQuery });
  const [mapping, setMapping] = useState(() => proposeMapping(analysis, shown.columns));
  const [extras, setExtras] = useState<Extras>(() => ({ groups: [...(chosenFor(shown.id)?.input.groups ?? [])], mode: 'UPSERT', source: '' }));
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
    if (problem === null) onStarted();
  };
  return (
    <>
      <p>
        {count(analysis.rows, 'row', 'rows')} in {count(analysis.columns.length, 'column', 'columns')}
        {analysis.recognised && <>, it looks like an export of {words(analysis.recognised)}</>}
        {analysis.malformed > 0 && <>; {formatNumber(analysis.malformed)} rows cannot be cut into cells and are left out</>}.
      </p>
      {shown.state === 'FAILED' && <Questions analysis={analysis} />}
      <Columns
        analysis={analysis}
        kind={shown.kind}
        customFields={customFields}
        targets={mapping.targets}
        onChange={(index, target) => setMapping({ ...mapping, targets: mapping.targets.with(index, target) })}
      />
      <Others mapping={mapping} analysis={analysis} onChange={setMapping} />
      {shown.kind === 'SUBSCRIBERS' && <ExtraFields extras={extras} groups={data?.groups.nodes ?? []} onChange={setExtras} />}
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

function Questions({ analysis }: { analysis: Analysis }) {
  return (
    <Notice kind="warning" title={`${capital(count(analysis.questions.length, 'thing has', 'things have'))} to be settled first`}>
      <ul className="plain">
        {analysis.questions.map(({ column, message }, index) => <li key={index}>{column !== null && <>“{column}” </>}{message}</li>)}
      </ul>
    </Notice>
  );
}

interface ColumnsProps {
  analysis: Analysis;
  kind: 'SUBSCRIBERS' | 'EVENTS';
  customFields: string[];
  targets: Target[];
  onChange(index: number, target: Target): void;
}

function Columns({ analysis, kind, customFields, targets, onChange }: ColumnsProps) {
  const rows = Math.max(0, ...analysis.columns.map((column) => column.samples.length));
  return (
    <div className="mapping" tabIndex={0} role="region" aria-label="The columns of the file">
      <table>
        <thead>
          <tr>
            {analysis.columns.map((column, index) => (
              <th key={index} scope="col" className={targets[index] === '' ? 'open' : targets[index] === 'ignore' ? 'ignored' : ''}>
                <TargetField column={column.name} kind={kind} customFields={customFields} value={targets[index] ?? ''} onChange={(target) => onChange(index, target)} />
                <span className="column-name">{column.name}</span>
                <small className="hint">{column.reason}</small>
                {column.unreadCount > 0 && <small className="unread">{count(column.unreadCount, 'cell', 'cells')} cannot be read: {column.unreadValues.slice(0, 2).map(({ value }) => value).join(', ')}</small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: Math.min(rows, 5) }, (_, row) => (
            <tr key={row}>{analysis.columns.map((column, index) => <td key={index} className={targets[index] === 'ignore' ? 'ignored' : ''}>{column.samples[row] ?? ''}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TargetField({ column, kind, customFields, value, onChange }: { column: string; kind: 'SUBSCRIBERS' | 'EVENTS'; customFields: string[]; value: Target; onChange(target: Target): void }) {
  const customs = customFields.map((key) => `custom.${key}`);
  const property = `properties.${column}`;
  const known = ['', 'ignore', ...builtIns[kind], ...consentFields, ...customs, property, ...types.map((type) => `new:${type}`)];
  const option = (target: string, label = target.replaceAll('_', ' ')) => <option key={target} value={target}>{label}</option>;
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
        <label className="field">
          Add all people to a group
          <select value={extras.groups[0] ?? ''} onChange={(event) => onChange({ ...extras, groups: event.target.value ? [event.target.value] : [] })}>
            <option value="">no group</option>
            {groups.map(({ key, name }) => <option key={key} value={key}>{name}</option>)}
          </select>
        </label>
        <label className="field">
          Which people to change
          <select value={extras.mode ?? 'UPSERT'} onChange={(event) => onChange({ ...extras, mode: event.target.value as Extras['mode'] })}>
            <option value="UPSERT">add new people and change known ones</option>
            <option value="INSERT">only add new people</option>
            <option value="UPDATE">only change known people</option>
          </select>
        </label>
        <label className="field">Where new people come from<input placeholder="spring fair" value={extras.source} onChange={(event) => onChange({ ...extras, source: event.target.value })} /></label>
      </div>
    </Panel>
  );
}
