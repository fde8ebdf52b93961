import { useMemo, useState } from 'react';
import { useQuery, type Client } from 'urql';
import { Link } from 'wouter';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { useShell } from '../api/shell';
import { StateBadge, words } from '../ui/badge';
import { Sparkline } from '../ui/chart';
import { formatChange, formatNumber } from '../ui/format';
import { Icon } from '../ui/icon';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, SearchField, usePaging, PAGE_SIZE } from '../ui/pager';
import { useDebounced } from '../ui/use-debounced';

const segmentsQuery = graphql(`
  query Segments($withArchived: Boolean!, $search: String, $tag: String, $orderBy: SegmentOrderBy!, $direction: SortDirection!, $first: Int!, $after: String) {
    segments(withArchived: $withArchived, search: $search, tag: $tag, orderBy: $orderBy, direction: $direction, first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id key name tags summary state mode archivedAt memberCount
        lastRefresh { joinedCount leftCount refresh { id asOf } }
      }
    }
  }
`);

// Asked for after the list, which is painted sooner without it.
const linesQuery = graphql(`
  query SegmentLines($withArchived: Boolean!, $search: String, $tag: String, $orderBy: SegmentOrderBy!, $direction: SortDirection!, $first: Int!, $after: String, $from: DateTime!, $to: DateTime!) {
    segments(withArchived: $withArchived, search: $search, tag: $tag, orderBy: $orderBy, direction: $direction, first: $first, after: $after) {
      nodes { id growth(from: $from, to: $to, by: WEEK) { start memberCount } }
    }
  }
`);

const orders = {
  NAME: { label: 'by name', direction: 'ASCENDING' },
  MEMBER_COUNT: { label: 'largest first', direction: 'DESCENDING' },
  UPDATED: { label: 'last changed first', direction: 'DESCENDING' },
  ADDED: { label: 'newest first', direction: 'DESCENDING' },
} as const;

/** How far back sparklines go. */
const SPARK_DAYS = 180;

export function useSpan(days: number) {
  const { now } = useShell();
  return useMemo(() => {
    const to = now();
    return { from: new Date(to.getTime() - days * 86_400_000).toISOString(), to: to.toISOString() };
  }, [now, days]);
}

const firstList = { withArchived: false, search: null, tag: null, orderBy: 'NAME', direction: 'ASCENDING', first: PAGE_SIZE, after: null } as const;

/** Asks for the list while the server is still asked who is there; the page finds the answer in the cache. */
export function askAhead(client: Client): void {
  void client.query(segmentsQuery, firstList).toPromise();
}

export function Segments() {
  const { canWrite } = useShell();
  const [text, setText] = useState('');
  const [withArchived, setArchived] = useState(false);
  const [tag, setTag] = useState<string | null>(null);
  const [orderBy, setOrder] = useState<keyof typeof orders>('NAME');
  const search = useDebounced(text.trim());
  const paging = usePaging();
  const span = useSpan(SPARK_DAYS);
  const variables = { ...firstList, withArchived, search: search || null, tag, orderBy, direction: orders[orderBy].direction, after: paging.after };
  const [{ data, error }] = useQuery({ query: segmentsQuery, variables });
  const [{ data: lines }] = useQuery({ query: linesQuery, variables: { ...variables, ...span }, pause: !data });
  const growthOf = useMemo(() => new Map(lines?.segments.nodes.map(({ id, growth }) => [id, growth])), [lines]);
  const shown = data?.segments.nodes ?? [];
  return (
    <Page title="Segments" lead="People who are chosen by a rule." actions={canWrite && <Link className="button primary" href="/segments/new">New segment</Link>}>
      <div className="filters">
        <SearchField label="Find segments" placeholder="Find by name or key" value={text} onChange={(text) => { setText(text); paging.reset(); }} />
        <label className="inline-label">
          Order
          <select value={orderBy} onChange={(event) => { setOrder(event.target.value as keyof typeof orders); paging.reset(); }}>
            {Object.entries(orders).map(([order, { label }]) => <option key={order} value={order}>{label}</option>)}
          </select>
        </label>
        {tag !== null && <span className="tag">{tag}<button type="button" className="quiet icon-only" aria-label={`Show all, not only ${tag}`} onClick={() => setTag(null)}><Icon name="close" /></button></span>}
        <label className="check"><input type="checkbox" checked={withArchived} onChange={(event) => { setArchived(event.target.checked); paging.reset(); }} /> with archived</label>
      </div>
      {error && <Notice kind="error" title="The segments could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!data && !error && <Loading what="segments" />}
      {data && shown.length === 0 && (
        <Empty>{search ? `No segment is called “${text}”.` : <>No segment yet. <Link href="/segments/new">Make the first one</Link>: its count is shown while you write the rule.</>}</Empty>
      )}
      {data && shown.length > 0 && (
        <>
          <div className="table-box">
            <table>
              <thead><tr><th className="wide">Segment</th><th className="number">Members</th><th>Half a year</th><th>Mode</th><th>Last refresh</th></tr></thead>
              <tbody>
                {shown.map((each) => (
                  <tr key={each.id}>
                    <th scope="row">
                      <Link href={`/segments/${each.key}`}>{each.name}</Link>
                      {each.archivedAt ? <> <span className="badge plain">Archived</span></> : each.state !== 'READY' && <> <StateBadge state={each.state} /></>}
                      {each.tags.map((name) => <button key={name} type="button" className="tag tag-button" aria-label={`Only segments with the tag ${name}`} onClick={() => { setTag(name); paging.reset(); }}>{name}</button>)}
                      <small className="hint clip">{each.summary ?? 'The rule has problems'}</small>
                    </th>
                    <td className="number" data-label="Members">{formatNumber(each.memberCount)}</td>
                    <td data-label="Half a year">{growthOf.has(each.id) ? <Sparkline points={growthOf.get(each.id)!} {...span} /> : <span className="sparkline" />}</td>
                    <td data-label="Mode">{words(each.mode)}</td>
                    <td data-label="Last refresh">
                      {each.lastRefresh?.refresh ? (
                        <><Moment at={each.lastRefresh.refresh.asOf} /><small className="hint"> {formatChange(each.lastRefresh)}</small></>
                      ) : 'never'}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <Pager paging={paging} shown={data.segments.nodes.length} totalCount={data.segments.totalCount} pageInfo={data.segments.pageInfo} what="segments" />
        </>
      )}
    </Page>
  );
}
