import { useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { capital, describeError } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { describeActor } from '../ui/actor';
import { words } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, SearchField, usePaging } from '../ui/pager';
import { useDebounced } from '../ui/use-debounced';

const auditQuery = graphql(`
  query Audit($filter: AuditFilterInput, $first: Int!, $after: String) {
    auditLog(filter: $filter, first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges {
        cursor
        node {
          at action peer requestId count fields definitionVersionBefore definitionVersionAfter
          actor { kind name keyPrefix }
          target { type id key }
        }
      }
    }
  }
`);

type Entry = ResultOf<typeof auditQuery>['auditLog']['edges'][number]['node'];

export function Audit() {
  const { isAdmin } = useShell();
  const [action, setAction] = useState('');
  const [who, setWho] = useState('');
  const actions = useDebounced(action.trim());
  const actorName = useDebounced(who.trim());
  const paging = usePaging();
  const filter = useMemo(() => ({ ...(actions ? { actions: [actions] } : {}), ...(actorName ? { actorName } : {}) }), [actions, actorName]);
  const [{ data, error }] = useQuery({ query: auditQuery, variables: { filter, first: PAGE_SIZE, after: paging.after }, pause: !isAdmin });
  if (!isAdmin) return <Page title="Audit log"><Notice kind="info" title="This page needs a key with the scope Admin" /></Page>;
  const log = data?.auditLog;
  return (
    <Page title="Audit log" lead="Who did what, newest first.">
      <div className="filters">
        <SearchField label="Only this action" placeholder="updateSegment" value={action} onChange={(text) => { setAction(text); paging.reset(); }} />
        <SearchField label="Only this actor" placeholder="Key, its prefix, or user" value={who} onChange={(text) => { setWho(text); paging.reset(); }} />
      </div>
      {error && <Notice kind="error" title="The audit log could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!log && !error && <Loading what="entries" />}
      {log && log.edges.length === 0 && <Empty>{actions || actorName ? 'No entry matches.' : 'Nothing has been done yet.'}</Empty>}
      {log && log.edges.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th>Action</th><th>To</th><th>Who</th><th>From</th><th>When</th></tr></thead>
              <tbody>
                {log.edges.map(({ cursor, node }) => (
                  <tr key={cursor}>
                    <th scope="row">{node.action}<Details entry={node} /></th>
                    <td data-label="To"><Target entry={node} /></td>
                    <td data-label="Who">{node.actor.name === null ? capital(describeActor(node.actor)) : describeActor(node.actor)}</td>
                    <td data-label="From">{node.peer ?? '–'}</td>
                    <td data-label="When"><Moment at={node.at} exact /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={log.edges.length} totalCount={log.totalCount} pageInfo={log.pageInfo} what="entries" />
        </>
      )}
    </Page>
  );
}

function Details({ entry }: { entry: Entry }) {
  const { fields, definitionVersionBefore: before, definitionVersionAfter: after } = entry;
  const versions = before !== null || after !== null ? `version ${before ?? 'none'} → ${after ?? 'none'}` : null;
  const said = [fields.join(', '), versions].filter(Boolean).join('; ');
  return said ? <div><small className="hint">{said}</small></div> : null;
}

/** Where the console has a page for what an entry is about. */
function placeOf({ type, id, key }: NonNullable<Entry['target']>): string | null {
  switch (type) {
    case 'SEGMENT': return key === null ? null : `/segments/${encodeURIComponent(key)}`;
    case 'GROUP': return key === null ? null : `/groups/${encodeURIComponent(key)}`;
    case 'SUBSCRIBER': return id === null ? null : `/people/${encodeURIComponent(id)}`;
    case 'IMPORT': return id === null ? null : `/imports/${encodeURIComponent(id)}`;
    default: return null;
  }
}

function Target({ entry: { target, count } }: { entry: Entry }) {
  const number = count === null ? '' : ` (${formatNumber(count)})`;
  if (!target) return count === null ? '–' : formatNumber(count);
  const place = placeOf(target);
  const name = `${words(target.type)}${target.key === null ? '' : ` ${target.key}`}`;
  return <>{place ? <Link href={place}>{name}</Link> : name}{number}</>;
}
