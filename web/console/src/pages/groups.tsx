import { useState } from 'react';
import { useClient, useQuery } from 'urql';
import { Link, useLocation } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql } from '../api/graphql';
import { useShell } from '../api/shell';
import { Dialog } from '../ui/dialog';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, SearchField, usePaging } from '../ui/pager';
import { useDebounced } from '../ui/use-debounced';
import { toKey } from './edit-segment';

const groupsQuery = graphql(`
  query Groups($search: String, $first: Int!, $after: String) {
    groups(search: $search, first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id key name description memberCount createdAt }
    }
  }
`);

const createMutation = graphql(`
  mutation CreateGroup($input: CreateGroupInput!) {
    createGroup(input: $input) { group { id key } userErrors { path message hint code } }
  }
`);

export function Groups() {
  const { canWrite } = useShell();
  const [text, setText] = useState('');
  const [isMaking, setMaking] = useState(false);
  const search = useDebounced(text.trim());
  const paging = usePaging();
  const [{ data, error }] = useQuery({ query: groupsQuery, variables: { search: search || null, first: PAGE_SIZE, after: paging.after } });
  const groups = data?.groups;
  return (
    <Page
      title="Groups"
      lead="People who were chosen by hand. A group changes only when a person changes it."
      actions={canWrite && <button type="button" className="primary" onClick={() => setMaking(true)}>New group</button>}
    >
      <div className="filters">
        <SearchField label="Find groups" placeholder="Find by name or key" value={text} onChange={(text) => { setText(text); paging.reset(); }} />
      </div>
      {error && <Notice kind="error" title="The groups could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!groups && !error && <Loading what="groups" />}
      {groups && groups.nodes.length === 0 && <Empty>{search ? `No group is called “${search}”.` : 'No group yet.'}</Empty>}
      {groups && groups.nodes.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>Group</th><th className="number">Members</th><th>Made</th></tr></thead>
              <tbody>
                {groups.nodes.map((each) => (
                  <tr key={each.id}>
                    <th scope="row"><Link href={`/groups/${each.key}`}>{each.name}</Link>{each.description && <small className="hint clip">{each.description}</small>}</th>
                    <td className="number" data-label="Members">{formatNumber(each.memberCount)}</td>
                    <td data-label="Made"><Moment at={each.createdAt} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={groups.nodes.length} totalCount={groups.totalCount} pageInfo={groups.pageInfo} what="groups" />
        </>
      )}
      {isMaking && <NewGroup onClose={() => setMaking(false)} />}
    </Page>
  );
}

function NewGroup({ onClose }: { onClose(): void }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [name, setName] = useState('');
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const make = async () => {
    const { data, error } = await client.mutation(createMutation, { input: { name: name.trim(), key } }).toPromise();
    const problem = error ? describeError(error) : describeUserErrors(data?.createGroup.userErrors);
    setWrong(problem);
    if (problem === null) navigate(`/groups/${data!.createGroup.group!.key}`);
  };
  return (
    <Dialog title="New group" onClose={onClose}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); void make(); }}>
        <label className="field">Name<input required value={name} onChange={(event) => { if (key === toKey(name)) setKey(toKey(event.target.value)); setName(event.target.value); }} /></label>
        <label className="field">Key<input required className="code" value={key} onChange={(event) => setKey(event.target.value)} /><small className="hint">The name for programs. It cannot be changed later.</small></label>
        {wrong && <Notice kind="error" title="The group was not made"><p className="lines">{wrong}</p></Notice>}
        <div className="actions end"><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary">Make the group</button></div>
      </form>
    </Dialog>
  );
}
