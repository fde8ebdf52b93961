import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { Link, useLocation } from 'wouter';
import { download } from '../api/download';
import { base } from '../api/place';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { Badge } from '../ui/badge';
import { TagsField } from '../ui/combobox-lazy';
import { Dialog } from '../ui/dialog';
import { formatNumber, people } from '../ui/format';
import { Icon } from '../ui/icon';
import { Loading } from '../ui/loading';
import { Menu } from '../ui/menu';
import { Notice } from '../ui/notice';
import { Empty, Failed, Page } from '../ui/page';
import { Pager, PAGE_SIZE, SearchField, usePaging } from '../ui/pager';
import { toast } from '../ui/toasts';
import { useDebounced } from '../ui/use-debounced';
import { PeopleTable } from './members';

const groupQuery = graphql(`
  query Group($key: String!, $search: String, $first: Int!, $after: String) {
    group(key: $key) {
      id key name description tags memberCount version
      usedBy { id key name }
      members(search: $search, first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { addedAt node { id email firstName lastName status country } }
      }
    }
  }
`);

const addMutation = graphql(`
  mutation AddToGroup($input: AddToGroupInput!) {
    addToGroup(input: $input) { addedCount unchangedCount unknownCount group { id memberCount } userErrors { path message hint code } }
  }
`);

const removeMutation = graphql(`
  mutation RemoveFromGroup($input: RemoveFromGroupInput!) {
    removeFromGroup(input: $input) { removedCount group { id memberCount } userErrors { path message hint code } }
  }
`);

const deleteMutation = graphql(`
  mutation DeleteGroup($input: DeleteGroupInput!) { deleteGroup(input: $input) { deletedId userErrors { path message hint code } } }
`);

const updateMutation = graphql(`
  mutation UpdateGroup($input: UpdateGroupInput!) { updateGroup(input: $input) { group { id version } userErrors { path message hint code } } }
`);

type Group = NonNullable<ResultOf<typeof groupQuery>['group']>;

export function GroupPage({ groupKey }: { groupKey: string }) {
  const client = useClient();
  const { canWrite } = useShell();
  const [text, setText] = useState('');
  const search = useDebounced(text.trim());
  const paging = usePaging();
  const [{ data, error }, again] = useQuery({ query: groupQuery, variables: { key: groupKey, search: search || null, first: PAGE_SIZE, after: paging.after } });
  if (error && !data) return <Failed title="The group could not be loaded"><p>{describeError(error)}</p></Failed>;
  if (!data) return <Loading what="the group" />;
  const { group } = data;
  if (!group) return <Failed title={`No group has the key “${groupKey}”`}><Link href="/groups">All groups</Link></Failed>;
  const remove = async (id: string, email: string) => {
    const { data, error } = await client.mutation(removeMutation, { input: { group: group.key, subscriberIds: [id] } }).toPromise();
    toast((error ? describeError(error) : describeUserErrors(data?.removeFromGroup.userErrors)) ?? `${email} was removed from the group`);
    again({ requestPolicy: 'network-only' });
  };
  const { members } = group;
  return (
    <Page
      title={group.name}
      parent={{ href: '/groups', label: 'Groups' }}
      lead={<p>{group.description ?? `${people(group.memberCount)}, chosen by hand.`}</p>}
      badges={group.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}
      actions={<GroupActions group={group} canWrite={canWrite} onChanged={() => again({ requestPolicy: 'network-only' })} />}
    >
      {group.usedBy.length > 0 && (
        <dl className="relations"><div><dt>Used by</dt><dd>{group.usedBy.map(({ id, key, name }) => <span key={id} className="tag"><Link href={`/segments/${key}`}>{name}</Link></span>)}</dd></div></dl>
      )}
      <div className="filters">
        <SearchField label="Find members by the beginning of their e-mail address" placeholder="E-mail address begins with" value={text} onChange={(text) => { setText(text); paging.reset(); }} />
      </div>
      {members.edges.length === 0 ? <Empty>{search ? 'No member matches.' : 'This group has no members yet.'}</Empty> : (
        <>
          <PeopleTable
            rows={members.edges.map(({ addedAt, node }) => ({ ...node, since: addedAt }))}
            since="Added"
            {...(canWrite ? { action: (row) => <button type="button" className="quiet" onClick={() => void remove(row.id, row.email)}>Remove<span className="hidden"> {row.email}</span></button> } : {})}
          />
          <Pager paging={paging} shown={members.edges.length} totalCount={members.totalCount} pageInfo={members.pageInfo} what="members" />
        </>
      )}
    </Page>
  );
}

