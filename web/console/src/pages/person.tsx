import { useState } from 'react';
import { useQuery } from 'urql';
import { Link, useSearchParams } from 'wouter';
import { describeError } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { StatusBadge, words } from '../ui/badge';
import { formatNumber } from '../ui/format';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Empty, Failed, Page, Panel } from '../ui/page';
import { Tabs } from '../ui/tabs';
import { PersonActions } from './person-actions';
import { PersonValues } from './person-values';
import { Reasons } from './reasons';

const personQuery = graphql(`
  query Person($id: ID!) {
    subscriber(id: $id) {
      id email status version firstName lastName phone country region city postalCode language timezone birthday source
      createdAt updatedAt subscribedAt unsubscribedAt
      customFields { key value }
      groups(first: 100) { edges { addedAt node { id key name } } }
      segments(first: 100) { edges { joinedAt node { id key name } } }
      history(first: 50) { totalCount nodes { at direction segment { id key name } } }
      eventTotals { name count firstAt lastAt sum }
      events(first: 50) { totalCount nodes { id name occurredAt value properties } }
      statusHistory(first: 50) { nodes { at from to source reason consentSource } }
    }
  }
`);

export type PersonData = NonNullable<ResultOf<typeof personQuery>['subscriber']>;

const tabs = ['reasons', 'values', 'events', 'history'] as const;

export function Person({ id }: { id: string }) {
  const [{ data, error }, again] = useQuery({ query: personQuery, variables: { id } });
  const person = data?.subscriber;
  if (error && !data) return <Failed title="The person could not be loaded"><p>{describeError(error)}</p></Failed>;
  if (!data) return <Loading what="the person" />;
  if (!person) return <Failed title="This person does not exist, or was deleted"><Link href="/people">All people</Link></Failed>;
  return <Shown person={person} again={() => again({ requestPolicy: 'network-only' })} />;
}

function Shown({ person, again }: { person: PersonData; again(): void }) {
  const [parameters, setParameters] = useSearchParams();
  const { canWrite } = useShell();
  const tab = tabs.find((each) => each === parameters.get('tab')) ?? 'reasons';
  const name = [person.firstName, person.lastName].filter(Boolean).join(' ');
  return (
    <Page
      title={person.email}
      parent={{ href: '/people', label: 'People' }}
      badges={<StatusBadge status={person.status} />}
      lead={<p>{name ? <>{name}, added </> : 'Added '}<Moment at={person.createdAt} />{person.source && <> from {person.source}</>}</p>}
      actions={<PersonActions person={person} canWrite={canWrite} />}
    >
      <div className="columns">
        <Belonging title="Segments" empty="In no segment." list={person.segments.edges.map(({ joinedAt, node }) => ({ ...node, href: `/segments/${node.key}`, since: joinedAt }))} />
        <Belonging title="Groups" empty="In no group." list={person.groups.edges.map(({ addedAt, node }) => ({ ...node, href: `/groups/${node.key}`, since: addedAt }))} />
      </div>
      <Tabs
        label="Parts of the person"
        tabs={[['reasons', 'Why in, why not'], ['values', 'Values'], ['events', 'Events'], ['history', 'History']]}
        active={tab}
        onChoose={(tab) => setParameters(tab === 'reasons' ? {} : { tab }, { replace: true })}
      >
        {tab === 'reasons' && <Reasons personId={person.id} />}
        {tab === 'values' && <PersonValues person={person} canWrite={canWrite} onSaved={again} />}
        {tab === 'events' && <Events person={person} />}
        {tab === 'history' && <History person={person} />}
      </Tabs>
    </Page>
  );
}

interface Belongs {
  id: string;
  name: string;
  href: string;
  since: string | null;
}

function Belonging({ title, empty, list }: { title: string; empty: string; list: Belongs[] }) {
  return (
    <Panel title={title}>
      {list.length === 0 ? <Empty>{empty}</Empty> : (
        <ul className="plain">
          {list.map(({ id, name, href, since }) => (
            <li key={id}><Link href={href}>{name}</Link> <small className="hint">{since ? <>joined <Moment at={since} /></> : 'joined long ago'}</small></li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Events({ person }: { person: PersonData }) {
  const [name, setName] = useState('');
  const { eventTotals, events } = person;
  if (eventTotals.length === 0) return <Empty>No events.</Empty>;
  const shown = events.nodes.filter((event) => name === '' || event.name === name);
  return (
    <>
      <dl className="stats">
        {eventTotals.map((total) => (
          <div key={total.name}>
            <dt>{total.name}</dt>
            <dd className="big">{formatNumber(total.count)}</dd>
            <dd><small>sum {formatNumber(total.sum)}, last <Moment at={total.lastAt} /></small></dd>
          </div>
        ))}
      </dl>
      {eventTotals.length > 1 && (
        <label className="inline-label">Event<select value={name} onChange={(event) => setName(event.target.value)}><option value="">all</option>{eventTotals.map((total) => <option key={total.name}>{total.name}</option>)}</select></label>
      )}
      <div className="table-box">
        <table>
          <thead><tr><th>When</th><th>Event</th><th className="number">Value</th><th>Properties</th></tr></thead>
          <tbody>
            {shown.map((event) => (
              <tr key={event.id}>
                <th scope="row"><Moment at={event.occurredAt} exact /></th>
                <td data-label="Event">{event.name}</td>
                <td className="number" data-label="Value">{event.value === null ? '–' : formatNumber(event.value)}</td>
                <td data-label="Properties">{describeProperties(event.properties)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="hint">The newest {formatNumber(events.nodes.length)} of {formatNumber(events.totalCount)}.</p>
    </>
  );
}

function describeProperties(properties: unknown): string {
  if (typeof properties !== 'object' || properties === null) return '–';
  const entries = Object.entries(properties);
  return entries.length === 0 ? '–' : entries.map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ');
}

function History({ person }: { person: PersonData }) {
  const entries = [
    ...person.history.nodes.map(({ at, direction, segment }) => ({
      at, key: `${at} ${direction} ${segment?.key ?? ''}`,
      what: <>{words(direction)} {segment ? <Link href={`/segments/${segment.key}`}>{segment.name}</Link> : 'a deleted segment'}</>,
    })),
    ...person.statusHistory.nodes.map(({ at, from, to, source, reason, consentSource }) => ({
      at, key: `${at} ${to}`,
      what: <>Status {from && <>from {words(from)} </>}to <StatusBadge status={to} /> <small className="hint">by {source}{reason && `: ${reason}`}{consentSource && ` (${consentSource})`}</small></>,
    })),
  ].sort((a, b) => b.at.localeCompare(a.at));
  if (entries.length === 0) return <Empty>Nothing has changed yet.</Empty>;
  return (
    <ol className="timeline">
      {entries.map(({ at, key, what }) => <li key={key}><Moment at={at} exact /><span>{what}</span></li>)}
    </ol>
  );
}
