import { useEffect, useState } from 'react';
import { useQuery, useSubscription } from 'urql';
import { Link, useSearchParams } from 'wouter';
import { describeError } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { Badge, StateBadge, words } from '../ui/badge';
import { formatChange, formatNumber, formatShare } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Failed, Page } from '../ui/page';
import { Tabs } from '../ui/tabs';
import { usePolling } from '../ui/use-polling';
import { rememberSegment } from './last-segment';
import { SegmentActions } from './segment-actions';
import { SegmentChanges } from './segment-changes';
import { SegmentGrowth } from './segment-growth';
import { SegmentMembers } from './members';
import { SegmentRule } from './segment-rule';

const segmentQuery = graphql(`
  query Segment($key: String!) {
    segment(key: $key) {
      id key name description tags summary state mode version archivedAt memberCount nextRefreshAt
      problems { path message hint }
      lastRefresh { joinedCount leftCount evaluationSeconds refresh { id asOf } }
      usedBy { id key name }
      dependsOn { kind name segment { id key name } group { id key name } }
    }
  }
`);

const refreshSubscription = graphql(`
  subscription SegmentRefreshProgress { refreshProgress { id state progress } }
`);

export type SegmentData = NonNullable<ResultOf<typeof segmentQuery>['segment']>;

const tabs = ['members', 'growth', 'changes', 'rule'] as const;

export function SegmentPage({ segmentKey }: { segmentKey: string }) {
  const [{ data, error }, again] = useQuery({ query: segmentQuery, variables: { key: segmentKey } });
  const segment = data?.segment;
  const load = () => again({ requestPolicy: 'network-only' });
  usePolling(isAwaited(segment) || error?.networkError !== undefined, load);
  if (error && !data) return <Failed title="The segment could not be loaded"><p>{describeError(error)}</p></Failed>;
  if (!data) return <Loading what="the segment" />;
  if (!segment) return <Failed title={`No segment has the key “${segmentKey}”`}><Link href="/segments">All segments</Link></Failed>;
  return <Shown segment={segment} again={load} />;
}

/** Whether a refresh is about to find the members. An archived segment is not refreshed. */
function isAwaited(segment: SegmentData | null | undefined): boolean {
  return segment?.state === 'PENDING' && !segment.archivedAt;
}

function Shown({ segment, again }: { segment: SegmentData; again(): void }) {
  const [parameters, setParameters] = useSearchParams();
  const [generation, setGeneration] = useState(0);
  const { audienceCount, canWrite } = useShell();
  const tab = tabs.find((each) => each === parameters.get('tab')) ?? 'members';
  const isPending = isAwaited(segment);
  useEffect(() => rememberSegment(segment.key), [segment.key]);
  // The parts are loaded again after a change, and once the members are known.
  const part = `${generation} ${isPending}`;
  const changed = () => {
    again();
    setGeneration((generation) => generation + 1);
  };
  return (
    <Page
      title={segment.name}
      parent={{ href: '/segments', label: 'Segments' }}
      badges={<>{segment.archivedAt ? <Badge>Archived</Badge> : <StateBadge state={segment.state} />}<Badge>{words(segment.mode)}</Badge>{segment.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}</>}
      lead={<><p className="summary">{segment.summary ?? 'The rule of this segment has problems.'}</p>{segment.description && <p>{segment.description}</p>}</>}
      actions={canWrite && <SegmentActions segment={segment} onChanged={changed} />}
    >
      {isPending && <WaitForRefresh onDone={again} />}
      {segment.problems.length > 0 && (
        <Notice kind="warning" title="This segment is not refreshed until its rule is mended">
          <ul className="plain">{segment.problems.map(({ path, message, hint }) => <li key={path + message}>{message}{hint && `; ${hint}`}</li>)}</ul>
          <Link href={`/segments/${segment.key}/edit`}>Edit the rule</Link>
        </Notice>
      )}
      <dl className="stats">
        <div><dt>Members</dt><dd className="big">{formatNumber(segment.memberCount)}</dd></div>
        <div><dt>Of the audience</dt><dd className="big">{formatShare(audienceCount ? segment.memberCount / audienceCount : 0)}</dd></div>
        <div>
          <dt>Last refresh</dt>
          <dd>{segment.lastRefresh?.refresh ? <><Moment at={segment.lastRefresh.refresh.asOf} /><small>{formatChange(segment.lastRefresh)}</small></> : 'never'}</dd>
        </div>
        <div><dt>Next refresh</dt><dd>{segment.nextRefreshAt ? <Moment at={segment.nextRefreshAt} /> : segment.mode === 'INSTANT' ? 'after each change' : 'none'}</dd></div>
      </dl>
      <Relations segment={segment} />
      <Tabs
        label="Parts of the segment"
        tabs={[['members', 'Members'], ['growth', 'Growth'], ['changes', 'Joined and left'], ['rule', 'Rule and versions']]}
        active={tab}
        onChoose={(tab) => setParameters(tab === 'members' ? {} : { tab }, { replace: true })}
      >
        {tab === 'members' && <SegmentMembers key={part} segmentKey={segment.key} isPending={isPending} />}
        {tab === 'growth' && <SegmentGrowth key={part} segmentKey={segment.key} />}
        {tab === 'changes' && <SegmentChanges key={part} segmentKey={segment.key} />}
        {tab === 'rule' && <SegmentRule key={generation} segment={segment} onChanged={changed} />}
      </Tabs>
    </Page>
  );
}

/** Follows the refresh that a change of the rule started. */
function WaitForRefresh({ onDone }: { onDone(): void }) {
  const [{ data }] = useSubscription({ query: refreshSubscription }, (_, next) => {
    if (next.refreshProgress.state !== 'RUNNING') setTimeout(onDone);
    return next;
  });
  const progress = data?.refreshProgress.state === 'RUNNING' ? data.refreshProgress.progress : undefined;
  return (
    <Notice kind="info" title="The members are being found">
      <p><progress aria-label="Progress of the refresh" value={progress} /> <button type="button" className="link" onClick={onDone}>Look again</button></p>
    </Notice>
  );
}

function Relations({ segment }: { segment: SegmentData }) {
  if (segment.usedBy.length === 0 && segment.dependsOn.length === 0) return null;
  return (
    <dl className="relations">
      {segment.dependsOn.length > 0 && (
        <div>
          <dt>Depends on</dt>
          <dd>
            {segment.dependsOn.map(({ kind, name, segment: other, group }) => (
              <span key={kind + name} className="tag">
                {other ? <Link href={`/segments/${other.key}`}>{other.name}</Link> : group ? <Link href={`/groups/${group.key}`}>{group.name}</Link> : name}
                <small>{kind.toLowerCase()}</small>
              </span>
            ))}
          </dd>
        </div>
      )}
      {segment.usedBy.length > 0 && (
        <div><dt>Used by</dt><dd>{segment.usedBy.map(({ id, key, name }) => <span key={id} className="tag"><Link href={`/segments/${key}`}>{name}</Link></span>)}</dd></div>
      )}
    </dl>
  );
}
