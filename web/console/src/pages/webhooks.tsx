import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { Badge, words } from '../ui/badge';
import { Dialog } from '../ui/dialog';
import { Loading } from '../ui/loading';
import { Menu } from '../ui/menu';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';
import { toast } from '../ui/toasts';
import { SecretDialog, WebhookForm } from './webhook-form';

const webhooksQuery = graphql(`
  query Webhooks($first: Int!, $after: String) {
    webhooks(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id name url types fields peoplePerMessage version isEnabled disabledReason disabledSince failureCount failingSince nextAttemptAt
        segments { key }
        groups { key }
      }
    }
  }
`);
const attemptsQuery = graphql(`
  query Attempts($id: ID!) {
    webhook(id: $id) { attempts(first: 20) { messageId type attempt attemptedAt durationMs isDelivered status error answer } }
  }
`);
const updateMutation = graphql(`
  mutation EnableWebhook($input: UpdateWebhookInput!) { updateWebhook(input: $input) { webhook { id isEnabled } userErrors { path message hint code } } }
`);
const deleteMutation = graphql(`
  mutation DeleteWebhook($input: DeleteWebhookInput!) { deleteWebhook(input: $input) { deletedId userErrors { path message hint code } } }
`);
const testMutation = graphql(`
  mutation TestWebhook($input: SendTestWebhookInput!) {
    sendTestWebhook(input: $input) { attempt { isDelivered status error } userErrors { path message hint code } }
  }
`);
const rotateMutation = graphql(`
  mutation RotateSecret($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) { secret userErrors { path message hint code } } }
`);
const replayMutation = graphql(`
  mutation ReplayWebhook($input: ReplayWebhookInput!) { replayWebhook(input: $input) { webhook { id } userErrors { path message hint code } } }
`);

export type Webhook = ResultOf<typeof webhooksQuery>['webhooks']['nodes'][number];
type Open = { what: 'edit' | 'attempts' | 'rotate' | 'replay' | 'delete'; webhook: Webhook } | { what: 'new' } | { what: 'secret'; secret: string } | null;

