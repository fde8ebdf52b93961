import { useMemo, useState } from 'react';
import { useQuery } from 'urql';
import { useLocation, useSearchParams } from 'wouter';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { RuleEditor } from '../rule/editor';
import { useRuleHistory } from '../rule/history';
import { usePreview } from '../rule/preview';
import { toCountable } from '../rule/countable';
import { branch, type Branch } from '../rule/tree';
import { useVocabulary, type Vocabulary } from '../rule/vocabulary';
import { people } from '../ui/format';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Empty, Page } from '../ui/page';
import { Pager, PAGE_SIZE, SearchField, usePaging } from '../ui/pager';
import { useDebounced } from '../ui/use-debounced';
import { OrderField, PeopleTable, type Order } from './members';
import { writeDraft } from '../rule/draft';
import { both, searchPeople } from './people-search';

const peopleQuery = graphql(`
  query People($filter: SubscriberFilter, $search: String, $orderBy: SubscriberOrderBy!, $first: Int!, $after: String) {
    subscribers(filter: $filter, search: $search, orderBy: $orderBy, first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id email firstName lastName status country createdAt }
    }
  }
`);

export function People() {
  const [parameters] = useSearchParams();
  const [text, setText] = useState(() => parameters.get('search') ?? '');
  const [orderBy, setOrder] = useState<Order>('ADDED');
  const [rule, setRule] = useState<unknown>(null);
  const [isFiltering, setFiltering] = useState(false);
  const typed = useDebounced(text.trim());
  const paging = usePaging();
  const { search, filter } = useMemo(() => {
    const found = searchPeople(typed);
    const ruleJson = both(rule, found.rule);
    return { search: found.search, filter: ruleJson === null ? null : { ruleJson } };
  }, [rule, typed]);
  const [{ data, error }] = useQuery({ query: peopleQuery, variables: { filter, search, orderBy, first: PAGE_SIZE, after: paging.after } });
  const found = data?.subscribers;
  return (
    <Page title="People" lead="All people you can address.">
      <div className="filters">
        <SearchField label="Find people by the beginning of their name or e-mail address" placeholder="Name or e-mail address" value={text} onChange={(text) => { setText(text); paging.reset(); }} />
        <OrderField value={orderBy} onChange={(order) => { setOrder(order); paging.reset(); }} />
        <button type="button" aria-expanded={isFiltering} onClick={() => setFiltering(!isFiltering)}>{rule === null ? 'Filter by a rule' : 'Filtered by a rule'}</button>
      </div>
      {isFiltering && <Filter onChange={(rule) => { setRule(rule); paging.reset(); }} onClose={() => { setRule(null); setFiltering(false); }} />}
      {error && <Notice kind="error" title="The people could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!found && !error && <Loading what="people" />}
      {found && found.nodes.length === 0 && <Empty>{filter || search ? (typed ? 'No person has a name or an e-mail address that begins like this.' : 'No person matches.') : 'There are no people yet. Import a list to begin.'}</Empty>}
      {found && found.nodes.length > 0 && (
        <>
          <PeopleTable rows={found.nodes.map((node) => ({ ...node, since: node.createdAt }))} since="Added" />
          <Pager paging={paging} shown={found.nodes.length} totalCount={found.totalCount} pageInfo={found.pageInfo} what="people" />
        </>
      )}
    </Page>
  );
}

function Filter({ onChange, onClose }: { onChange(rule: unknown): void; onClose(): void }) {
  const { vocabulary } = useVocabulary();
  return vocabulary ? <FilterEditor vocabulary={vocabulary} onChange={onChange} onClose={onClose} /> : <Loading what="the rule editor" />;
}

function FilterEditor({ vocabulary, onChange, onClose }: { vocabulary: Vocabulary; onChange(rule: unknown): void; onClose(): void }) {
  const history = useRuleHistory(() => branch('all', []));
  const preview = usePreview(history.root, null);
  const [, navigate] = useLocation();
  const saveAsSegment = (root: Branch) => {
    writeDraft(null, { name: '', key: '', description: '', mode: 'DAILY', tags: [], version: null, savedAt: Date.now(), rule: toCountable(root).rule });
    navigate('/segments/new');
  };
  return (
    <section className="panel" aria-label="Filter by a rule">
      <RuleEditor history={history} preview={preview} vocabulary={vocabulary} />
      <div className="actions end">
        {preview.answer?.memberCount != null && <span className="hint">{people(preview.answer.memberCount)} match</span>}
        <button type="button" onClick={onClose}>Remove the filter</button>
        <button type="button" onClick={() => saveAsSegment(history.root)}>Make a segment of it</button>
        <button type="button" className="primary" onClick={() => onChange(toCountable(history.root).rule)}>Show these people</button>
      </div>
    </section>
  );
}
