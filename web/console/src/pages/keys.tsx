import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { useShell } from '../api/shell';
import { Badge, words } from '../ui/badge';
import { Dialog } from '../ui/dialog';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';
import { toast } from '../ui/toasts';

const keysQuery = graphql(`
  query Keys($first: Int!, $after: String) {
    apiKeys(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id name prefix scopes createdAt expiresAt lastUsedAt revokedAt isUsable }
    }
  }
`);

const createMutation = graphql(`
  mutation CreateKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) { secret apiKey { id name } userErrors { path message hint code } }
  }
`);
const revokeMutation = graphql(`
  mutation RevokeKey($input: RevokeApiKeyInput!) {
    revokeApiKey(input: $input) { apiKey { id revokedAt } userErrors { path message hint code } }
  }
`);

export function Keys() {
  const client = useClient();
  const { isAdmin, isOpen } = useShell();
  const paging = usePaging();
  const [isMaking, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<{ id: string; name: string } | null>(null);
  const [{ data, error }, again] = useQuery({ query: keysQuery, variables: { first: PAGE_SIZE, after: paging.after }, pause: !isAdmin });
  if (!isAdmin) return <Page title="API keys"><Notice kind="info" title="This page needs a key with the scope Admin" /></Page>;
  const keys = data?.apiKeys;
  const revoke = async () => {
    const { data, error } = await client.mutation(revokeMutation, { input: { id: revoking!.id } }).toPromise();
    toast((error ? describeError(error) : describeUserErrors(data?.revokeApiKey.userErrors)) ?? `The key “${revoking!.name}” is revoked`);
    setRevoking(null);
    again({ requestPolicy: 'network-only' });
  };
  return (
    <Page title="API keys" lead="With a key a program asks the API and a person signs in here." actions={<button type="button" className="primary" onClick={() => setMaking(true)}>New key</button>}>
      {isOpen && <Notice kind="info" title="No key exists, so every program on this machine may do everything"><p>Once there is a key, the API and this console need one. Make the first with the scope Admin, or you lock yourself out of this page.</p></Notice>}
      {error && <Notice kind="error" title="The keys could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!keys && !error && <Loading what="keys" />}
      {keys && keys.nodes.length === 0 && <Empty>No key yet.</Empty>}
      {keys && keys.nodes.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>Key</th><th>May</th><th>Made</th><th>Last used</th><th>Expires</th><th><span className="hidden">Actions</span></th></tr></thead>
              <tbody>
                {keys.nodes.map((key) => (
                  <tr key={key.id}>
                    <th scope="row">{key.name} <small><code>{key.prefix}…</code></small> {!key.isUsable && <Badge tone="bad">{key.revokedAt ? 'Revoked' : 'Expired'}</Badge>}</th>
                    <td data-label="May">{key.scopes.map(words).join(', ')}</td>
                    <td data-label="Made"><Moment at={key.createdAt} /></td>
                    <td data-label="Last used">{key.lastUsedAt ? <Moment at={key.lastUsedAt} /> : 'never'}</td>
                    <td data-label="Expires">{key.expiresAt ? <Moment at={key.expiresAt} /> : 'never'}</td>
                    <td className="row-actions">{key.isUsable && <button type="button" className="quiet" onClick={() => setRevoking(key)}>Revoke<span className="hidden"> {key.name}</span></button>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={keys.nodes.length} totalCount={keys.totalCount} pageInfo={keys.pageInfo} what="keys" />
        </>
      )}
      {isMaking && <NewKey onClose={() => { setMaking(false); again({ requestPolicy: 'network-only' }); }} />}
      {revoking && (
        <Dialog title={`Revoke the key “${revoking.name}”?`} onClose={() => setRevoking(null)}>
          <p>Programs that use it are refused at once, and sessions that began with it end. It cannot be undone.</p>
          <div className="actions end"><button type="button" onClick={() => setRevoking(null)}>Cancel</button><button type="button" className="danger" onClick={() => void revoke()}>Revoke</button></div>
        </Dialog>
      )}
    </Page>
  );
}

const scopes = { READ: 'ask for everything about the audience', WRITE: 'change the audience', ADMIN: 'all of that, and API keys' } as const;
type Scope = keyof typeof scopes;

function NewKey({ onClose }: { onClose(): void }) {
  const client = useClient();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<Scope[]>(['READ']);
  const [expires, setExpires] = useState('');
  const [secret, setSecret] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  const make = async () => {
    const input = { name: name.trim(), scopes: chosen, ...(expires ? { expiresAt: `${expires}T00:00:00Z` } : {}) };
    const { data, error } = await client.mutation(createMutation, { input }).toPromise();
    setWrong(error ? describeError(error) : describeUserErrors(data?.createApiKey.userErrors));
    setSecret(data?.createApiKey.secret ?? null);
  };
  if (secret !== null) {
    return (
      <Dialog title="The key was made" onClose={onClose}>
        <p>Copy it now: it is shown this once and stored nowhere.</p>
        <label className="field">Key<input readOnly className="code" value={secret} onFocus={(event) => event.target.select()} /></label>
        <div className="actions end">
          <button type="button" onClick={() => void navigator.clipboard.writeText(secret).then(() => toast('Copied'))}>Copy</button>
          <button type="button" className="primary" onClick={onClose}>Done</button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void make(); }}>
        <label className="field">What it is for<input required placeholder="shop" value={name} onChange={(event) => setName(event.target.value)} /></label>
        <fieldset className="plain">
          <legend>What it may do</legend>
          {(Object.keys(scopes) as Scope[]).map((scope) => (
            <label key={scope} className="check">
              <input type="checkbox" checked={chosen.includes(scope)} onChange={(event) => setChosen(event.target.checked ? [...chosen, scope] : chosen.filter((each) => each !== scope))} />
              {words(scope)}: {scopes[scope]}
            </label>
          ))}
        </fieldset>
        <label className="field">Expires on<input type="date" value={expires} onChange={(event) => setExpires(event.target.value)} /><small className="hint">Never, if empty.</small></label>
        {wrong && <Notice kind="error" title="No key was made"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary" disabled={chosen.length === 0}>Make the key</button></div>
      </form>
    </Dialog>
  );
}