export function Webhooks() {
  const client = useClient();
  const { isAdmin } = useShell();
  const paging = usePaging();
  const [open, setOpen] = useState<Open>(null);
  const [{ data, error }, again] = useQuery({ query: webhooksQuery, variables: { first: PAGE_SIZE, after: paging.after }, pause: !isAdmin });
  if (!isAdmin) return <Page title="Webhooks"><Notice kind="info" title="This page needs a key with the scope Admin" /></Page>;
  const webhooks = data?.webhooks;
  const close = (secret?: string) => {
    setOpen(secret ? { what: 'secret', secret } : null);
    again({ requestPolicy: 'network-only' });
  };
  const test = async ({ id, name }: Webhook) => {
    const { data, error } = await client.mutation(testMutation, { input: { id } }).toPromise();
    const attempt = data?.sendTestWebhook.attempt;
    const outcome = attempt && `“${name}” ${attempt.status === null ? `did not answer: ${attempt.error}` : `answered ${attempt.status}`}`;
    toast((error ? describeError(error) : describeUserErrors(data?.sendTestWebhook.userErrors)) ?? outcome ?? '');
  };
  const enable = async (webhook: Webhook) => {
    const isEnabled = !webhook.isEnabled;
    const { data, error } = await client.mutation(updateMutation, { input: { id: webhook.id, isEnabled } }).toPromise();
    toast((error ? describeError(error) : describeUserErrors(data?.updateWebhook.userErrors)) ?? `“${webhook.name}” is ${isEnabled ? 'enabled' : 'disabled'}`);
    close();
  };
  return (
    <Page title="Webhooks" lead="Other systems are told when members, people and groups change." actions={<button type="button" className="primary" onClick={() => setOpen({ what: 'new' })}>New webhook</button>}>
      {error && <Notice kind="error" title="The webhooks could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!webhooks && !error && <Loading what="webhooks" />}
      {webhooks && webhooks.nodes.length === 0 && <Empty>No webhook yet.</Empty>}
      {webhooks && webhooks.nodes.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>Webhook</th><th>Messages</th><th>State</th><th><span className="hidden">Actions</span></th></tr></thead>
              <tbody>
                {webhooks.nodes.map((webhook) => (
                  <tr key={webhook.id}>
                    <th scope="row">{webhook.name} <small><code>{webhook.url}</code></small></th>
                    <td data-label="Messages">{webhook.types.map(words).join(', ')}</td>
                    <td data-label="State"><State webhook={webhook} /></td>
                    <td className="row-actions">
                      <Menu label="More actions" name={`Actions: ${webhook.name}`} iconOnly>
                        <button type="button" onClick={() => setOpen({ what: 'attempts', webhook })}>Last attempts</button>
                        <button type="button" onClick={() => void test(webhook)}>Send a test</button>
                        <button type="button" onClick={() => setOpen({ what: 'edit', webhook })}>Edit</button>
                        <button type="button" onClick={() => void enable(webhook)}>{webhook.isEnabled ? 'Disable' : 'Enable'}</button>
                        <button type="button" onClick={() => setOpen({ what: 'replay', webhook })}>Send again</button>
                        <button type="button" onClick={() => setOpen({ what: 'rotate', webhook })}>New secret</button>
                        <button type="button" className="danger" onClick={() => setOpen({ what: 'delete', webhook })}>Delete</button>
                      </Menu>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={webhooks.nodes.length} totalCount={webhooks.totalCount} pageInfo={webhooks.pageInfo} what="webhooks" />
        </>
      )}
      {open?.what === 'new' && <WebhookForm webhook={null} onClose={close} />}
      {open?.what === 'edit' && <WebhookForm webhook={open.webhook} onClose={close} />}
      {open?.what === 'secret' && <SecretDialog secret={open.secret} onClose={close} />}
      {open?.what === 'attempts' && <Attempts webhook={open.webhook} onClose={close} />}
      {open?.what === 'replay' && <Replay webhook={open.webhook} onClose={close} />}
      {open?.what === 'rotate' && (
        <Sure title={`Make a new secret for “${open.webhook.name}”?`} button="Make a new secret" onClose={close} act={async () => {
          const { data, error } = await client.mutation(rotateMutation, { input: { id: open.webhook.id } }).toPromise();
          const wrong = error ? describeError(error) : describeUserErrors(data?.rotateWebhookSecret.userErrors);
          if (wrong) toast(wrong);
          close(data?.rotateWebhookSecret.secret ?? undefined);
        }}>
          <p>For 24 hours messages are signed with the former secret, too, so that the receiver can change over.</p>
        </Sure>
      )}
      {open?.what === 'delete' && (
        <Sure title={`Delete the webhook “${open.webhook.name}”?`} button="Delete" onClose={close} act={async () => {
          const { data, error } = await client.mutation(deleteMutation, { input: { id: open.webhook.id } }).toPromise();
          toast((error ? describeError(error) : describeUserErrors(data?.deleteWebhook.userErrors)) ?? `The webhook “${open.webhook.name}” is deleted`);
          close();
        }}>
          <p>It is told nothing any more. It cannot be undone.</p>
        </Sure>
      )}
    </Page>
  );
}

function State({ webhook }: { webhook: Webhook }) {
  const { isEnabled, disabledReason, disabledSince, failureCount, nextAttemptAt } = webhook;
  if (!isEnabled) return <><Badge tone={disabledReason === 'MANUAL' ? 'plain' : 'bad'}>Disabled</Badge> {disabledReason && reasons[disabledReason]} {disabledSince && <Moment at={disabledSince} />}</>;
  if (failureCount > 0) return <><Badge tone="warn">Failing</Badge> {failureCount} failed in a row; the next attempt: {nextAttemptAt && <Moment at={nextAttemptAt} />}</>;
  return <Badge tone="good">Enabled</Badge>;
}

const reasons = { MANUAL: 'by an administrator', GONE: 'the receiver answered 410 Gone', FAILING: 'nothing but failures for three days', RESTORED: 'the database was restored from a backup' };

interface SureProps {
  title: string;
  button: string;
  children: React.ReactNode;
  act(): Promise<void>;
  onClose(): void;
}

function Sure({ title, button, children, act, onClose }: SureProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div className="actions end"><button type="button" onClick={() => onClose()}>Cancel</button><button type="button" className="danger" onClick={() => void act()}>{button}</button></div>
    </Dialog>
  );
}

function Replay({ webhook, onClose }: { webhook: Webhook; onClose(): void }) {
  const client = useClient();
  const { now } = useShell();
  const [since, setSince] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const replay = async (moment: string) => {
    const { data, error } = await client.mutation(replayMutation, { input: { id: webhook.id, since: moment } }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.replayWebhook.userErrors);
    setWrong(problem);
    if (problem === null) onClose();
  };
  return (
    <Dialog title={`Send “${webhook.name}” changes again`} onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void replay(`${since}T00:00:00Z`); }}>
        <label className="field">Everything since<input required type="date" value={since} onChange={(event) => setSince(event.target.value)} /><small className="hint">From the beginning of that day in UTC. The messages get new ids.</small></label>
        {wrong && <Notice kind="error" title="Nothing is sent again"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end">
          <button type="button" onClick={() => void replay(new Date(now().getTime() - 1000).toISOString())}>Skip what waits</button>
          <button type="submit" className="primary">Send again</button>
        </div>
      </form>
    </Dialog>
  );
}

function Attempts({ webhook, onClose }: { webhook: Webhook; onClose(): void }) {
  const [{ data, error }] = useQuery({ query: attemptsQuery, variables: { id: webhook.id }, requestPolicy: 'network-only' });
  const attempts = data?.webhook?.attempts;
  return (
    <Dialog title={`Last attempts of “${webhook.name}”`} onClose={onClose} wide>
      {error && <Notice kind="error" title="The attempts could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!attempts && !error && <Loading what="attempts" />}
      {attempts && attempts.length === 0 && <Empty>Nothing was sent yet.</Empty>}
      {attempts && attempts.length > 0 && (
        <div className="table-box">
          <table>
            <thead><tr><th>Message</th><th>When</th><th>Outcome</th></tr></thead>
            <tbody>
              {attempts.map((attempt) => (
                <tr key={`${attempt.messageId} ${attempt.attempt} ${attempt.attemptedAt}`}>
                  <th scope="row"><code>{attempt.type}</code> {attempt.attempt > 1 && <small>attempt {attempt.attempt}</small>}</th>
                  <td data-label="When"><Moment at={attempt.attemptedAt} /></td>
                  <td data-label="Outcome">
                    <Badge tone={attempt.isDelivered ? 'good' : 'bad'}>{attempt.status ?? 'No answer'}</Badge> {attempt.error ?? `${attempt.durationMs} ms`}
                    {attempt.answer && <details><summary>Answer</summary><pre className="code">{attempt.answer}</pre></details>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Dialog>
  );
}
