// Why a person is in a segment or not: what was seen at each node of its rule, and what is wanted.
import { useState } from 'react';
import { useQuery } from 'urql';
import { Link, useSearchParams } from 'wouter';
import { capital, describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { MOST_CHOICES } from '../rule/suggestions';
import { ChoiceField } from '../ui/choice-field';
import { Icon } from '../ui/icon';
import { lastSegment } from './last-segment';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Empty } from '../ui/page';
import { denyOnce } from '../rule/denied';

const segmentsQuery = graphql(`
  query ExplainableSegments { segments(first: 200) { nodes { id key name } } }
`);

const explainQuery = graphql(`
  query Explain($id: ID!, $segment: SegmentRef!) {
    subscriber(id: $id) {
      id
      explain(segment: $segment) {
        isMatch isMember asOf
        nodes { path parentPath kind text isTrue seen wanted }
        problems { message hint }
      }
    }
  }
`);

interface Node {
  path: string;
  parentPath: string | null;
  kind: string;
  text: string;
  isTrue: boolean;
  seen: string | null;
  wanted: string | null;
}

export function Reasons({ personId }: { personId: string }) {
  const [parameters] = useSearchParams();
  const [chosen, setChosen] = useState(() => parameters.get('segment') ?? lastSegment());
  const [{ data, error }] = useQuery({ query: segmentsQuery });
  const segments = data?.segments.nodes;
  if (error) return <Notice kind="error" title="The segments could not be loaded"><p>{describeError(error)}</p></Notice>;
  if (!segments) return <Loading what="segments" />;
  if (segments.length === 0) return <Empty>No segment to explain. <Link href="/segments/new">Make one</Link>.</Empty>;
  // One that is not among the first is known by its key only.
  const key = chosen ?? segments[0]!.key;
  const segment = segments.find((each) => each.key === key) ?? (segments.length < MOST_CHOICES ? segments[0]! : { key, name: null });
  return (
    <div className="reasons">
      <ChoiceField label="Segment" kind="segments" choices={segments} value={segment.key} onChange={setChosen} />
      <Explained key={segment.key} personId={personId} segment={segment} />
    </div>
  );
}

function Explained({ personId, segment }: { personId: string; segment: { key: string; name: string | null } }) {
  const [{ data, error }] = useQuery({ query: explainQuery, variables: { id: personId, segment: { key: segment.key } } });
  const explained = data?.subscriber?.explain;
  if (error) return <Notice kind="error" title="This could not be explained"><p>{describeError(error)}</p></Notice>;
  if (!explained) return <Loading what="reasons" />;
  const { isMatch, isMember, nodes, problems } = explained;
  if (isMatch === null) {
    return <Notice kind="warning" title="The rule of this segment has problems"><ul className="plain">{problems.map(({ message }) => <li key={message}>{message}</li>)}</ul></Notice>;
  }
  return (
    <>
      <p className={`verdict ${isMatch ? 'is' : 'not'}`}>
        <Icon name={isMatch ? 'yes' : 'no'} />
        <span>
          <strong>{isMatch ? 'Matches the rule' : 'Does not match the rule'} of “{segment.name ?? segment.key}”</strong>
          {isMember !== null && isMember !== isMatch && <> – the next refresh {isMatch ? 'lets this person in' : 'takes this person out'}</>}
        </span>
      </p>
      <ReasonTree nodes={nodes} parent={null} />
    </>
  );
}

function ReasonTree({ nodes, parent }: { nodes: readonly Node[]; parent: string | null }) {
  const here = nodes.filter((node) => node.parentPath === parent);
  if (here.length === 0) return null;
  return (
    <ul className="reason-tree">
      {here.map((node) => {
        const only = node.kind === 'NOT' ? nodes.filter((each) => each.parentPath === node.path) : [];
        const denied = only.length === 1 && nodes.every((each) => each.parentPath !== only[0]!.path) ? only[0]! : null;
        // A denied condition is one line: its own mark would say the opposite of what counts.
        const told = denied ?? node;
        const none = denied && denyOnce(denied.text);
        return (
        <li key={node.path}>
          <div className={`reason ${node.isTrue ? 'is' : 'not'}`}>
            <Icon name={node.isTrue ? 'yes' : 'no'} />
            <span className="reason-text">
              <span className="hidden">{node.isTrue ? 'True: ' : 'False: '}</span>
              {!denied ? capital(told.text) : none !== null ? capital(none) : <><span className="not">Not</span> {told.text}</>}
            </span>
            {(told.seen !== null || told.wanted !== null) && (
              <span className="seen">
                {told.seen !== null && <>found <strong>{told.seen}</strong></>}
                {told.wanted !== null && <span className="hint">{told.seen !== null && ', '}{none !== null ? 'wanted: none' : <>{denied ? 'not wanted' : 'wanted'}: {told.wanted}</>}</span>}
              </span>
            )}
          </div>
          {!denied && <ReasonTree nodes={nodes} parent={node.path} />}
        </li>
        );
      })}
    </ul>
  );
}
