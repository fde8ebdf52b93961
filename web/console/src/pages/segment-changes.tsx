import { useState } from 'react';
import { useQuery } from 'urql';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { PeopleList } from '../rule/preview-panel';
import { words } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Empty } from '../ui/page';
import { Pager, PAGE_SIZE, usePaging } from '../ui/pager';

const changesQuery = graphql(`
  query SegmentChanges($key: String!, $first: Int!, $after: String) {
    segment(key: $key) {
      id
      changes(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { cursor node { joinedCount leftCount deletedCount memberCount refresh { id asOf trigger } } }
      }
    }
  }
`);

// The change after the cursor of the one before it: who joined and left is asked for only when it is opened.
const whoQuery = graphql(`
  query WhoChanged($key: String!, $after: String) {
    segment(key: $key) {
      id
      changes(first: 1, after: $after) {
        nodes {
          refresh { id }
          joined(first: 20) { nodes { id email firstName lastName } }
          left(first: 20) { nodes { id email firstName lastName } }
        }
      }
    }
  }
`);

export function SegmentChanges({ segmentKey }: { segmentKey: string }) {
  const paging = usePaging();
  const [{ data, error }] = useQuery({ query: changesQuery, variables: { key: segmentKey, first: PAGE_SIZE, after: paging.after } });
  const changes = data?.segment?.changes;
  return (
    <>
      {error && <Notice kind="error" title="The changes could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!changes && !error && <Loading what="changes" />}
      {changes && changes.edges.length === 0 && <Empty>No refresh has changed the members yet.</Empty>}
      {changes && changes.edges.length > 0 && (
        <>
          <ul className="changes">
            {changes.edges.map(({ node }, index) => (
              <Change
                key={node.refresh.id}
                segmentKey={segmentKey}
                change={node}
                after={index === 0 ? paging.after : changes.edges[index - 1]!.cursor}
              />
            ))}
          </ul>
          <Pager paging={paging} shown={changes.edges.length} totalCount={changes.totalCount} pageInfo={changes.pageInfo} what="changes" />
        </>
      )}
    </>
  );
}

interface ChangeProps {
  segmentKey: string;
  after: string | null;
  change: {
    joinedCount: number; leftCount: number; deletedCount: number; memberCount: number;
    refresh: { asOf: string; trigger: string };
  };
}

function Change({ segmentKey, change, after }: ChangeProps) {
  const [isOpen, setOpen] = useState(false);
  const [{ data, error }] = useQuery({ query: whoQuery, variables: { key: segmentKey, after }, pause: !isOpen });
  const who = isOpen ? data?.segment?.changes.nodes[0] : undefined;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className="change-when"><Moment at={change.refresh.asOf} exact /> <small className="hint">{words(change.refresh.trigger)} refresh</small></span>
          <span className="joined number">+{formatNumber(change.joinedCount)}</span>
          <span className="left number">−{formatNumber(change.leftCount)}</span>
          <span className="number total">{formatNumber(change.memberCount)} members</span>
        </summary>
        {error && <p className="problem">{describeError(error)}</p>}
        {isOpen && !who && !error && <Loading what="people" />}
        {who && (
          <div className="columns">
            <section><h2 className="minor">Joined</h2>{who.joined.nodes.length ? <PeopleList people={who.joined.nodes} total={change.joinedCount} /> : <p className="hint">none</p>}</section>
            <section><h2 className="minor">Left</h2>{who.left.nodes.length ? <PeopleList people={who.left.nodes} total={change.leftCount} /> : <p className="hint">none</p>}</section>
          </div>
        )}
        {change.deletedCount > 0 && <p className="hint">{formatNumber(change.deletedCount)} of those who joined or left were deleted since.</p>}
      </details>
    </li>
  );
}
