// Making a webhook and changing it, and showing a secret once.
import { useState } from 'react';
import { useClient } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type VariablesOf } from '../api/graphql';
import { words } from '../ui/badge';
import { Dialog } from '../ui/dialog';
import { Notice } from '../ui/notice';
import { toast } from '../ui/toasts';
import type { Webhook } from './webhooks';

const createMutation = graphql(`
  mutation CreateWebhook($input: CreateWebhookInput!) {
    createWebhook(input: $input) { secret webhook { id } userErrors { path message hint code } }
  }
`);
const updateMutation = graphql(`
  mutation UpdateWebhook($input: UpdateWebhookInput!) {
    updateWebhook(input: $input) { webhook { id version } userErrors { path message hint code } }
  }
`);

type Type = VariablesOf<typeof createMutation>['input']['types'][number];

const types: Type[] = [
  'SEGMENT_MEMBERS_CHANGED', 'GROUP_MEMBERS_CHANGED', 'SUBSCRIBER_CREATED', 'SUBSCRIBER_UPDATED', 'SUBSCRIBER_STATUS_CHANGED', 'SUBSCRIBER_DELETED',
  'SEGMENT_FILLED', 'SEGMENT_INVALID', 'SEGMENT_CREATED', 'SEGMENT_UPDATED', 'SEGMENT_DELETED',
  'GROUP_CREATED', 'GROUP_UPDATED', 'GROUP_DELETED', 'REFRESH_FINISHED', 'REFRESH_FAILED', 'IMPORT_FINISHED',
];

/** Reads names with commas between them. */
function readNames(text: string): string[] {
  return text.split(',').map((name) => name.trim()).filter(Boolean);
}

/** Shows a new secret. */
export function SecretDialog({ secret, onClose }: { secret: string; onClose(): void }) {
  return (
    <Dialog title="The secret of the webhook" onClose={onClose}>
      <p>The receiver checks with it that messages are yours. Copy it now: it is shown this once.</p>
      <label className="field">Secret<input readOnly className="code" value={secret} onFocus={(event) => event.target.select()} /></label>
      <div className="actions end">
        <button type="button" onClick={() => void navigator.clipboard.writeText(secret).then(() => toast('Copied'))}>Copy</button>
        <button type="button" className="primary" onClick={() => onClose()}>Done</button>
      </div>
    </Dialog>
  );
}

/** A form for a new webhook, or for one that there is. */
export function WebhookForm({ webhook, onClose }: { webhook: Webhook | null; onClose(secret?: string): void }) {
  const client = useClient();
  const [name, setName] = useState(webhook?.name ?? '');
  const [url, setUrl] = useState(webhook?.url ?? '');
  const [chosen, setChosen] = useState<Type[]>(webhook?.types ?? ['SEGMENT_MEMBERS_CHANGED']);
  const [segments, setSegments] = useState(webhook?.segments?.map(({ key }) => key).join(', ') ?? '');
  const [groups, setGroups] = useState(webhook?.groups?.map(({ key }) => key).join(', ') ?? '');
  const [fields, setFields] = useState(webhook?.fields.join(', ') ?? '');
  const [people, setPeople] = useState(webhook?.peoplePerMessage ?? 500);
  const [wrong, setWrong] = useState<string | null>(null);
  const save = async () => {
    const filter = (text: string) => (readNames(text).length > 0 ? readNames(text) : null);
    const input = { name, url, types: chosen, segments: filter(segments), groups: filter(groups), fields: readNames(fields), peoplePerMessage: people };
    if (webhook) {
      const { data, error } = await client.mutation(updateMutation, { input: { ...input, id: webhook.id, ifVersion: webhook.version } }).toPromise();
      const problem = error ? describeError(error) : describeUserErrors(data?.updateWebhook.userErrors);
      setWrong(problem);
      if (problem === null) onClose();
      return;
    }
    const { data, error } = await client.mutation(createMutation, { input }).toPromise();
    setWrong(error ? describeError(error) : describeUserErrors(data?.createWebhook.userErrors));
    if (data?.createWebhook.secret) onClose(data.createWebhook.secret);
  };
  return (
    <Dialog title={webhook ? `Edit “${webhook.name}”` : 'New webhook'} onClose={() => onClose()}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label className="field">What it is for<input required placeholder="shop" value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label className="field">URL<input required type="url" placeholder="https://shop.example.com/rollcall" value={url} onChange={(event) => setUrl(event.target.value)} /></label>
        <fieldset className="plain">
          <legend>Messages</legend>
          {types.map((type) => (
            <label key={type} className="check">
              <input type="checkbox" checked={chosen.includes(type)} onChange={(event) => setChosen(event.target.checked ? [...chosen, type] : chosen.filter((each) => each !== type))} />
              {words(type)}
            </label>
          ))}
        </fieldset>
        <label className="field">Segments<input value={segments} onChange={(event) => setSegments(event.target.value)} /><small className="hint">Keys with commas between them. All, if empty.</small></label>
        <label className="field">Groups<input value={groups} onChange={(event) => setGroups(event.target.value)} /><small className="hint">Keys with commas between them. All, if empty.</small></label>
        <label className="field">Fields of people<input placeholder="firstName, custom.plan" value={fields} onChange={(event) => setFields(event.target.value)} /><small className="hint">Beside id and email.</small></label>
        <label className="field">People in a message<input type="number" min={1} max={1000} value={people} onChange={(event) => setPeople(event.target.valueAsNumber || 1)} /></label>
        {wrong && <Notice kind="error" title="Nothing was saved"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={() => onClose()}>Cancel</button><button type="submit" className="primary" disabled={chosen.length === 0}>{webhook ? 'Save' : 'Make the webhook'}</button></div>
      </form>
    </Dialog>
  );
}