function GroupActions({ group, canWrite, onChanged }: { group: Group; canWrite: boolean; onChanged(): void }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [isAdding, setAdding] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const [isDeleting, setDeleting] = useState(false);
  const save = async () => {
    const wrong = await download(`${base}/export/group/${encodeURIComponent(group.key)}`, `${group.key}.csv`);
    if (wrong) toast(wrong);
  };
  const remove = async () => {
    const { data, error } = await client.mutation(deleteMutation, { input: { id: group.id, ifVersion: group.version } }).toPromise();
    const wrong = error ? describeError(error) : describeUserErrors(data?.deleteGroup.userErrors);
    toast(wrong ?? 'The group was deleted; its people stay');
    setDeleting(false);
    if (wrong === null) navigate('/groups');
  };
  return (
    <>
      <Menu label="More" name="More actions">
        <button type="button" onClick={() => void save()}><Icon name="import" /> Export as CSV</button>
        {canWrite && <button type="button" onClick={() => setEditing(true)}><Icon name="edit" /> Edit name, description and tags</button>}
        {canWrite && <Link href={`/imports/new?group=${group.key}`}>Import a file into the group</Link>}
        {canWrite && <button type="button" className="danger" onClick={() => setDeleting(true)}><Icon name="bin" /> Delete the group</button>}
      </Menu>
      {canWrite && <button type="button" className="primary" onClick={() => setAdding(true)}>Add people</button>}
      {isAdding && <AddPeople group={group} onClose={() => setAdding(false)} onChanged={onChanged} />}
      {isEditing && <EditDialog group={group} onClose={() => setEditing(false)} onChanged={onChanged} />}
      {isDeleting && (
        <Dialog title={`Delete the group “${group.name}”?`} onClose={() => setDeleting(false)}>
          <p>Its {people(group.memberCount)} stay; only the group is deleted.</p>
          <div className="actions end"><button type="button" onClick={() => setDeleting(false)}>Cancel</button><button type="button" className="danger" onClick={() => void remove()}>Delete</button></div>
        </Dialog>
      )}
    </>
  );
}

function EditDialog({ group, onClose, onChanged }: { group: Group; onClose(): void; onChanged(): void }) {
  const client = useClient();
  const [name, setName] = useState(group.name);
  const [description, setDescription] = useState(group.description ?? '');
  const [tags, setTags] = useState(group.tags);
  const [wrong, setWrong] = useState<string | null>(null);
  const save = async () => {
    const input = { id: group.id, ifVersion: group.version, name: name.trim(), description: description.trim() || null, tags };
    const { data, error } = await client.mutation(updateMutation, { input }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.updateGroup.userErrors);
    setWrong(problem);
    if (problem !== null) return;
    toast('The group was saved');
    onChanged();
    onClose();
  };
  return (
    <Dialog title={`Edit ${group.name}`} onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label className="field">Name<input required value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label className="field">Description<textarea rows={2} value={description} onChange={(event) => setDescription(event.target.value)} /></label>
        <div className="field">Tags<TagsField label="Tags" values={tags} suggestions={[]} placeholder="Add a tag" onChange={setTags} /></div>
        {wrong && <Notice kind="error" title="The group was not saved"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary">Save</button></div>
      </form>
    </Dialog>
  );
}

/** How many addresses one request may name. */
const MOST = 10_000;

function AddPeople({ group, onClose, onChanged }: { group: Group; onClose(): void; onChanged(): void }) {
  const client = useClient();
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const emails = [...new Set(text.split(/[\s,;<>"']+/).filter((word) => word.includes('@')))];
  const add = async () => {
    const { data, error } = await client.mutation(addMutation, { input: { group: group.key, emails } }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.addToGroup.userErrors);
    setWrong(problem);
    if (problem !== null || !data) return;
    const { addedCount, unchangedCount, unknownCount } = data.addToGroup;
    toast(`${people(addedCount)} added, ${formatNumber(unchangedCount)} in the group already, ${formatNumber(unknownCount)} not known`);
    onChanged();
    onClose();
  };
  return (
    <Dialog title={`Add people to “${group.name}”`} onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void add(); }}>
        <label className="field">
          E-mail addresses
          <textarea rows={8} required placeholder="One on each line, or copied from anywhere" value={text} onChange={(event) => setText(event.target.value)} />
          <small className="hint" role="status">{formatNumber(emails.length)} {emails.length === 1 ? 'address' : 'addresses'} found. Unknown addresses are skipped. To add new people, import a file.</small>
        </label>
        {emails.length > MOST && <Notice kind="warning" title={`At most ${formatNumber(MOST)} at a time`}><p>Import a file for more.</p></Notice>}
        {wrong && <Notice kind="error" title="No person was added"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary" disabled={emails.length === 0 || emails.length > MOST}>Add</button></div>
      </form>
    </Dialog>
  );
}
