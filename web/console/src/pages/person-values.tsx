import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { words } from '../ui/badge';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toasts';
import { humanise } from '../rule/vocabulary';
import type { PersonData } from './person';

const fieldsQuery = graphql(`
  query CustomFieldTypes { customFields(first: 200) { nodes { id key label type } } }
`);

const updateMutation = graphql(`
  mutation UpdatePerson($input: UpdateSubscriberInput!) {
    updateSubscriber(input: $input) {
      subscriber { id version }
      notices { message hint }
      userErrors { path message hint code }
    }
  }
`);

const plain = [
  'firstName', 'lastName', 'phone', 'country', 'region', 'city', 'postalCode', 'language', 'timezone', 'birthday', 'source',
] as const;
const statuses = ['SUBSCRIBED', 'UNSUBSCRIBED', 'BOUNCED', 'COMPLAINED', 'PENDING'] as const;
const lowered = ['UNSUBSCRIBED', 'BOUNCED', 'COMPLAINED'];

type Status = (typeof statuses)[number];

export function PersonValues({ person, canWrite, onSaved }: { person: PersonData; canWrite: boolean; onSaved(): void }) {
  const client = useClient();
  const [{ data }] = useQuery({ query: fieldsQuery });
  const fields = data?.customFields.nodes ?? [];
  const [values, setValues] = useState<Record<string, string>>({});
  const [status, setStatus] = useState<Status>(person.status);
  const [consent, setConsent] = useState({ reason: '', source: '' });
  const [wrong, setWrong] = useState<string | null>(null);
  const customs = Object.fromEntries(person.customFields.map(({ key, value }) => [key, value]));
  const stored = (name: string) => (name.startsWith('custom.') ? toText(customs[name.slice(7)]) : person[name as (typeof plain)[number]] ?? '');
  const needsConsent = lowered.includes(person.status) && status === 'SUBSCRIBED';

  const save = async () => {
    const changed = Object.entries(values).filter(([name, text]) => text !== stored(name));
    const custom = changed.filter(([name]) => name.startsWith('custom.')).map(([name, text]) => {
      const key = name.slice(7);
      return [key, fromText(text, fields.find((field) => field.key === key)?.type)];
    });
    const input = {
      id: person.id,
      ifVersion: person.version,
      values: {
        ...Object.fromEntries(changed.filter(([name]) => !name.startsWith('custom.')).map(([name, text]) => [name, text.trim() || null])),
        ...(custom.length > 0 ? { customFields: Object.fromEntries(custom) } : {}),
        ...(status === person.status ? {} : { status }),
      },
      ...(needsConsent ? { consent } : {}),
    };
    const { data, error } = await client.mutation(updateMutation, { input }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.updateSubscriber.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast(data?.updateSubscriber.notices[0]?.message ?? 'The values were saved');
    setValues({});
    onSaved();
  };

  const field = (name: string, label: string, type = 'text') => (
    <label className="field" key={name}>
      {label}
      <input
        type={type}
        readOnly={!canWrite}
        value={values[name] ?? stored(name)}
        onChange={(event) => setValues({ ...values, [name]: event.target.value })}
      />
    </label>
  );
  return (
    <form className="form grid" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <label className="field">
        Status
        <select disabled={!canWrite} value={status} onChange={(event) => setStatus(event.target.value as Status)}>
          {statuses.map((each) => <option key={each} value={each}>{words(each)}</option>)}
        </select>
      </label>
      {needsConsent && (
        <fieldset className="consent">
          <legend>Consent: why this person may be addressed again</legend>
          <label className="field">What they did<input required placeholder="signed up again" value={consent.reason} onChange={(event) => setConsent({ ...consent, reason: event.target.value })} /></label>
          <label className="field">Where<input required placeholder="newsletter form" value={consent.source} onChange={(event) => setConsent({ ...consent, source: event.target.value })} /></label>
        </fieldset>
      )}
      {plain.map((name) => field(name, capitalise(humanise(name)), name === 'birthday' ? 'date' : 'text'))}
      {fields.map(({ key, label, type }) => field(`custom.${key}`, capitalise(humanise(label)), type === 'DATE' ? 'date' : 'text'))}
      {wrong && <Notice kind="error" title="This was not saved"><p className="lines">{wrong}</p></Notice>}
      {canWrite && <div className="actions end"><button type="submit" className="primary">Save</button></div>}
    </form>
  );
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Returns a value of a custom field as text: items of a list are separated by commas. */
function toText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** Returns the value that a text means. A text that does not fit goes to the server as it is, which says what is wrong. */
function fromText(text: string, type: string | undefined): unknown {
  const clean = text.trim();
  if (clean === '') return null;
  if (type === 'NUMBER') return Number.isFinite(Number(clean)) ? Number(clean) : clean;
  if (type === 'BOOLEAN') return clean === 'true' ? true : clean === 'false' ? false : clean;
  if (type === 'LIST') return clean.split(',').map((item) => item.trim()).filter(Boolean);
  return clean;
}
