// Members of a segment or a group, as a table.
import { useState, type ReactNode } from 'react';
import { useQuery } from 'urql';
import { Link } from 'wouter';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { StatusBadge, words } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty } from '../ui/page';
import { Pager, PAGE_SIZE, SearchField, usePaging } from '../ui/pager';
import { useDebounced } from '../ui/use-debounced';

const segmentMembersQuery = graphql(`
  query SegmentMembers($key: String!, $search: String, $status: SubscriberStatus, $orderBy: SubscriberOrderBy!, $first: Int!, $after: String) {
    segment(key: $key) {
      id
      statusCounts { status count }
      members(search: $search, status: $status, orderBy: $orderBy, first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { joinedAt node { id email firstName lastName status country } }
      }
    }
  }
`);

export interface Row {
  id: string;
  email: string;
  firstName: string | null;
  lastName: string | null;
  status: string;
  country: string | null;
  since?: string | null;
}

export function SegmentMembers({ segmentKey, isPending }: { segmentKey: string; isPending: boolean }) {
  const [orderBy, setOrder] = useState<Order>('ADDED');
  const [text, setText] = useState('');
  const [status, setStatus] = useState<Status | null>(null);
  const search = useDebounced(text.trim());
  const paging = usePaging();
  const [{ data, error }] = useQuery({
    query: segmentMembersQuery,
    variables: { key: segmentKey, search: search || null, status, orderBy, first: PAGE_SIZE, after: paging.after },
  });
  const members = data?.segment?.members;
  return (
    <>
      <div className="filters">
        <SearchField label="Find members by the beginning of their e-mail address" placeholder="E-mail address begins with" value={text} onChange={(text) => { setText(text); paging.reset(); }} />
        <StatusField counts={data?.segment?.statusCounts ?? []} value={status} onChange={(status) => { setStatus(status); paging.reset(); }} />
        <OrderField value={orderBy} onChange={(order) => { setOrder(order); paging.reset(); }} />
      </div>
      {error && <Notice kind="error" title="The members could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!members && !error && <Loading what="members" />}
      {members && members.edges.length === 0 && (isPending
        ? <Empty>The members are not known yet.</Empty>
        : <Empty>{search || status ? 'No member matches.' : 'This segment has no members.'} <Link href={search ? `/people?search=${encodeURIComponent(search)}` : '/people'}>{search ? 'Look among all people' : 'Open a person'}</Link> to read why they are not in it.</Empty>)}
      {members && members.edges.length > 0 && (
        <>
          <PeopleTable rows={members.edges.map(({ joinedAt, node }) => ({ ...node, since: joinedAt }))} since="Joined" />
          <Pager paging={paging} shown={members.edges.length} totalCount={members.totalCount} pageInfo={members.pageInfo} what="members" />
        </>
      )}
    </>
  );
}

export type Status = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'BOUNCED' | 'COMPLAINED' | 'PENDING';

/** A choice of a status, with how many have it. */
export function StatusField({ counts, value, onChange }: { counts: readonly { status: Status; count: number }[]; value: Status | null; onChange(status: Status | null): void }) {
  return (
    <label className="inline-label">
      Status
      <select value={value ?? ''} onChange={(event) => onChange((event.target.value || null) as Status | null)}>
        <option value="">all</option>
        {counts.filter(({ status, count }) => count > 0 || status === value).map(({ status, count }) => (
          <option key={status} value={status}>{words(status)} ({formatNumber(count)})</option>
        ))}
      </select>
    </label>
  );
}

export type Order = 'ADDED' | 'EMAIL';

export function OrderField({ value, onChange }: { value: Order; onChange(order: Order): void }) {
  return (
    <label className="inline-label">
      Order
      <select value={value} onChange={(event) => onChange(event.target.value === 'EMAIL' ? 'EMAIL' : 'ADDED')}>
        <option value="ADDED">as added</option>
        <option value="EMAIL">by e-mail address</option>
      </select>
    </label>
  );
}

/** A cell that may be empty: it is left out where rows are cards. */
function Cell({ label, children }: { label: string; children: string | null }) {
  return <td data-label={label} className={children ? undefined : 'none'}>{children || '–'}</td>;
}

interface TableProps {
  rows: Row[];
  /** The heading of the time in each row, if there is one. */
  since?: string;
  /** What can be done with a row. */
  action?: (row: Row) => ReactNode;
}

export function PeopleTable({ rows, since, action }: TableProps) {
  return (
    <div className="table-box">
      <table>
        <thead>
          <tr>
            <th>E-mail address</th><th>Name</th><th>Status</th><th>Country</th>
            {since && <th>{since}</th>}
            {action && <th><span className="hidden">Actions</span></th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row"><Link href={`/people/${encodeURIComponent(row.id)}`}>{row.email}</Link></th>
              <Cell label="Name">{[row.firstName, row.lastName].filter(Boolean).join(' ')}</Cell>
              <td data-label="Status"><StatusBadge status={row.status} /></td>
              <Cell label="Country">{row.country}</Cell>
              {since && <td data-label={since}>{row.since ? <Moment at={row.since} /> : 'long ago'}</td>}
              {action && <td className="row-actions">{action(row)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
