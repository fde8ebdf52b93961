import { useClient, useQuery, useSubscription } from 'urql';
import { Link } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { StateBadge, words } from '../ui/badge';
import { count, formatChange, formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, usePaging, PAGE_SIZE } from '../ui/pager';
import { toast } from '../ui/toasts';
import { usePolling } from '../ui/use-polling';

const refreshesQuery = graphql(`
  query Refreshes($first: Int!, $after: String) {
    refreshes(first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id asOf startedAt finishedAt state trigger error progress
        segments { joinedCount leftCount memberCount evaluationSeconds problems { message } segment { id key name } }
      }
    }
  }
`);

const startMutation = graphql(`
  mutation RefreshAll($input: RefreshSegmentsInput!) {
    refreshSegments(input: $input) { refresh { id state } userErrors { path message hint code } }
  }
`);

const progressSubscription = graphql(`
  subscription RefreshProgress { refreshProgress { id state progress } }
`);

type Refresh = ResultOf<typeof refreshesQuery>['refreshes']['nodes'][number];

export function Refreshes() {
  const client = useClient();
  const { canWrite, refreshAt, timeZone } = useShell();
  const paging = usePaging();
  const [{ data, error }, again] = useQuery({ query: refreshesQuery, variables: { first: PAGE_SIZE, after: paging.after } });
  const [{ data: live }] = useSubscription({ query: progressSubscription }, (_, next) => {
    if (next.refreshProgress.state !== 'RUNNING') setTimeout(() => again({ requestPolicy: 'network-only' }));
    return next;
  });
  const running = live?.refreshProgress.state === 'RUNNING' ? live.refreshProgress : undefined;
  const refreshes = data?.refreshes;
  usePolling(error?.networkError !== undefined || (refreshes?.nodes.some(({ state }) => state === 'RUNNING') ?? false), () => again({ requestPolicy: 'network-only' }));
  const start = async () => {
    const { data, error } = await client.mutation(startMutation, { input: {} }).toPromise();
    toast((error ? describeError(error) : describeUserErrors(data?.refreshSegments.userErrors)) ?? 'The refresh has started');
    again({ requestPolicy: 'network-only' });
  };
  return (
    <Page
      title="Refreshes"
      lead={`Daily segments are refreshed at ${refreshAt} (${timeZone}).`}
      actions={canWrite && <button type="button" className="primary" onClick={() => void start()}>Refresh all now</button>}
    >
      {running && <Notice kind="info" title="A refresh is running"><progress aria-label="Progress of the refresh" value={running.progress} /></Notice>}
      {error && <Notice kind="error" title="The refreshes could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!refreshes && !error && <Loading what="refreshes" />}
      {refreshes && refreshes.nodes.length === 0 && <Empty>No refresh yet.</Empty>}
      {refreshes && refreshes.nodes.length > 0 && (
        <>
          <ul className="changes">{refreshes.nodes.map((each) => <Entry key={each.id} refresh={each} />)}</ul>
          <Pager paging={paging} shown={refreshes.nodes.length} totalCount={refreshes.totalCount} pageInfo={refreshes.pageInfo} what="refreshes" />
        </>
      )}
    </Page>
  );
}

function Entry({ refresh }: { refresh: Refresh }) {
  const { asOf, startedAt, finishedAt, state, trigger, error, segments } = refresh;
  const seconds = finishedAt ? (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000 : null;
  const sum = (key: 'joinedCount' | 'leftCount') => segments.reduce((total, each) => total + each[key], 0);
  return (
    <li>
      <details>
        <summary>
          <span className="change-when"><Moment at={asOf} exact /> <small className="hint">{words(trigger)}{seconds !== null && `, ${formatNumber(Math.round(seconds * 100) / 100)} s`}</small></span>
          <StateBadge state={state} />
          <span className="of-segments">{count(segments.length, 'segment', 'segments')}</span>
          <span className="joined number">+{formatNumber(sum('joinedCount'))}</span>
          <span className="left number">−{formatNumber(sum('leftCount'))}</span>
        </summary>
        {error && <p className="problem">{error}</p>}
        <ul className="plain refresh-segments">
          {segments.map((each, index) => (
            <li key={each.segment?.id ?? index}>
              {each.segment ? <Link href={`/segments/${each.segment.key}`}>{each.segment.name}</Link> : 'a deleted segment'}
              {' '}<small className="hint">{formatNumber(each.memberCount)} members, {formatChange(each)}{each.evaluationSeconds !== null && `, ${each.evaluationSeconds.toFixed(3)} s`}</small>
              {each.problems.map(({ message }) => <small key={message} className="unread">{message}</small>)}
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}
