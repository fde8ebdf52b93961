import { useQuery, type Client } from 'urql';
import { Link } from 'wouter';
import { describeError } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { StateBadge, words } from '../ui/badge';
import { count, formatChange, formatNumber, formatShare, people } from '../ui/format';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page, Panel } from '../ui/page';
import { Loading } from '../ui/loading';

const overviewQuery = graphql(`
  query Overview {
    statusCounts { status count }
    segments(first: 100) {
      totalCount
      nodes { id key name state memberCount problems { message } nextRefreshAt lastRefresh { joinedCount leftCount } }
    }
    groups(first: 0) { totalCount }
    refreshes(first: 1) { nodes { id state trigger asOf startedAt finishedAt progress error segments { joinedCount leftCount } } }
    imports(first: 5) { nodes { id number fileName state progress } }
  }
`);

/** Asks for the overview while the server is still asked who is there; the page finds the answer in the cache. */
export function askAhead(client: Client): void {
  void client.query(overviewQuery, {}).toPromise();
}

export function Overview() {
  const [{ data, error }] = useQuery({ query: overviewQuery });
  return (
    <Page title="Overview">
      {error && <Notice kind="error" title="The overview could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!data && !error && <Loading what="the overview" />}
      {data && <Found data={data} />}
    </Page>
  );
}

type Data = ResultOf<typeof overviewQuery>;

function Found({ data }: { data: Data }) {
  const { audienceCount, canWrite } = useShell();
  const counts = data.statusCounts.map(({ status, count }) => ({ status: status.toLowerCase(), count }));
  const total = counts.reduce((sum, each) => sum + each.count, 0) || audienceCount;
  const invalid = data.segments.nodes.filter((segment) => segment.state === 'INVALID');
  const refresh = data.refreshes.nodes[0];
  const next = data.segments.nodes.map((segment) => segment.nextRefreshAt).filter((at) => at !== null).sort()[0];
  const running = data.imports.nodes.filter((each) => ['RUNNING', 'UNDOING', 'READY'].includes(each.state));
  const segments = [...data.segments.nodes].sort((a, b) => rank(a.state) - rank(b.state));
  return (
    <>
      {invalid.length > 0 && (
        <Notice kind="warning" title={`${count(invalid.length, 'segment is', 'segments are')} invalid and not refreshed`}>
          <ul className="plain">
            {invalid.map((each) => (
              <li key={each.id}><Link href={`/segments/${each.key}`}>{each.name}</Link>: {each.problems[0]?.message}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Panel title="People" className="audience">
        <p className="big">{formatNumber(total)}</p>
        <StatusBar counts={counts} total={total} />
        <ul className="legend">
          {counts.map(({ status, count }) => (
            <li key={status}><span className={`swatch ${status}`} />{words(status)} <strong className="number">{formatNumber(count)}</strong> <span className="hint">{formatShare(total ? count / total : 0)}</span></li>
          ))}
        </ul>
      </Panel>
      <div className="columns">
        <Panel title="Refresh" actions={<Link href="/refreshes">All refreshes</Link>}>
          {refresh ? (
            <dl className="facts">
              <div><dt>Last</dt><dd><Moment at={refresh.asOf} /> <StateBadge state={refresh.state} /></dd></div>
              <div><dt>Changed</dt><dd>{people(sum(refresh.segments, 'joinedCount'))} joined, {formatNumber(sum(refresh.segments, 'leftCount'))} left</dd></div>
              {refresh.error && <div><dt>Error</dt><dd>{refresh.error}</dd></div>}
              <div><dt>Next</dt><dd>{next ? <><Moment at={next} /> (<Moment at={next} exact />)</> : 'no segment is refreshed daily'}</dd></div>
            </dl>
          ) : <Empty>No refresh yet. The first segment starts one.</Empty>}
        </Panel>
        <Panel title="Running now">
          {running.length === 0 && refresh?.state !== 'RUNNING' ? <Empty>Nothing is running.</Empty> : (
            <ul className="plain">
              {refresh?.state === 'RUNNING' && <li><Link href="/refreshes">Refresh</Link> <progress aria-label="Progress of the refresh" value={refresh.progress} /></li>}
              {running.map((each) => (
                <li key={each.id}><Link href={`/imports/${encodeURIComponent(each.id)}`}>Import {each.number}: {each.fileName}</Link> <progress aria-label={`Progress of import ${each.number}`} value={each.progress} /></li>
              ))}
            </ul>
          )}
        </Panel>
      </div>
      <Panel title="Segments" actions={canWrite && <Link className="button primary" href="/segments/new">New segment</Link>}>
        {segments.length === 0 ? <Empty>No segment yet. Make the first one: its count is shown while you write the rule.</Empty> : (
          <ul className="tiles">
            {segments.slice(0, 8).map((each) => (
              <li key={each.id}>
                <Link href={`/segments/${each.key}`}>
                  <span className="tile-name">{each.name}</span>
                  <span className="big">{formatNumber(each.memberCount)}</span>
                  <span className="hint">
                    {each.state === 'READY' && each.lastRefresh
                      ? `${formatChange(each.lastRefresh)} at the last refresh`
                      : words(each.state)}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
        <p className="hint">{count(data.segments.totalCount, 'segment', 'segments')} and {count(data.groups.totalCount, 'group', 'groups')}</p>
      </Panel>
    </>
  );
}

function rank(state: string): number {
  return state === 'INVALID' ? 0 : state === 'PENDING' ? 1 : 2;
}

function sum<K extends string>(list: readonly Record<K, number>[], key: K): number {
  return list.reduce((total, each) => total + each[key], 0);
}

function StatusBar({ counts, total }: { counts: { status: string; count: number }[]; total: number }) {
  let start = 0;
  return (
    <svg className="status-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      {counts.map(({ status, count }) => {
        const width = total ? (100 * count) / total : 0;
        const x = start;
        start += width;
        return <rect key={status} className={status} x={x} width={width} height="4" />;
      })}
    </svg>
  );
}
