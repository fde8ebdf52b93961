// Why a person is in a segment or not: what was seen at each node of its rule, and what is wanted.
import { useState } from 'react';
import { useQuery } from 'urql';
import { Link, useSearchParams } from 'wouter';
import { capital, describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { Icon } from '../ui/icon';
import { lastSegment } from './last-segment';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Empty } from '../ui/page';

const segmentsQuery = graphql(`
  query SegmentChoices { segments(first: 200) { nodes { id key name } } }
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
  const segment = segments.find((each) => each.key === chosen) ?? segments[0]!;
  return (
    <div className="reasons">
      <label className="field">
        Segment
        <select value={segment.key} onChange={(event) => setChosen(event.target.value)}>
          {segments.map(({ id, key, name }) => <option key={id} value={key}>{name}</option>)}
        </select>
      </label>
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
        return (
        <li key={node.path}>
          <div className={`reason ${node.isTrue ? 'is' : 'not'}`}>
            <Icon name={node.isTrue ? 'yes' : 'no'} />
            <span className="reason-text">
              <span className="hidden">{node.isTrue ? 'True: ' : 'False: '}</span>
              {denied ? <><span className="not">Not</span> {told.text}</> : capital(told.text)}
            </span>
            {(told.seen !== null || told.wanted !== null) && (
              <span className="seen">
                {told.seen !== null && <>found <strong>{told.seen}</strong></>}
                {told.wanted !== null && <span className="hint"> {denied ? 'not wanted' : 'wanted'}: {told.wanted}</span>}
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
